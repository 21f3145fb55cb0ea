# make test-aarch64: base, loaders and their tests built for aarch64 and run under qemu-user. The processor has no SVE and no MOPS,
# as an AICPU has none; a QEMU with an instruction cache in its model tells when code was published without care.

A64 := $(BUILD)/aarch64
A64_PARTS := $(BUILD)/aarch64-parts
A64_TESTS = $(filter-out $(A64_UNFIT),$(filter $(addprefix $(BUILD)/tests/,base/% elf/% loaders/% library/% fuzz/%),$(TESTS)))
# What judges the kernel, which is QEMU's imitation there: process_vm_readv (freshness), noexec mounts, seals,
# a fork among threads.
A64_UNFIT := $(addprefix $(BUILD)/tests/loaders/,memfd_test floor_test disk_test flaw_test freshness_test state_test) \
	$(BUILD)/tests/elf/stress_test
A64_RUN = $(abspath $(A64_PARTS))/qemu/usr/bin/qemu-aarch64 -L /usr/aarch64-linux-gnu \
	-E LD_LIBRARY_PATH=$(abspath $(A64_PARTS))/sysroot/usr/lib/aarch64-linux-gnu
A64_MAKE = CPPFLAGS="-I$(abspath $(A64_PARTS))/sysroot/usr/include" LDFLAGS="-L$(abspath $(A64_PARTS))/sysroot/usr/lib/aarch64-linux-gnu" \
	$(MAKE) --no-print-directory BUILD=$(A64) CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ AR=aarch64-linux-gnu-ar \
	FIXTURE_CC=aarch64-linux-gnu-gcc FIXTURE_CXX=aarch64-linux-gnu-g++ 'ALL_OBJ=$$(LIB_OBJ) $$(call obj,device/parcel.c)' 'LDLIBS=-ldl -lm' HAVE_BPF=0 HAVE_LZMA=0 HAVE_SDT=0

.PHONY: test-aarch64 aarch64-tests
test-aarch64: ## cross-build the loaders and run their tests on a modelled aarch64 (skipped, with the reason, without the tools)
	+$(Q)tools/aarch64 $(A64_PARTS) || { status=$$?; [ $$status != 77 ] && exit $$status; exit 0; }; [ -e $(A64_PARTS)/complete ] || exit 0; \
		$(A64_MAKE) aarch64-tests && \
		QEMU_CPU=neoverse-n1 SOLOAD_EMULATOR="$(A64_RUN)" tools/run-tests $(A64) $(patsubst $(BUILD)/%,$(A64)/%,$(A64_TESTS))

aarch64-tests: $(A64_TESTS) library
