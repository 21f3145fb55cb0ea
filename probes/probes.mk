# The BPF programs of ldphase, the objects that live inside a watched process, and what is left out where a tool is missing.

hash := \#
PROBE_HAS = $(shell echo '$(hash)include <$(1)>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo 1)
BPF_CLANG ?= $(firstword $(shell command -v clang clang-14 2>/dev/null))
BPFTOOL ?= $(firstword $(shell command -v bpftool /usr/sbin/bpftool 2>/dev/null))
HAVE_BPF ?= $(if $(and $(BPF_CLANG),$(BPFTOOL),$(call PROBE_HAS,bpf/libbpf.h)),1,0)
HAVE_LZMA ?= $(if $(call PROBE_HAS,lzma.h),1,0)
HAVE_SDT ?= $(if $(call PROBE_HAS,sys/sdt.h),1,0)

BPF_GEN := $(BUILD)/gen
BPF_ARCH := $(if $(filter aarch64,$(ARCH)),arm64,x86)
BPF_INCLUDE ?= /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
# What is built here travels inside soload, whose own addresses must not depend on the folder it was built in: the gate compares builds.
EMBEDDED := -ffile-prefix-map=$(CURDIR)=.
BPF_FLAGS := $(EMBEDDED) -O2 -g -Wall -Werror -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -I. -idirafter $(BPF_INCLUDE)

ifeq ($(HAVE_BPF),1)
CPPFLAGS += -DHAVE_BPF
LDLIBS := -lbpf $(LDLIBS) -lz # in the order that static libraries need
$(call obj,probes/ldphase.c probes/attach.c): $(BPF_GEN)/ldphase.skel.h $(BPF_GEN)/ldphase_core.skel.h
endif
ifeq ($(HAVE_LZMA),1)
CPPFLAGS += -DHAVE_LZMA
LDLIBS += -llzma
endif
ifeq ($(HAVE_SDT),1)
CPPFLAGS += -DHAVE_SDT
endif

$(BPF_GEN)/%.bpf.o: probes/%.bpf.c probes/ldphase.h probes/ldphase_maps.h probes/event.h probes/kdefs.h probes/steps.def probes/probes.mk
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_CLANG) $(BPF_FLAGS) -c -o $@ $<

$(BPF_GEN)/%.skel.h: $(BPF_GEN)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q){ echo '#pragma GCC system_header'; $(BPFTOOL) gen skeleton $< name $*_bpf; } >$@

# What lives inside the watched process has no library but libc, and travels inside soload.
INSIDE_FLAGS := $(EMBEDDED) -shared -fPIC -O2 -std=gnu17 -I. -D_GNU_SOURCE -fvisibility=hidden -fcf-protection=none -Wl,-z,now -Wl,--no-undefined
INSIDE := ldaudit $(if $(filter x86_64,$(ARCH)),ldhook)
$(BPF_GEN)/%.so: probes/inside/%.c probes/inside/ring.h probes/event.h probes/steps.def probes/probes.mk
	$(call say,INSIDE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CWARN) $(INSIDE_FLAGS) -o $@ $<

$(BPF_GEN)/%.bytes: $(BPF_GEN)/%.so
	$(Q)od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' >$@

$(call obj,probes/ldaudit.c): $(BPF_GEN)/ldaudit.bytes
$(if $(filter x86_64,$(ARCH)),$(call obj,probes/ldhook.c): $(BPF_GEN)/ldhook.bytes)
