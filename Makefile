# soload: one Makefile. `make help` lists the targets.
#
# Everything that is built lands in $(BUILD). A member of a folder is picked up by its file alone.

BUILD ?= build
CC ?= gcc
CXX ?= g++
AR ?= ar
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

VERSION := $(shell cat VERSION)
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wundef -Wvla -Wcast-qual -Wwrite-strings -Werror
CWARN := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
OPT ?= -O2
CPPFLAGS += -I. -I$(BUILD)/gen -D_GNU_SOURCE -DSOLOAD_VERSION='"$(VERSION)"'
CFLAGS += -std=gnu17 $(OPT) -g -pthread -fno-math-errno
LDLIBS := -ljansson -lxxhash -lelf -ldl -lm
LDFLAGS += -pthread -Wl,--export-dynamic-symbol=_dl_find_object # loaders/elf/interpose.c: unwinders ask us first

# Packages first: where a goal below needs one that is missing, make installs it and starts anew.
DEPS := $(BUILD)/deps
DEPS_GROUPS := $(if $(filter repro bench,$(MAKECMDGOALS)),repro) $(if $(filter test san,$(MAKECMDGOALS)),test) \
	$(if $(filter lint format ci,$(MAKECMDGOALS)),lint) $(if $(filter prove-probes,$(MAKECMDGOALS)),probes) \
	$(if $(filter test-libraries,$(MAKECMDGOALS)),libraries)
ifneq ($(strip $(DEPS_GROUPS)),)
include $(addprefix $(DEPS)/,$(addsuffix .mk,$(strip $(DEPS_GROUPS))))
endif
$(DEPS)/%.mk: tools/deps
	@tools/deps $* && mkdir -p $(@D) && echo '# installed: $*' >$@

# make SAN=address | SAN=thread: the same targets, built apart, with the sanitizer in.
ifeq ($(SAN),address)
override BUILD := $(BUILD)/asan
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
else ifeq ($(SAN),thread)
override BUILD := $(BUILD)/tsan
CFLAGS += -fsanitize=thread
LDFLAGS += -fsanitize=thread
endif

# Sources, floor by floor.
BASE := $(wildcard base/*.c)
LOADERS := $(wildcard loaders/*.c loaders/elf/*.c loaders/elf/arch/*.c)
LOADERS_ASM := $(wildcard loaders/elf/arch/*_$(ARCH).S)
PROBES := $(filter-out %.bpf.c,$(wildcard probes/*.c))
DEVICE := $(wildcard device/*.c device/transports/*.c device/runtime/*.c)
WORKLOAD := $(filter-out %/orchestration.c,$(wildcard bench/workloads/*.c bench/workloads/*/*.c))
BENCH := $(sort $(filter-out bench/main.c,$(wildcard bench/*.c bench/*/*.c) $(WORKLOAD)))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter %.c,$(1))) $(patsubst %.S,$(BUILD)/obj/%.o,$(filter %.S,$(1)))
LIB_OBJ := $(call obj,$(BASE) $(LOADERS) $(LOADERS_ASM))
ALL_OBJ := $(LIB_OBJ) $(call obj,$(PROBES) $(DEVICE) $(BENCH))
SOLOAD := $(BUILD)/soload

TESTS := $(sort $(patsubst tests/%_test.c,$(BUILD)/tests/%_test,$(shell find tests -name '*_test.c' 2>/dev/null)))
SCRIPTS := $(sort $(wildcard tests/*/*.sh))
FIXTURES := # filled by the files below

-include $(sort $(wildcard bench/*.mk bench/workloads/*/objects.mk probes/*.mk tests/fixtures/*.mk tools/*.mk reports/*.mk))

.PHONY: all
all: $(SOLOAD) objects ## build soload and the objects under test

.PHONY: objects
objects:

$(SOLOAD): $(BUILD)/obj/bench/main.o $(ALL_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/obj/%.o: %.c Makefile VERSION
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CWARN) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/tests/%_test: $(BUILD)/obj/tests/%_test.o $(ALL_OBJ)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

.PHONY: tests
tests: all $(TESTS)

# Where the main job leaves its record; ARGS adds options to it. AICPU=aarch64: the device's side is built for the AICPU's own
# architecture and emulated (tools/aarch64.mk), one round per arm, because its times say nothing.
OUT ?= results/runs/repro$(if $(AICPU),-$(AICPU))
ifneq ($(filter-out aarch64,$(AICPU)),)
$(error AICPU=$(AICPU): the other AICPU there is is aarch64)
endif

.PHONY: repro
repro: all $(AICPU) ## the main job: every loader and transport on the modelled device, table and pictures (under a minute; AICPU=aarch64: two)
	$(Q)r=0; $(SOLOAD) repro paged_attention_unroll --loader all --transport all --out $(OUT) \
		$(if $(AICPU),-n 1 --aicpu "$(A64_QEMU) $(A64)/soload") $(ARGS) || r=$$?; \
	if [ $$r -le 1 ]; then $(SOLOAD) report $(OUT) --out $(OUT)/report || r=2; fi; exit $$r

.PHONY: test
test: tests ## build and run every test, here and, where the tools can be had, for aarch64
	+$(Q)r=0; $(MAKE) --no-print-directory test-aarch64 || r=1; tools/run-tests $(BUILD) $(SCRIPTS) $(TESTS) || r=1; exit $$r

.PHONY: bench
bench: all ## the speed table of all loaders against what it must be (on a quiet machine; results/baseline/bench.md is the committed one)
	$(Q)mkdir -p results/runs/bench
	$(Q)r=0; $(SOLOAD) cost || r=$$?; $(SOLOAD) bench --objects $(BUILD)/objects --out results/runs/bench $(ARGS) >results/runs/bench/bench.out || r=$$?; \
	{ printf '# `make bench%s`\n\n```text\n' '$(if $(ARGS), ARGS="$(ARGS)")'; cat results/runs/bench/bench.out; printf '```\n'; } >results/runs/bench/bench.md; \
	cat results/runs/bench/bench.out; echo 'as Markdown: results/runs/bench/bench.md'; exit $$r

.PHONY: advise
advise: all ## which change is worth making first for the workload's object, in words (a minute; results/baseline/advise.md is the committed answer)
	$(Q)mkdir -p results/runs/advise
	$(Q)r=0; $(SOLOAD) advise --out results/runs/advise $(ARGS) >results/runs/advise/advise.out || r=$$?; \
	{ printf '# `soload advise%s`\n\n```text\n' '$(if $(ARGS), $(ARGS))'; cat results/runs/advise/advise.out; printf '```\n'; } >results/runs/advise/advise.md; \
	cat results/runs/advise/advise.out; echo 'as Markdown: results/runs/advise/advise.md'; exit $$r

.PHONY: deps
deps: ## install the packages that are missing (root or sudo); repro, test, lint … do so by themselves
	$(Q)tools/deps repro test

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: clean
clean: ## remove everything that was built
	$(Q)rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
