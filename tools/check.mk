# Targets that judge the tree: lint, format, san, ci. What is judged is what git would commit.

TRACKED := $(shell git ls-files -co --exclude-standard 2>/dev/null || find . -name build -prune -o -type f -print)
EXISTING := $(wildcard $(TRACKED))
FORMATTED := $(filter %.c %.h %.cpp %.hpp,$(EXISTING))
TIDIED := $(filter-out %.bpf.c,$(filter base/%.c loaders/%.c probes/%.c device/%.c bench/%.c,$(EXISTING)))
SHELLED = $(shell grep -lE '^\#!/bin/(ba)?sh' $(filter %.sh .ci/% tools/% reports/%,$(EXISTING)))
TIDY_STAMPS := $(TIDIED:%.c=$(BUILD)/lint/%.tidy)

.PHONY: lint
lint: lint-layout lint-format lint-shell lint-cppcheck $(TIDY_STAMPS) ## layout, form, clang-tidy, cppcheck and shellcheck
	@echo "lint: $(words $(FORMATTED)) files formatted, $(words $(TIDY_STAMPS)) tidy, layout as docs/architecture.md says"

.PHONY: lint-layout lint-format lint-shell lint-cppcheck
lint-layout:
	$(Q)tools/layout

# The form is the one of clang-format 14: other versions break lines elsewhere.
CLANG_FORMAT ?= $(or $(shell command -v clang-format-14),clang-format)
lint-format:
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

lint-shell:
	$(Q)shellcheck -x $(SHELLED)

# Tests and objects under test break rules on purpose (leaks, half-loaded images): tidy and cppcheck judge the program.
lint-cppcheck: | $(BUILD)/gen
	$(call say,CPPCHK,$(words $(TIDIED)) files)
	$(Q)mkdir -p $(BUILD)/lint/cppcheck
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr -j2 \
		--cppcheck-build-dir=$(BUILD)/lint/cppcheck --suppressions-list=tools/cppcheck.txt \
		-I. -I$(BUILD)/gen -D_GNU_SOURCE -D__x86_64__ -DSOLOAD_VERSION='"$(VERSION)"' $(TIDIED)

$(BUILD)/gen:
	$(Q)mkdir -p $@

$(BUILD)/lint/%.tidy: %.c .clang-tidy $(filter %.h %.def,$(EXISTING)) | $(BUILD)/gen
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- -std=gnu17 $(CPPFLAGS) 2>$@.log || { cat $@.log; false; }
	$(Q)touch $@

.PHONY: format
format: ## bring the C files into form
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)

# The whole test run under ASan and UBSan; under TSan what runs threads: the device model, and every test whose source starts one.
# Left out of both, each by the test itself with a line that says so: what sets address-space limits or counts page faults
# and system calls, which the sanitizers' shadow memory changes. Left out of TSan: tests of one thread, nothing to find there.
THREADED := $(sort $(filter $(BUILD)/tests/device/%,$(TESTS)) \
	$(patsubst %.c,$(BUILD)/%,$(shell grep -l pthread_create tests/*/*_test.c)))
SAN_ENV := UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

.PHONY: san
san: ## ASan and UBSan over the whole test run, TSan over everything with threads
	$(Q)$(SAN_ENV) $(MAKE) --no-print-directory SAN=address test-here
	$(Q)$(SAN_ENV) $(MAKE) --no-print-directory SAN=thread test-threads

.PHONY: test-here test-threads
test-here: tests
	$(Q)tools/run-tests $(BUILD) $(SCRIPTS) $(TESTS)

# Fixed addresses where the kernel lets us: TSan of gcc 12 does not start where 32 bits of them are random.
test-threads: all $(THREADED)
	$(Q)SOLOAD_TEST_SHARE=$${SOLOAD_TEST_SHARE:-4} $$(setarch -R true 2>/dev/null && echo setarch -R) tools/run-tests $(BUILD) $(THREADED)

# The gates first, the tests last, so that a test runner's lines close the log.
.PHONY: ci
ci: ## what CI runs: the gates, lint, the recipes of docs/adding.md, sanitizers, the main job, then the tests
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory gate
	$(Q)$(MAKE) --no-print-directory vm-gate
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)tools/try-recipes $(BUILD)
	$(Q)$(MAKE) --no-print-directory san
	$(Q)$(MAKE) --no-print-directory repro
	$(Q)$(MAKE) --no-print-directory test
