# aarch64, the architecture of the AICPU: everything built by a cross compiler into $(A64), its tests run by QEMU's user emulation. The
# processor has no SVE and no MOPS, as an AICPU has none; a QEMU with an instruction cache in its model tells when code was published
# without care. What is built links nothing but the C library, so it also runs in a virtual machine.

A64 := $(BUILD)/aarch64
A64_PARTS := $(BUILD)/aarch64-parts
A64_SYSROOT := $(abspath $(A64_PARTS))/sysroot/usr
A64_QEMU := $(abspath $(A64_PARTS))/qemu/usr/bin/qemu-aarch64 -cpu neoverse-n1 -L /usr/aarch64-linux-gnu
A64_RUN := $(A64_QEMU) -E LD_LIBRARY_PATH=$(A64_SYSROOT)/lib/aarch64-linux-gnu
A64_MAKE = CPPFLAGS="-isystem $(A64_SYSROOT)/include -isystem $(A64_SYSROOT)/include/aarch64-linux-gnu" LDFLAGS="-L$(A64_SYSROOT)/lib/aarch64-linux-gnu" \
	$(MAKE) --no-print-directory SAN= BUILD=$(A64) CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ AR=aarch64-linux-gnu-ar \
	FIXTURE_CC=aarch64-linux-gnu-gcc FIXTURE_CXX=aarch64-linux-gnu-g++ BPF_INCLUDE=/usr/aarch64-linux-gnu/include \
	GENERATOR=$(abspath $(SOLOAD))

.PHONY: aarch64
aarch64: $(SOLOAD) ## soload, its library and the objects under test for aarch64, into build/aarch64
	+$(Q)tools/aarch64 $(A64_PARTS) && $(A64_MAKE) all

# Tests that do not fit, a line each; single cases that QEMU cannot judge are skipped in words. SOLOAD_TEST_SHARE: stress repeats a
# twelfth of what it does here.
# libraries/%: they load the libraries of this machine, which has none for aarch64.
# bench/gen_test: GNU ld for aarch64 leaves R_AARCH64_NONE among thread-local relocations, so their number cannot be had to order.
# Scripts: they start programs without an emulator.
A64_UNFIT := $(filter $(addprefix $(BUILD)/tests/,libraries/% bench/gen_test),$(TESTS))
A64_TESTS = $(patsubst $(BUILD)/%,$(A64)/%,$(filter-out $(A64_UNFIT),$(TESTS)))
A64_JOBS ?= $(shell nproc)

.PHONY: test-aarch64
test-aarch64: $(SOLOAD) ## the tests on a modelled aarch64 (skipped, with the reason, where the tools cannot be had)
	+$(Q)r=0; tools/aarch64 $(A64_PARTS) || r=$$?; [ $$r != 77 ] || exit 0; [ $$r = 0 ] && \
		$(A64_MAKE) all $(A64_TESTS) && ulimit -c 0 && \
		CC=aarch64-linux-gnu-gcc SOLOAD_EMULATOR="$(A64_RUN)" SOLOAD_TEST_JOBS=$(A64_JOBS) SOLOAD_TEST_SHARE=12 \
		tools/run-tests $(A64) $(A64_TESTS)
