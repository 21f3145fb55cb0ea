/* What probes slow without an event of its own: timed without them and with them. */
#include "probes/calibrate.h"

#include "base/clock.h"
#include "probes/ldphase.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REPEATS 200
#define PAGES 64
#define TREE_NODE 16 /* mappings in a node of the kernel's tree, at most */
#define OBJECTS 4
#define OBJECT_REPEATS 20
#define OBJECT_PAGES 5

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double calibrate_tenth(double *values, size_t count)
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
	return calibrate_tenth(values, REPEATS);
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
	return calibrate_tenth(values, REPEATS / 4);
}

enum object_part { MAP, RELOCATE, RELOCATE_AGAIN, UNMAP, OBJECT_PARTS };

/* What body() works on: a function that is watched takes no arguments of ours. */
static struct {
	double ns[OBJECT_PARTS][OBJECT_REPEATS];
	size_t page;
	int fd, round;
	bool failed;
} objects;

static bool segment_map(char *base, size_t first, size_t count, int rights)
{
	size_t page = objects.page;

	return mmap(base + first * page, count * page, rights, MAP_PRIVATE | MAP_FIXED, objects.fd,
		    (off_t)(first * page)) != MAP_FAILED;
}

/* As ld.so: everything at once, then the other segments over it. */
static char *object_map(void)
{
	char *base = mmap(NULL, OBJECT_PAGES * objects.page, PROT_READ, MAP_PRIVATE, objects.fd, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (segment_map(base, 1, 1, PROT_READ | PROT_EXEC) && segment_map(base, 2, 1, PROT_READ) &&
	    segment_map(base, 3, 2, PROT_READ | PROT_WRITE))
		return base;
	munmap(base, OBJECT_PAGES * objects.page);
	return NULL;
}

static void part_add(enum object_part part, uint64_t *from)
{
	uint64_t now = clock_now_ns();

	objects.ns[part][objects.round] = (double)(now - *from);
	*from = clock_now_ns();
}

/* In the order of ld.so: all are mapped and read, then relocated one after the other, which is a
 * first write to a page and its protection behind a hit, then unmapped. */
static void objects_body(void)
{
	char *bases[OBJECTS];
	size_t page = objects.page;
	uint64_t from = clock_now_ns();

	for (int i = 0; i < OBJECTS; i++) {
		bases[i] = object_map();
		if (!bases[i]) { /* no memory: nothing to tell, and what is mapped is little */
			objects.failed = true;
			return;
		}
		part_add(MAP, &from);
	}
	for (int i = 0; i < OBJECTS; i++) {
		for (size_t j = 0; j < 3; j++)
			(void)*(volatile char *)(bases[i] + j * page);
		*(volatile char *)(bases[i] + 4 * page) = 1;
	}
	from = clock_now_ns();
	for (int i = 0; i < OBJECTS; i++) {
		soload_calibrate_step();
		*(volatile char *)(bases[i] + 3 * page) = 1;
		mprotect(bases[i] + 3 * page, page, PROT_READ);
		part_add(i ? RELOCATE_AGAIN : RELOCATE, &from);
	}
	for (int i = 0; i < OBJECTS; i++) {
		munmap(bases[i], OBJECT_PAGES * page);
		part_add(UNMAP, &from);
	}
}

/* Noise only ever adds. */
static void least_keep(double *kept, double ns)
{
	if (ns > 0.0 && (*kept <= 0.0 || ns < *kept))
		*kept = ns;
}

/*
 * A probed process has one mapping more (the page its functions return through), and how many there
 * are decides where the kernel's tree splits a node, which costs more than what is to be measured:
 * the mean over all places in a node knows nothing of it.
 */
static void objects_take(struct calibrate_times *kept)
{
	double means[OBJECT_PARTS] = { 0 };
	void *pads[TREE_NODE];

	objects.page = (size_t)sysconf(_SC_PAGESIZE);
	objects.fd = memfd_create("soload-calibrate", MFD_CLOEXEC);
	if (objects.fd < 0 || ftruncate(objects.fd, (off_t)(OBJECT_PAGES * objects.page)) < 0)
		return;
	for (int i = 0; i < TREE_NODE; i++) {
		/* Rights that differ, or the kernel makes one mapping of two. */
		pads[i] = mmap(NULL, objects.page, i % 2 ? PROT_READ : PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (objects.round = 0; objects.round < OBJECT_REPEATS; objects.round++)
			soload_calibrate_gate("", objects_body);
		for (int part = 0; part < OBJECT_PARTS; part++)
			means[part] +=
				calibrate_tenth(objects.ns[part], OBJECT_REPEATS) / TREE_NODE;
	}
	for (int i = 0; i < TREE_NODE; i++) {
		if (pads[i] != MAP_FAILED)
			munmap(pads[i], objects.page);
	}
	close(objects.fd);
	if (objects.failed)
		return;
	least_keep(&kept->map_ns, means[MAP]);
	least_keep(&kept->relocate_ns[0], means[RELOCATE]);
	least_keep(&kept->relocate_ns[1], means[RELOCATE_AGAIN]);
	least_keep(&kept->unmap_ns, means[UNMAP]);
}

static double calibrate_work_ns(void)
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
	return calibrate_tenth(values, REPEATS);
}

void calibrate_bare(struct calibrate *calibrate)
{
	least_keep(&calibrate->bare.call_ns, call_take());
	objects_take(&calibrate->bare);
	least_keep(&calibrate->bare.fault_ns, fault_take());
}

void calibrate_rest(struct calibrate *calibrate)
{
	calibrate->work_ns = calibrate_work_ns();
	least_keep(&calibrate->watched.call_ns, call_take());
	objects_take(&calibrate->watched);
	prctl(LDPHASE_MARK, LDPHASE_MARK_LOAD, 0, 0, 0);
	least_keep(&calibrate->watched.fault_ns, fault_take());
	prctl(LDPHASE_MARK, LDPHASE_MARK_DONE, 0, 0, 0);
}

void calibrate_near(pid_t pid, cpu_set_t *ret_own)
{
	cpu_set_t theirs;

	if (sched_getaffinity(0, sizeof(*ret_own), ret_own) < 0)
		CPU_ZERO(ret_own);
	else if (sched_getaffinity(pid, sizeof(theirs), &theirs) == 0)
		sched_setaffinity(0, sizeof(theirs), &theirs);
}

void calibrate_far(const cpu_set_t *own)
{
	if (CPU_COUNT(own))
		sched_setaffinity(0, sizeof(*own), own);
}
