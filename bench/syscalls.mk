# Names of system calls, as the compiler's own headers number them.
$(BUILD)/gen/syscalls.def: bench/syscalls.mk
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd.h>' | $(CC) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z][a-z0-9_]*\) .*/SYSCALL(\1)/p' | grep -v '_syscalls*)$$' | sort > $@

$(BUILD)/obj/bench/counters.o: $(BUILD)/gen/syscalls.def
