# The virtual AICPU: what soload vm boots. Kernels and libraries come from Debian, soload for aarch64 from a cross compiler.

VM := $(BUILD)/vm
VM_KERNELS ?= 6.1

.PHONY: vm
vm: $(SOLOAD) ## the virtual AICPU: its kernel, its libraries and soload for it (soload vm --help)
	+$(Q)tools/deps vm && tools/vm $(VM) $(VM_KERNELS) && tools/aarch64 $(A64_PARTS) && $(A64_MAKE) all

# Skipped, with the reason, where QEMU or the packages cannot be had; anything else that goes wrong is an error.
.PHONY: vm-gate
vm-gate: $(SOLOAD) ## gate every loader against the base revision, by counted instructions (seconds; needs QEMU)
	+$(Q)r=0; { tools/deps vm && tools/vm $(VM) 6.1 && tools/aarch64 $(A64_PARTS); } || r=$$?; \
	if [ $$r = 77 ]; then echo "vm gate: skipped: no virtual AICPU here"; exit 0; fi; \
	[ $$r = 0 ] && $(A64_MAKE) $(A64)/soload $(A64)/objects/pa_unroll_cxx_nounique.so && tools/vm-gate $(BUILD) env $(A64_MAKE)

# The committed table, and what no load may exceed from now on: only where the numbers are meant to change.
.PHONY: vm-bench
vm-bench: vm ## instructions per load: results/baseline/vm.md and vm-counts.csv made anew (needs QEMU)
	$(Q)tools/vm-bench $(BUILD)

# An object as -z max-page-size=4096 makes it: on a kernel of larger pages its segments share pages.
$(VM)/page4k.so: $(PA_CXX) $(PA_DEPS) tools/vm.mk
	$(call say,OBJECT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-g++ $(PA_CXXFLAGS) -fno-gnu-unique -Wl,-z,max-page-size=4096 -o $@ $(PA_CXX)

.PHONY: vm-matrix
vm-matrix: ## what every loader does on every kernel and configuration of a virtual AICPU (minutes; needs QEMU)
	+$(Q)$(MAKE) --no-print-directory vm VM_KERNELS="5.10 6.1 6.12 6.12-16k"
	+$(Q)$(MAKE) --no-print-directory $(VM)/page4k.so
	$(Q)mkdir -p results/runs && tools/vm-matrix $(BUILD) results/baseline/vm-matrix.md >results/runs/vm-matrix.md; r=$$?; \
	cat results/runs/vm-matrix.md; echo "the table: results/runs/vm-matrix.md (results/baseline/vm-matrix.md is the committed one)"; exit $$r
