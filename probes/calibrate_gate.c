/*
 * The two functions that calibration watches, and the work between their events. A real load runs
 * the kernel's code for mappings and files between two events, which leaves nothing of a probe's
 * path in the first-level caches and the branch predictors: a hit then costs half as much again as
 * in a loop. So the work runs through code and data twice the size of those caches; its own time is
 * taken bare and subtracted.
 */
#include "probes/calibrate.h"

void soload_calibrate_code(void);

#define LINE_BYTES 64
#define CODE_LINES "1024" /* 64 KiB, one jump each */
#define DATA_BYTES (64u << 10)

static volatile unsigned char data[DATA_BYTES];

#ifdef __x86_64__
#define ADD "	add $1, %eax\n" /* each waits for the one before it */
#define JUMP "	jmp 1f\n"
#else
#define ADD "	add w9, w9, #1\n"
#define JUMP "	b 1f\n"
#endif

__asm__(".text\n.balign 64\n"
	".globl soload_calibrate_code\n.hidden soload_calibrate_code\n"
	".type soload_calibrate_code, %function\n"
	"soload_calibrate_code:\n"
	".rept " CODE_LINES "\n"
	".rept 15\n" ADD ".endr\n" JUMP "	.balign 64\n"
	"1:\n"
	".endr\n"
	"	ret\n"
	".size soload_calibrate_code, .-soload_calibrate_code\n");

void soload_calibrate_work(void)
{
	soload_calibrate_code();
	for (unsigned int i = 0; i < DATA_BYTES; i += LINE_BYTES)
		data[i]++;
}

#ifdef __x86_64__
/* Like the functions of ld.so they begin with a push, which the kernel emulates. */
__asm__(".text\n"
	".globl soload_calibrate_step\n.hidden soload_calibrate_step\n"
	".type soload_calibrate_step, @function\n"
	"soload_calibrate_step:\n"
	"	push %rbp\n	pop %rbp\n	ret\n"
	".size soload_calibrate_step, .-soload_calibrate_step\n"
	".globl soload_calibrate_gate\n.hidden soload_calibrate_gate\n"
	".type soload_calibrate_gate, @function\n"
	"soload_calibrate_gate:\n"
	"	push %rbx\n	call *%rsi\n	pop %rbx\n	ret\n"
	".size soload_calibrate_gate, .-soload_calibrate_gate\n");
#else
__attribute__((noinline, noclone)) void soload_calibrate_step(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline, noclone)) void soload_calibrate_gate(const char *name, void (*body)(void))
{
	(void)name;
	body();
	__asm__ volatile("" ::: "memory"); /* no tail call: it returns here, and then itself */
}
#endif
