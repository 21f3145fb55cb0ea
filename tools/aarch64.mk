# aarch64, the architecture of the AICPU: everything built by a cross compiler into $(A64), its tests run by QEMU's user emulation. The
# processor has no SVE and no MOPS, as an AICPU has none; a QEMU with an instruction cache in its model tells when code was published
# without care. What is built links nothing but the C library, so it also runs in a virtual machine.

A64 := $(BUILD)/aarch64
A64_PARTS := $(BUILD)/aarch64-parts
A64_SYSROOT := $(abspath $(A64_PARTS))/sysroot/usr
A64_RUN := $(abspath $(A64_PARTS))/qemu/usr/bin/qemu-aarch64 -cpu neoverse-n1 -L /usr/aarch64-linux-gnu \
	-E LD_LIBRARY_PATH=$(A64_SYSROOT)/lib/aarch64-linux-gnu
A64_MAKE = CPPFLAGS="-isystem $(A64_SYSROOT)/include -isystem $(A64_SYSROOT)/include/aarch64-linux-gnu" LDFLAGS="-L$(A64_SYSROOT)/lib/aarch64-linux-gnu" \
	$(MAKE) --no-print-directory SAN= BUILD=$(A64) CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ AR=aarch64-linux-gnu-ar \
	FIXTURE_CC=aarch64-linux-gnu-gcc FIXTURE_CXX=aarch64-linux-gnu-g++ BPF_INCLUDE=/usr/aarch64-linux-gnu/include \
	GENERATOR=$(abspath $(SOLOAD))

.PHONY: aarch64
aarch64: $(SOLOAD) ## soload, its library and the objects under test for aarch64, into build/aarch64
	+$(Q)tools/aarch64 $(A64_PARTS) && $(A64_MAKE) all

A64_TESTS = $(filter-out $(A64_UNFIT),$(filter $(addprefix $(BUILD)/tests/,base/% elf/% loaders/% library/% fuzz/%),$(TESTS)))
# What judges the kernel, which is QEMU's imitation there: process_vm_readv (freshness), noexec mounts, seals,
# a fork among threads.
A64_UNFIT := $(addprefix $(BUILD)/tests/loaders/,memfd_test floor_test disk_test flaw_test freshness_test state_test) \
	$(BUILD)/tests/elf/stress_test

.PHONY: test-aarch64
test-aarch64: $(SOLOAD) ## the tests on a modelled aarch64 (skipped, with the reason, where the tools cannot be had)
	+$(Q)r=0; tools/aarch64 $(A64_PARTS) || r=$$?; [ $$r != 77 ] || exit 0; [ $$r = 0 ] && \
		$(A64_MAKE) all $(patsubst $(BUILD)/%,$(A64)/%,$(A64_TESTS)) && \
		SOLOAD_EMULATOR="$(A64_RUN)" tools/run-tests $(A64) $(patsubst $(BUILD)/%,$(A64)/%,$(A64_TESTS))
