/* Calibration. The lower tenth of many intervals: what is above it is the machine's, not ours. */
#include "probes/calibrate.h"

#include "base/clock.h"
#include "probes/ldphase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REPEATS 200
#define PAGES 64

void soload_calibrate_gate(const char *name);
void soload_calibrate_step(void);
void soload_calibrate_work(void);

/*
 * What lies between two events of a real load: work that takes the caches to itself. Without it a
 * hit looks a third cheaper than it is. Its own time is taken bare and subtracted.
 */
#define WORK_BYTES (128u << 10) /* some times the first-level cache */
#define WORK_STRIDE 64u

static volatile unsigned char work_memory[WORK_BYTES];

void soload_calibrate_work(void)
{
	for (unsigned int i = 0; i < WORK_BYTES; i += WORK_STRIDE)
		work_memory[i]++;
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
	"	push %rbx\n"
	"	call soload_calibrate_work\n"
	"	call soload_calibrate_step\n"
	"	call soload_calibrate_work\n"
	"	call soload_calibrate_step\n"
	"	call soload_calibrate_work\n"
	"	mov $110, %eax\n" /* getppid: the least there is to do */
	"	syscall\n"
	"	call soload_calibrate_work\n"
	"	call soload_calibrate_step\n"
	"	call soload_calibrate_work\n"
	"	pop %rbx\n	ret\n"
	".size soload_calibrate_gate, .-soload_calibrate_gate\n");
#else
__attribute__((noinline, noclone)) void soload_calibrate_step(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline, noclone)) void soload_calibrate_gate(const char *name)
{
	(void)name;
	soload_calibrate_work();
	soload_calibrate_step();
	soload_calibrate_work();
	soload_calibrate_step();
	soload_calibrate_work();
	syscall(SYS_getppid);
	soload_calibrate_work();
	soload_calibrate_step();
	soload_calibrate_work();
}
#endif

/* The mapping of this program that holds `address`: its file offset is what a probe wants. */
static int address_offset(uintptr_t address, uint64_t *ret_offset)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4200];
	int r = -ENOENT;

	if (!maps)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, offset;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3 ||
		    address < start || address >= end)
			continue;
		*ret_offset = address - start + offset;
		r = 0;
	}
	fclose(maps);
	return r;
}

int calibrate_sites(struct calibrate_sites *ret_sites, struct err *err)
{
	snprintf(ret_sites->path, sizeof(ret_sites->path), "/proc/self/exe");
	if (address_offset((uintptr_t)soload_calibrate_gate, &ret_sites->gate) < 0 ||
	    address_offset((uintptr_t)soload_calibrate_step, &ret_sites->step) < 0)
		return err_set(err, ENOENT, "this program's own mappings are not readable");
	return 0;
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double tenth(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), double_compare);
	return values[count / 10];
}

static double call_take(void)
{
	double values[REPEATS];

	for (int i = 0; i < REPEATS; i++) {
		uint64_t from = clock_now_ns();

		for (int j = 0; j < 16; j++)
			syscall(SYS_getppid);
		values[i] = (double)(clock_now_ns() - from) / 16.0;
	}
	return tenth(values, REPEATS);
}

static double fault_take(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	double values[REPEATS / 4];
	volatile char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 0.0;
	madvise((void *)(uintptr_t)memory, PAGES * page, MADV_NOHUGEPAGE);
	for (int i = 0; i < REPEATS / 4; i++) {
		uint64_t from;

		madvise((void *)(uintptr_t)memory, PAGES * page, MADV_DONTNEED);
		from = clock_now_ns();
		for (size_t j = 0; j < PAGES; j++)
			memory[j * page] = 1;
		values[i] = (double)(clock_now_ns() - from) / PAGES;
	}
	munmap((void *)(uintptr_t)memory, PAGES * page);
	return tenth(values, REPEATS / 4);
}

static double map_take(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	double values[REPEATS];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0.0;
	for (int i = 0; i < REPEATS; i++) {
		uint64_t from = clock_now_ns();
		void *memory = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

		if (memory != MAP_FAILED)
			munmap(memory, page);
		values[i] = (double)(clock_now_ns() - from);
	}
	close(fd);
	return tenth(values, REPEATS);
}

static double work_take(void)
{
	double values[REPEATS];

	for (int i = 0; i < REPEATS; i++) {
		uint64_t from = clock_ticks(), took;
		struct clock_map map;

		soload_calibrate_work();
		took = clock_ticks() - from;
		map = clock_map_now();
		values[i] = (double)clock_map_span_ns(&map, took);
	}
	return tenth(values, REPEATS);
}

/* The least of all times: noise only ever adds. */
static void least_keep(double *kept, double ns)
{
	if (ns > 0.0 && (*kept <= 0.0 || ns < *kept))
		*kept = ns;
}

void calibrate_bare(struct calibrate *calibrate)
{
	least_keep(&calibrate->work_ns, work_take());
	least_keep(&calibrate->bare.call_ns, call_take());
	least_keep(&calibrate->bare.fault_ns, fault_take());
	least_keep(&calibrate->bare.map_ns, map_take());
}

void calibrate_rounds(void)
{
	for (int i = 0; i < CALIBRATE_ROUNDS; i++) {
		soload_calibrate_work();
		soload_calibrate_gate("/usr/lib/as-long-as-most-names.so");
	}
}

enum interval { OPEN_STEP, STEP_STEP, STEP_CALL, CALL, CALL_STEP, STEP_BACK, BACK_OPEN, INTERVALS };

_Static_assert(INTERVALS == CALIBRATE_INTERVALS, "the header counts the intervals");

struct rounds {
	double values[INTERVALS][CALIBRATE_ROUNDS];
	size_t count[INTERVALS];
};

static void interval_add(struct rounds *rounds, enum interval interval, double ns)
{
	if (rounds->count[interval] < CALIBRATE_ROUNDS && ns >= 0)
		rounds->values[interval][rounds->count[interval]++] = ns;
}

/* The end of an event: only system calls last. */
static uint64_t event_end(const struct probe_event *event)
{
	return event->ts + (event->kind == EVENT_SYSCALL ? event->value : 0);
}

static enum interval interval_of(const struct probe_event *a, const struct probe_event *b)
{
	bool opens = a->kind == EVENT_STEP && a->what == STEP_OPEN;

	if (opens)
		return b->kind == EVENT_STEP && b->what != STEP_OPEN ? OPEN_STEP : INTERVALS;
	if (a->kind == EVENT_RETURN)
		return b->kind == EVENT_STEP && b->what == STEP_OPEN ? BACK_OPEN : INTERVALS;
	if (a->kind == EVENT_SYSCALL)
		return b->kind == EVENT_STEP ? CALL_STEP : INTERVALS;
	if (a->kind != EVENT_STEP)
		return INTERVALS;
	if (b->kind == EVENT_SYSCALL)
		return STEP_CALL;
	return b->kind == EVENT_RETURN ? STEP_BACK : STEP_STEP;
}

static double atleast0(double value)
{
	return value > 0.0 ? value : 0.0;
}

/*
 * A step's cost lies half before and half after its time. Of a bare system call a quarter lies
 * between the kernel's two tracepoints, the rest on its ways in and out (its entry and exit code).
 */
static void cost_solve(struct probe_cost *cost, const double *ns, double call_ns, bool calls)
{
	double half = ns[STEP_STEP] / 2.0, way = call_ns * 0.375;

	cost->before_ns[COST_STEP] = cost->after_ns[COST_STEP] = half;
	cost->before_ns[COST_OPEN] = half;
	cost->after_ns[COST_OPEN] = atleast0(ns[OPEN_STEP] - half);
	cost->before_ns[COST_RETURN] = atleast0(ns[STEP_BACK] - half);
	cost->after_ns[COST_RETURN] = atleast0(ns[BACK_OPEN] - half);
	if (!calls)
		return;
	cost->before_ns[COST_SYS_ENTER] = atleast0(ns[STEP_CALL] - half - way);
	cost->after_ns[COST_SYS_ENTER] = atleast0(ns[CALL] - call_ns * 0.25) / 2.0;
	cost->before_ns[COST_SYS_EXIT] = cost->after_ns[COST_SYS_ENTER];
	cost->after_ns[COST_SYS_EXIT] = atleast0(ns[CALL_STEP] - half - way);
}

int calibrate_intervals(struct calibrate *calibrate, const struct probe_event *events, size_t count,
			struct err *err)
{
	struct rounds *rounds = calloc(1, sizeof(*rounds));
	int r = 0;

	if (!rounds)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		enum interval interval =
			i + 1 < count ? interval_of(&events[i], &events[i + 1]) : INTERVALS;

		if (interval < INTERVALS)
			interval_add(rounds, interval,
				     (double)(events[i + 1].ts - event_end(&events[i])));
		if (events[i].kind == EVENT_SYSCALL)
			interval_add(rounds, CALL, (double)events[i].value);
	}
	for (int i = 0; i < INTERVALS; i++) {
		if (rounds->count[i])
			least_keep(&calibrate->interval_ns[i],
				   tenth(rounds->values[i], rounds->count[i]));
	}
	if (rounds->count[STEP_STEP] < CALIBRATE_ROUNDS / 2 ||
	    rounds->count[STEP_BACK] + rounds->count[CALL_STEP] < CALIBRATE_ROUNDS / 2)
		r = err_set(err, ENODATA, "soload's own functions were not seen");
	free(rounds);
	return r;
}

void calibrate_rest(struct calibrate *calibrate)
{
	least_keep(&calibrate->watched.call_ns, call_take());
	least_keep(&calibrate->watched.map_ns, map_take());
	prctl(LDPHASE_MARK, LDPHASE_MARK_LOAD, 0, 0, 0);
	least_keep(&calibrate->watched.fault_ns, fault_take());
	prctl(LDPHASE_MARK, LDPHASE_MARK_DONE, 0, 0, 0);
}

struct probe_cost calibrate_cost(const struct calibrate *calibrate)
{
	const struct calibrate_times *bare = &calibrate->bare, *watched = &calibrate->watched;
	struct probe_cost cost = { 0 };
	double ns[INTERVALS];

	for (int i = 0; i < INTERVALS; i++)
		ns[i] = i == CALL ? calibrate->interval_ns[i]
				  : atleast0(calibrate->interval_ns[i] - calibrate->work_ns);
	cost_solve(&cost, ns, bare->call_ns, calibrate->interval_ns[CALL] > 0.0);
	cost.miss_ns = atleast0(watched->call_ns - bare->call_ns);
	cost.map_ns = atleast0(watched->map_ns - bare->map_ns - 2.0 * cost.miss_ns);
	cost.before_ns[COST_FAULT] = cost.after_ns[COST_FAULT] =
		atleast0(watched->fault_ns - bare->fault_ns) / 2.0;
	return cost;
}
