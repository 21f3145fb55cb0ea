/* The dynamic part, as bytes in the static one. */
	.section .rodata
	.balign 16
	.globl loaders_program, loaders_program_end
loaders_program:
	.incbin LOADERS_PROGRAM
loaders_program_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
