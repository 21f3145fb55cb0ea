/*
 * The few kernel structures the BPF programs look into. No vmlinux.h: registers are in the order of
 * the kernel's interface to user space (asm/ptrace.h), which never changes.
 */
#ifndef SOLOAD_PROBES_KDEFS_H
#define SOLOAD_PROBES_KDEFS_H

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
		cs, flags, sp, ss;
};
#define REGS_FIRST(regs) ((regs)->di)
#define REGS_SECOND(regs) ((regs)->si)
#define REGS_RESULT(regs) ((regs)->ax)
#define REGS_STACK(regs) ((regs)->sp)
#define REGS_IP(regs) ((regs)->ip)
#define CALL_PRCTL 157
#define CALL_IS_FORK(call) ((call) == 56 || (call) == 57 || (call) == 58 || (call) == 435)
/* The return of a probed function is a system call of the kernel's own: uretprobe, uprobe. */
#define CALL_IS_PROBE(call) ((call) == 335 || (call) == 336)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long regs[31], sp, pc, pstate;
};
#define REGS_FIRST(context) ((context)->regs[0])
#define REGS_SECOND(context) ((context)->regs[1])
#define REGS_RESULT(context) ((context)->regs[0])
#define REGS_STACK(regs) ((regs)->sp)
#define REGS_IP(regs) ((regs)->pc)
#define CALL_PRCTL 167
#define CALL_IS_FORK(call) ((call) == 220 || (call) == 435)
#define CALL_IS_PROBE(call) 0
#else
#error "registers of this machine are not known"
#endif

#endif
