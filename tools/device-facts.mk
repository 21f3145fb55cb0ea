# device-facts: a program to copy to a device, which prints what loading depends on there. Static; its dynamic part is linked against
# stand-ins of the C library that hold version GLIBC_2.17 alone, so it starts wherever a C library of an AICPU may be.

FACTS := $(BUILD)/facts
FACTS_FROM := tools/device-facts
FACTS_PARTS := $(addprefix $(FACTS)/,core.o report.o machine.o places.o memory.o costs.o)
FACTS_LOADERS := $(addprefix $(FACTS)/,loaders.o object_bytes.o) $(BUILD)/libsoload.a
FACTS_LIBS := libc.so.6 libdl.so.2 libpthread.so.0 ld-linux-aarch64.so.1

.PHONY: device-facts
device-facts: ## a program to run on the device itself, for aarch64: build/aarch64/device-facts
	+$(Q)tools/deps aarch64 && $(A64_MAKE) $(A64)/device-facts

# For its tests, on this machine. A static program takes no sanitizer.
ifeq ($(SAN),)
tests: $(BUILD)/device-facts
endif

$(BUILD)/device-facts: $(FACTS_PARTS) $(FACTS)/program.o
	$(call say,LINK,$@)
	$(Q)$(CC) -static -o $@ $^ -lm

$(FACTS)/%.o: $(FACTS_FROM)/%.c $(FACTS_FROM)/facts.h include/soload.h tools/device-facts.mk
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -D_GNU_SOURCE -std=gnu17 -O2 -g -fPIC $(CWARN) -c -o $@ $<

$(FACTS)/program.o: $(FACTS_FROM)/program.S $(FACTS)/loaders
	$(Q)$(CC) -DLOADERS_PROGRAM='"$(FACTS)/loaders"' -c -o $@ $<

$(FACTS)/object_bytes.o: $(FACTS_FROM)/object_bytes.S $(FACTS)/object.so
	$(Q)$(CC) -DOBJECT='"$(FACTS)/object.so"' -c -o $@ $<

$(FACTS)/object.so: $(FACTS_FROM)/object.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O1 -fPIC -shared $(CWARN) -nostdlib -Wl,--build-id -o $@ $<

ifeq ($(ARCH),aarch64)
$(FACTS)/loaders: $(FACTS_LOADERS) $(FACTS)/compat.o $(FACTS)/start.o $(addprefix $(FACTS)/stand-in/,$(FACTS_LIBS))
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -nostartfiles -nodefaultlibs -Wl,-s,-z,now -o $@ $^ -lgcc

$(FACTS)/start.o: $(FACTS_FROM)/start_aarch64.S
	$(Q)$(CC) -c -o $@ $<

# Symbols without content: what a program needs of a library to be linked against it.
$(FACTS)/stand-in/%: $(FACTS_FROM)/glibc-2.17.list
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/^$* //p' $< | tr ' ' '\n' | sed 's/.*/.globl &\n.type &, %object\n.size &, 8\n&: .quad 0/; 1s/^/.data\n/' >$@.s
	$(Q)echo 'GLIBC_2.17 { global: *; };' >$@.map
	$(Q)$(CC) -shared -nostdlib -Wl,-soname,$* -Wl,--version-script,$@.map -o $@ $@.s
else
$(FACTS)/loaders: $(FACTS_LOADERS)
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -Wl,-s -o $@ $^ -pthread -ldl
endif
