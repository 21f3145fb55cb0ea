/*
 * The TLS descriptor resolver (ELF for the Arm 64-bit Architecture, "Thread Local Storage"): called
 * with the descriptor's address in x0, returns the variable's offset from the thread pointer in x0,
 * and leaves every other register but x30 and the flags as it was (of SVE, the low 128 bits).
 */
	.section .note.GNU-stack, "", %progbits
	.section .note.gnu.property, "a", %note	/* BTI and PAC: this file has the landing pads */
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 3, 0
	.text

	.globl	elf_tls_resolver
	.hidden	elf_tls_resolver
	.type	elf_tls_resolver, %function
	.p2align 4
elf_tls_resolver:
	.cfi_startproc
	hint	#34				/* bti c */
	stp	x1, x2, [sp, #-32]!
	.cfi_adjust_cfa_offset 32
	stp	x3, x4, [sp, #16]
	ldr	x1, [x0, #8]			/* module << 48 | offset */
	mrs	x4, tpidr_el0
	adrp	x2, :gottprel:elf_tls_begins
	ldr	x2, [x2, #:gottprel_lo12:elf_tls_begins]
	ldr	x2, [x4, x2]
	cbz	x2, .Lslow
	tbnz	x1, #63, .Lslow			/* the dynamic linker's module */
	lsr	x3, x1, #48
	ldr	x2, [x2, x3, lsl #3]
	cbz	x2, .Lslow
	and	x1, x1, #0xffffffffffff
	add	x0, x2, x1
	sub	x0, x0, x4
	ldp	x3, x4, [sp, #16]
	ldp	x1, x2, [sp], #32
	.cfi_remember_state
	.cfi_adjust_cfa_offset -32
	ret
	.cfi_restore_state
.Lslow:
	sub	sp, sp, #656
	.cfi_adjust_cfa_offset 656
	stp	x29, x30, [sp]
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x29, sp
	stp	x5, x6, [sp, #16]
	stp	x7, x8, [sp, #32]
	stp	x9, x10, [sp, #48]
	stp	x11, x12, [sp, #64]
	stp	x13, x14, [sp, #80]
	stp	x15, x16, [sp, #96]
	stp	x17, x18, [sp, #112]
	stp	q0, q1, [sp, #128]
	stp	q2, q3, [sp, #160]
	stp	q4, q5, [sp, #192]
	stp	q6, q7, [sp, #224]
	stp	q8, q9, [sp, #256]
	stp	q10, q11, [sp, #288]
	stp	q12, q13, [sp, #320]
	stp	q14, q15, [sp, #352]
	stp	q16, q17, [sp, #384]
	stp	q18, q19, [sp, #416]
	stp	q20, q21, [sp, #448]
	stp	q22, q23, [sp, #480]
	stp	q24, q25, [sp, #512]
	stp	q26, q27, [sp, #544]
	stp	q28, q29, [sp, #576]
	stp	q30, q31, [sp, #608]
	mov	x0, x1
	bl	elf_tls_slow
	mrs	x4, tpidr_el0
	sub	x0, x0, x4
	ldp	x5, x6, [sp, #16]
	ldp	x7, x8, [sp, #32]
	ldp	x9, x10, [sp, #48]
	ldp	x11, x12, [sp, #64]
	ldp	x13, x14, [sp, #80]
	ldp	x15, x16, [sp, #96]
	ldp	x17, x18, [sp, #112]
	ldp	q0, q1, [sp, #128]
	ldp	q2, q3, [sp, #160]
	ldp	q4, q5, [sp, #192]
	ldp	q6, q7, [sp, #224]
	ldp	q8, q9, [sp, #256]
	ldp	q10, q11, [sp, #288]
	ldp	q12, q13, [sp, #320]
	ldp	q14, q15, [sp, #352]
	ldp	q16, q17, [sp, #384]
	ldp	q18, q19, [sp, #416]
	ldp	q20, q21, [sp, #448]
	ldp	q22, q23, [sp, #480]
	ldp	q24, q25, [sp, #512]
	ldp	q26, q27, [sp, #544]
	ldp	q28, q29, [sp, #576]
	ldp	q30, q31, [sp, #608]
	ldp	x29, x30, [sp]
	add	sp, sp, #656
	.cfi_adjust_cfa_offset -656
	.cfi_restore x29
	.cfi_restore x30
	ldp	x3, x4, [sp, #16]
	ldp	x1, x2, [sp], #32
	.cfi_adjust_cfa_offset -32
	ret
	.cfi_endproc
	.size	elf_tls_resolver, .-elf_tls_resolver

/* A weak variable nobody defines has the address of its addend. */
	.globl	elf_tls_resolver_absent
	.hidden	elf_tls_resolver_absent
	.type	elf_tls_resolver_absent, %function
	.p2align 4
elf_tls_resolver_absent:
	.cfi_startproc
	hint	#34
	str	x1, [sp, #-16]!
	.cfi_adjust_cfa_offset 16
	ldr	x0, [x0, #8]
	mrs	x1, tpidr_el0
	sub	x0, x0, x1
	ldr	x1, [sp], #16
	.cfi_adjust_cfa_offset -16
	ret
	.cfi_endproc
	.size	elf_tls_resolver_absent, .-elf_tls_resolver_absent
