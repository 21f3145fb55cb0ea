/* plugin.so as a byte array inside the program: plugin_bytes to plugin_bytes_end. */
	.section .rodata
	.balign 16
	.globl plugin_bytes, plugin_bytes_end
plugin_bytes:
	.incbin "plugin.so"
plugin_bytes_end:
	.section .note.GNU-stack, "", %progbits
