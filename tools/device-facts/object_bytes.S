/* The object that is loaded, as bytes. */
	.section .rodata
	.balign 64
	.globl object_bytes, object_bytes_end
object_bytes:
	.incbin OBJECT
object_bytes_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
