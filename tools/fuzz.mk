# make fuzz TIME=SECONDS [EXECUTIONS=N]: libFuzzer with ASan and UBSan on the entry that checks, maps and relocates but runs nothing.

TIME ?= 60
EXECUTIONS ?= -1
FUZZ := $(BUILD)/fuzz
FUZZ_CC ?= clang
FUZZ_SOURCES := $(BASE) $(LOADERS) $(LOADERS_ASM) tests/elf/mutate.c tests/fuzz/target.c tests/fuzz/load_fuzz.c
FUZZ_OBJ := $(patsubst %,$(FUZZ)/%.o,$(basename $(FUZZ_SOURCES)))
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined

ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
include $(DEPS)/fuzz.mk
endif

$(FUZZ)/%.o: %.c Makefile tools/fuzz.mk
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) -std=gnu17 -pthread $(FUZZ_FLAGS) $(CWARN) -MMD -MP -c -o $@ $<

$(FUZZ)/%.o: %.S Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) -c -o $@ $<

$(FUZZ)/load_fuzz: $(FUZZ_OBJ)
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ -ldl -lm

# Begins from the committed corpus and the objects of this build; what it finds stays in $(FUZZ). The counts are left in
# results/runs/fuzz.md, with the revision.
FUZZ_BYTES := 524288
.PHONY: fuzz
fuzz: $(FUZZ)/load_fuzz objects $(PROBES_NATIVE) $(PROBES_CROSS) ## fuzz the ELF loader for TIME=60 seconds (needs clang)
	$(Q)mkdir -p $(FUZZ)/corpus $(FUZZ)/seeds $(FUZZ)/found results/runs
	$(Q)find $(BUILD)/fixtures $(BUILD)/objects -name '*.so' -size -512k -exec sh -c 'cp "$$0" $(FUZZ)/seeds/$$(echo "$$0" | tr / _)' {} \;
	$(Q)git describe --always --dirty >$(FUZZ)/begun 2>/dev/null; r=0; $(FUZZ)/load_fuzz -max_total_time=$(TIME) -runs=$(EXECUTIONS) -max_len=$(FUZZ_BYTES) -len_control=0 -timeout=25 \
		-rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix=$(FUZZ)/found/ $(FUZZ)/corpus tests/fuzz/corpus $(FUZZ)/seeds \
		2>$(FUZZ)/log || r=$$?; tail -n 20 $(FUZZ)/log; \
	tools/fuzz-table $(FUZZ) >results/runs/fuzz.md && cat results/runs/fuzz.md; exit $$r

$(BUILD)/tests/fuzz/corpus_test: $(BUILD)/obj/tests/fuzz/target.o

-include $(shell find $(FUZZ) -name '*.d' 2>/dev/null)
