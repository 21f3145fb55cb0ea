/* Where the kernel enters the dynamic part: __libc_start_main(main, argc, argv, init, fini, rtld_fini, stack), as since 2.17. */
	.text
	.globl _start
	.type _start, %function
_start:
	mov	x29, #0
	mov	x30, #0
	mov	x5, x0
	ldr	x1, [sp]
	add	x2, sp, #8
	mov	x6, sp
	adrp	x0, main
	add	x0, x0, :lo12:main
	adrp	x3, program_init
	add	x3, x3, :lo12:program_init
	mov	x4, #0
	bl	__libc_start_main
	bl	abort
	.size _start, . - _start
	.section .note.GNU-stack, "", %progbits
