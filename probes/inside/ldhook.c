/*
 * Hooks on functions of ld.so, in the process itself: 7 ns an event, so that what they see is the
 * truth other probes are measured against. Preloaded by LD_PRELOAD; hooks only what the watcher
 * named, in the very ld.so it looked at, and refuses first instructions it does not know.
 */
#define INSIDE __attribute__((target("general-regs-only")))
#define RING_FUNCTION INSIDE static inline
#include "probes/inside/ring.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

#define JUMP_BYTES 5
#define STOLEN_MAX 16
#define CODE_BYTES 65536
#define FRAMES 16

static struct ring *ring;
static unsigned char *code, *code_end;

struct frame {
	uint64_t *stack; /* where the return address was */
	uint64_t address;
	uint32_t step;
};

/* initial-exec: ld.so must not be asked for memory from inside ld.so */
static __thread struct frame frames[FRAMES] __attribute__((tls_model("initial-exec")));
static __thread uint32_t frame_count __attribute__((tls_model("initial-exec")));
static __thread uint32_t sequence __attribute__((tls_model("initial-exec")));
static __thread uint32_t tid __attribute__((tls_model("initial-exec")));
static uint32_t pid;

__attribute__((used)) INSIDE void hook_enter(uint32_t step, uint64_t *stack, uint64_t argument);
__attribute__((used)) INSIDE uint64_t hook_leave(uint64_t *stack);
void hook_return(void);

static INSIDE void emit(enum event_kind kind, uint32_t what, uint64_t value, uint64_t extra)
{
	uint64_t now = ring_now(ring);
	struct probe_event *event = ring_slot(ring);

	if (!event)
		return;
	if (!tid)
		tid = (uint32_t)syscall(SYS_gettid);
	event->ts = now;
	event->value = value;
	event->extra = extra;
	event->pid = pid;
	event->tid = tid;
	event->seq = sequence++;
	event->what = (unsigned short)what;
	ring_done(event, kind);
}

INSIDE void hook_enter(uint32_t step, uint64_t *stack, uint64_t argument)
{
	uint64_t extra = 0;

	if (step == STEP_OPEN || step == STEP_CLOSE) {
		/* Frames below ours were left by longjmp: a dlopen that failed. */
		while (frame_count && frames[frame_count - 1].stack <= stack) {
			frame_count--;
			emit(EVENT_RETURN, frames[frame_count].step, 0, 1);
		}
		if (frame_count == FRAMES)
			return;
		if (step == STEP_OPEN && argument)
			extra = ring_name_keep(ring, (const char *)argument);
		frames[frame_count++] =
			(struct frame){ .stack = stack, .address = *stack, .step = step };
		*stack = (uint64_t)(uintptr_t)hook_return;
	}
	emit(EVENT_STEP, step, argument, extra);
}

/* Called at a return that was redirected: gives the address to go on at. */
INSIDE uint64_t hook_leave(uint64_t *stack)
{
	while (frame_count && frames[frame_count - 1].stack < stack) {
		frame_count--;
		emit(EVENT_RETURN, frames[frame_count].step, 0, 1);
	}
	frame_count--;
	emit(EVENT_RETURN, frames[frame_count].step, 0, 0);
	return frames[frame_count].address;
}

/*
 * Where a hooked OPEN or CLOSE returns to. The return address has been popped: the room for it is
 * made again, filled by hook_leave() and taken by ret. Results in rax and rdx are kept.
 */
__asm__(".text\n"
	".type hook_return, @function\n"
	"hook_return:\n"
	"	sub $8, %rsp\n"
	"	push %rax\n	push %rdx\n"
	"	lea 16(%rsp), %rdi\n"
	"	push %rbp\n	mov %rsp, %rbp\n	and $-16, %rsp\n"
	"	call hook_leave\n"
	"	mov %rbp, %rsp\n	pop %rbp\n"
	"	mov %rax, 16(%rsp)\n"
	"	pop %rdx\n	pop %rax\n"
	"	ret\n"
	".size hook_return, .-hook_return\n");

static void code_put(const void *bytes, size_t size)
{
	memcpy(code, bytes, size);
	code += size;
}

#define PUT(...) \
	code_put((const unsigned char[]){ __VA_ARGS__ }, \
		 sizeof((const unsigned char[]){ __VA_ARGS__ }))

/*
 * How long the instruction at `at` is, 0 = not known: what compilers begin functions with. Sets
 * *ret_relative to the offset of a displacement that counts from the instruction's end.
 */
static size_t instruction_length(const unsigned char *at, size_t *ret_relative)
{
	size_t prefix = (at[0] & 0xf0) == 0x40;
	const unsigned char *op = at + prefix;
	unsigned char form = op[1];

	*ret_relative = 0;
	if (op[0] >= 0x50 && op[0] <= 0x57) /* push */
		return prefix + 1;
	if (at[0] == 0xf3 && at[1] == 0x0f && at[2] == 0x1e && at[3] == 0xfa) /* endbr64 */
		return 4;
	if ((op[0] == 0x89 || op[0] == 0x8b || op[0] == 0x31 || op[0] == 0x33 || op[0] == 0x85) &&
	    form >= 0xc0) /* mov, xor, test between registers */
		return prefix + 2;
	if (op[0] == 0x8d && (form & 0xc7) == 0x05) { /* lea x(%rip) */
		*ret_relative = prefix + 2;
		return prefix + 6;
	}
	if (op[0] == 0x8d && (form & 0xc0) == 0x40 && (form & 7) != 4) /* lea 8(%reg) */
		return prefix + 3;
	if (op[0] == 0x83 && form >= 0xc0) /* sub $8, %rsp and its like */
		return prefix + 3;
	if (op[0] == 0x81 && form >= 0xc0)
		return prefix + 6;
	if (op[0] >= 0xb8 && op[0] <= 0xbf && !(prefix && (at[0] & 8))) /* mov $4, %reg */
		return prefix + 5;
	return 0;
}

static bool near(const void *from, const void *to)
{
	int64_t distance = (const char *)to - (const char *)from;

	return distance > INT32_MIN + 4096 && distance < INT32_MAX - 4096;
}

static void jump_write(unsigned char *at, const unsigned char *to)
{
	int32_t distance = (int32_t)(to - (at + JUMP_BYTES));

	at[0] = 0xe9;
	memcpy(at + 1, &distance, sizeof(distance));
}

/* The first instructions of `function`, moved to where `code` is; 0 when one of them is unknown. */
static size_t prologue_move(const unsigned char *function)
{
	size_t stolen = 0;

	while (stolen < JUMP_BYTES) {
		size_t relative, length = instruction_length(function + stolen, &relative);
		int32_t displacement;

		if (!length || stolen + length > STOLEN_MAX)
			return 0;
		memcpy(code, function + stolen, length);
		if (relative) {
			memcpy(&displacement, code + relative, sizeof(displacement));
			displacement += (int32_t)(function + stolen - code);
			memcpy(code + relative, &displacement, sizeof(displacement));
		}
		code += length;
		stolen += length;
	}
	return stolen;
}

/* Saves what a caller may have put into registers, calls hook_enter(), goes on in the function. */
static void trampoline_write(uint32_t step)
{
	uint64_t target = (uint64_t)(uintptr_t)hook_enter;

	PUT(0x50, 0x51, 0x52, 0x56, 0x57);		     /* push rax rcx rdx rsi rdi */
	PUT(0x41, 0x50, 0x41, 0x51, 0x41, 0x52, 0x41, 0x53); /* push r8 … r11 */
	PUT(0x48, 0x89, 0xfa);				     /* mov %rdi, %rdx */
	PUT(0x48, 0x8d, 0x74, 0x24, 72);		     /* lea 72(%rsp), %rsi */
	PUT(0xbf);					     /* mov $step, %edi */
	code_put(&step, sizeof(step));
	PUT(0x55, 0x48, 0x89, 0xe5); /* push %rbp; mov %rsp, %rbp */
	PUT(0x48, 0x83, 0xe4, 0xf0); /* and $-16, %rsp */
	PUT(0x48, 0xb8);	     /* mov $hook_enter, %rax */
	code_put(&target, sizeof(target));
	PUT(0xff, 0xd0);	     /* call *%rax */
	PUT(0x48, 0x89, 0xec, 0x5d); /* mov %rbp, %rsp; pop %rbp */
	PUT(0x41, 0x5b, 0x41, 0x5a, 0x41, 0x59, 0x41, 0x58);
	PUT(0x5f, 0x5e, 0x5a, 0x59, 0x58);
}

static void site_hook(struct ring_site *site, uint32_t step, unsigned char *function)
{
	unsigned char *start = code;
	size_t stolen;

	if (code_end - code < 256)
		return;
	trampoline_write(step);
	stolen = prologue_move(function);
	if (!stolen) {
		code = start;
		ring->refused++;
		return;
	}
	jump_write(code, function + stolen);
	code += JUMP_BYTES;
	jump_write(function, start);
	site->hooked = 1;
}

/* Room for code that ld.so can jump to: near it, wherever the kernel has some. */
static bool code_map(unsigned char *linker)
{
	for (int64_t step = 1; step < 1024; step++) {
		unsigned char *hint = linker + (step % 2 ? -step : step) * (1 << 20);
		unsigned char *got =
			(unsigned char *)mmap(hint, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (got == MAP_FAILED)
			return false;
		if (near(got, linker) && near(got + CODE_BYTES, linker + (1 << 20))) {
			code = got;
			code_end = got + CODE_BYTES;
			return true;
		}
		munmap(got, CODE_BYTES);
	}
	return false;
}

static bool text_writable(unsigned char *linker, bool writable)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)linker;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(const void *)(linker + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++, segment++) {
		uintptr_t start = (uintptr_t)linker + (segment->p_vaddr & ~UINT64_C(4095));

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		if (mprotect((void *)start,
			     segment->p_memsz + ((uintptr_t)linker + segment->p_vaddr - start),
			     PROT_READ | PROT_EXEC | (writable ? PROT_WRITE : 0)) < 0)
			return false;
	}
	return true;
}

/* Addresses are worth nothing in another ld.so than the one they were looked up in. */
static bool linker_known(const unsigned char *linker)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)linker;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(const void *)(linker + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++, segment++) {
		const unsigned char *id = linker + segment->p_vaddr + sizeof(Elf64_Nhdr) + 4;
		const Elf64_Nhdr *note;

		if (segment->p_type != PT_NOTE)
			continue;
		note = (const Elf64_Nhdr *)(const void *)(linker + segment->p_vaddr);
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    note->n_descsz == ring->build_id_bytes &&
		    memcmp(id, ring->build_id, ring->build_id_bytes) == 0)
			return true;
	}
	return false;
}

static void child_begin(void)
{
	pid = (uint32_t)getpid();
	tid = 0;
	frame_count = 0;
	sequence = 0;
}

__attribute__((constructor)) static void hooks_install(void)
{
	unsigned char *linker = (unsigned char *)getauxval(AT_BASE);

	ring = ring_map(RING_VARIABLE);
	if (!ring || !linker || !linker_known(linker) || !code_map(linker) ||
	    !text_writable(linker, true))
		return;
	child_begin();
	pthread_atfork(NULL, NULL, child_begin);
	for (uint32_t step = 0; step < STEP_COUNT; step++) {
		if (ring->sites[step].address)
			site_hook(&ring->sites[step], step, linker + ring->sites[step].address);
	}
	text_writable(linker, false);
}
