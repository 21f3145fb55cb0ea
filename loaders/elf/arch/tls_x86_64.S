/*
 * The TLS descriptor resolver (Oliva, "Thread-Local Storage Descriptors for IA32 and AMD64"): called
 * with the descriptor's address in %rax, returns the variable's offset from the thread pointer in
 * %rax, and leaves every other register as it was.
 */
	.section .note.GNU-stack, "", @progbits
	.text

	.globl	elf_tls_resolver
	.hidden	elf_tls_resolver
	.type	elf_tls_resolver, @function
	.p2align 4
elf_tls_resolver:
	.cfi_startproc
	endbr64
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	movq	8(%rax), %rcx			/* module << 48 | offset */
	movq	elf_tls_begins@gottpoff(%rip), %rdx
	movq	%fs:(%rdx), %rdx
	movq	%rcx, %rax
	testq	%rdx, %rdx
	jz	.Lslow
	shrq	$48, %rax
	testl	$0x8000, %eax			/* the dynamic linker's module */
	jnz	.Lslow_again
	movq	(%rdx,%rax,8), %rdx
	testq	%rdx, %rdx
	jz	.Lslow_again
	shlq	$16, %rcx
	shrq	$16, %rcx
	leaq	(%rdx,%rcx), %rax
	subq	%fs:0, %rax
	popq	%rdx
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_restore_state
.Lslow_again:
	movq	%rcx, %rax
.Lslow:
	/* C code may use any caller-saved register, vectors among them: all state but AMX's, in the
	 * standard format, which ends at 2688 bytes (Intel SDM 1, 13.4). */
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rdi
	pushq	%rsi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	%rax, %rdi
	subq	$2752, %rsp
	andq	$-64, %rsp
	xorl	%eax, %eax			/* the header must be zero before XSAVE */
	movq	%rax, 512(%rsp)
	movq	%rax, 520(%rsp)
	movq	%rax, 528(%rsp)
	movq	%rax, 536(%rsp)
	movq	%rax, 544(%rsp)
	movq	%rax, 552(%rsp)
	movq	%rax, 560(%rsp)
	movq	%rax, 568(%rsp)
	movl	$0xe7, %eax			/* x87, SSE, AVX, AVX-512; not MPX, PKRU, AMX */
	xorl	%edx, %edx
	xsave	(%rsp)
	call	elf_tls_slow
	movq	%rax, %rdi
	movl	$0xe7, %eax
	xorl	%edx, %edx
	xrstor	(%rsp)
	movq	%rdi, %rax
	subq	%fs:0, %rax
	leaq	-48(%rbp), %rsp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rsi
	popq	%rdi
	popq	%rbp
	.cfi_def_cfa %rsp, 24
	.cfi_restore %rbp
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	elf_tls_resolver, .-elf_tls_resolver

/* A weak variable nobody defines has the address of its addend. */
	.globl	elf_tls_resolver_absent
	.hidden	elf_tls_resolver_absent
	.type	elf_tls_resolver_absent, @function
	.p2align 4
elf_tls_resolver_absent:
	.cfi_startproc
	endbr64
	movq	8(%rax), %rax
	subq	%fs:0, %rax
	ret
	.cfi_endproc
	.size	elf_tls_resolver_absent, .-elf_tls_resolver_absent
