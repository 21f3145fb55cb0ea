/* The measured cycle. Everything a measurement is disturbed by happens before or after it. */
#include "bench/cycle.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define STACK_TOUCH_BYTES 65536

static uint64_t thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void stack_touch(void)
{
	volatile char bytes[STACK_TOUCH_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i += 1024)
		bytes[i] = 0;
}

/*
 * Locked, so that nothing of it is ever reclaimed; not MCL_FUTURE, which would bring in every page
 * of the objects under test and hide the faults they cost.
 */
static int memory_open(struct cycle *cycle, struct err *err)
{
	uint32_t capacity = cycle->options.capacity;
	size_t loads_bytes = capacity * sizeof(cycle->loads[0]);
	size_t spans_bytes = capacity * CYCLE_SPANS * sizeof(cycle->spans[0]);

	cycle->memory_bytes = loads_bytes + spans_bytes + capacity * sizeof(cycle->timelines[0]);
	cycle->memory = mmap(NULL, cycle->memory_bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (cycle->memory == MAP_FAILED) {
		cycle->memory = NULL;
		return err_sys(err, "memory for %u loads", capacity);
	}
	memset(cycle->memory, 0, cycle->memory_bytes);
	cycle->loads = cycle->memory;
	cycle->spans = (struct span *)(void *)((char *)cycle->memory + loads_bytes);
	cycle->timelines = (struct timeline *)(void *)((char *)cycle->spans + spans_bytes);
	for (uint32_t i = 0; i < capacity; i++) {
		cycle->timelines[i].watch = cycle->options.watch;
		cycle->timelines[i].spans = cycle->spans + (size_t)i * CYCLE_SPANS;
		cycle->timelines[i].span_capacity = CYCLE_SPANS;
	}
	cycle->locked = mlock(cycle->memory, cycle->memory_bytes) == 0 &&
			mlock(cycle->file.bytes, cycle->file.size) == 0;
	return 0;
}

int cycle_open(struct cycle *cycle, const struct cycle_options *options, struct err *err)
{
	int r;

	*cycle = (struct cycle){ .options = *options };
	r = file_load(options->path, &cycle->file, err);
	if (r < 0)
		return r;
	cycle->so = (struct so){
		.bytes = cycle->file.bytes,
		.size = cycle->file.size,
		.path = options->path,
		.fd = -1,
		.id = 1, /* the only content this process will see */
		.generation = 1,
	};
	r = memory_open(cycle, err);
	if (r < 0)
		return r;
	r = loader_open(&cycle->loader, options->loader, err);
	if (r < 0)
		return r;
	r = inject_parse(&cycle->inject, options->inject ? options->inject : "", err);
	if (r == 0)
		r = inject_open(&cycle->inject, clock_ticks(), err);
	if (r < 0)
		return r;
	cycle->image = image_new(cycle->loader);
	if (!cycle->image)
		return err_set(err, ENOMEM, "out of memory");
	self_open(&cycle->self);
	if (cycle->self.probe_count)
		cycle->piece_count = pieces_of(&cycle->so, cycle->pieces);
	stack_touch();
	return 0;
}

int cycle_open_beside(struct cycle *cycle, const struct cycle *first, struct err *err)
{
	int r;

	*cycle = (struct cycle){
		.options = first->options,
		.loader = first->loader,
		.file = first->file,
		.so = first->so,
		.beside = true,
	};
	cycle->options.watch = NULL;
	r = memory_open(cycle, err);
	if (r < 0)
		return r;
	cycle->image = image_new(cycle->loader);
	return cycle->image ? 0 : err_set(err, ENOMEM, "out of memory");
}

void cycle_close(struct cycle *cycle)
{
	self_close(&cycle->self);
	image_free(cycle->image);
	if (!cycle->beside) {
		loader_close(cycle->loader);
		file_unload(&cycle->file);
	}
	inject_close(&cycle->inject);
	if (cycle->memory)
		munmap(cycle->memory, cycle->memory_bytes);
	*cycle = (struct cycle){ 0 };
}

/* Where a load ended: the last phase that is its own, before the clean-up entered UNLOAD. */
static uint32_t phase_last(const struct timeline *time)
{
	uint32_t phase = PHASE_OTHER;

	for (uint32_t i = 0; i < time->span_count && time->spans[i].phase != PHASE_UNLOAD; i++) {
		if (time->spans[i].phase != PHASE_CHECK)
			phase = time->spans[i].phase;
	}
	return phase;
}

/* Load, lookup, first call. */
static int cycle_load(struct cycle *cycle, struct timeline *time, struct worker_load *load,
		      struct err *err)
{
	void *address = NULL;
	int r;

	r = image_load(cycle->image, &cycle->so, time, err);
	if (r < 0)
		return r;
	if (!cycle->options.symbol[0])
		return 0;
	r = image_symbol(cycle->image, cycle->options.symbol, &address, err);
	if (r < 0)
		return r;
	if (!cycle->options.call)
		return 0;
	timeline_enter(time, PHASE_CALL);
	load->flags |= WORKER_CALLED;
	((long (*)(void))(uintptr_t)address)(); /* the next phase follows at once */
	return 0;
}

static uint64_t time_ns(const struct timeval *from, const struct timeval *to)
{
	return (uint64_t)((to->tv_sec - from->tv_sec) * 1000000 + to->tv_usec - from->tv_usec) *
	       1000;
}

static void usage_add(struct worker_load *load, const struct rusage *from, const struct rusage *to)
{
	load->user_ns += time_ns(&from->ru_utime, &to->ru_utime);
	load->system_ns += time_ns(&from->ru_stime, &to->ru_stime);
	load->minflt += (int32_t)(to->ru_minflt - from->ru_minflt);
	load->majflt += (int32_t)(to->ru_majflt - from->ru_majflt);
	load->nvcsw += (int32_t)(to->ru_nvcsw - from->ru_nvcsw);
	load->nivcsw += (int32_t)(to->ru_nivcsw - from->ru_nivcsw);
}

static void report_take(struct worker_load *load, const struct image *image)
{
	const struct image_report *report = &image->report;

	load->load_bytes = report->load_bytes;
	if (report->known_before)
		load->flags |= WORKER_KNOWN_BEFORE;
	if (report->hit)
		load->flags |= WORKER_HIT;
	snprintf(load->staged_at, sizeof(load->staged_at), "%s",
		 report->staged_at ? report->staged_at : "");
	snprintf(load->text, sizeof(load->text), "%s", report->note ? report->note : "");
}

static void freshness_take(struct worker_load *load, const struct image *image,
			   enum cycle_check check)
{
	struct freshness_verdict verdict;

	if (check == CYCLE_CHECK_FULL)
		freshness_check(image, &verdict);
	else
		freshness_check_quick(image, &verdict);
	load->flags |= WORKER_CHECKED;
	load->freshness = verdict.freshness;
	if (verdict.freshness == FRESHNESS_STALE || verdict.freshness == FRESHNESS_UNKNOWN)
		snprintf(load->text, sizeof(load->text), "%s", verdict.reason);
}

static void mark(const struct cycle *cycle, enum worker_mark which)
{
	if (cycle->marks)
		prctl(WORKER_MARK, (unsigned long)which, 0, 0, 0);
}

enum cycle_check cycle_check_due(struct cycle *cycle, const struct worker_run *run, uint32_t i)
{
	if (i < run->proofs)
		return CYCLE_CHECK_FULL;
	if (cycle->options.check_every == 0 || ++cycle->since_check < cycle->options.check_every)
		return CYCLE_CHECK_NONE;
	cycle->since_check = 0;
	return CYCLE_CHECK_QUICK;
}

/* Nobody watches, mostly: then a load is a branch longer in three places, and no more. */
static void watch_begin(struct cycle *cycle, struct timeline *time)
{
	if (!cycle->self.ring)
		return;
	self_begin(&cycle->self);
	time->hook = self_hook(&cycle->self);
}

/* The watcher's probes look at what is loaded now. */
static void watch_loaded(struct cycle *cycle)
{
	if (!cycle->self.ring)
		return;
	self_loaded(&cycle->self, &(struct probe_object){
					  .base = cycle->image->report.base,
					  .pieces = cycle->pieces,
					  .piece_count = cycle->piece_count,
				  });
}

int cycle_run(struct cycle *cycle, uint32_t i, enum cycle_check check)
{
	struct worker_load *load = &cycle->loads[i];
	struct timeline *time = &cycle->timelines[i];
	struct rusage before, middle, after;
	struct err err;
	uint64_t cpu_ns;

	memset(load, 0, sizeof(*load));
	if (cycle->options.cold)
		cold_begin(cycle->options.cold);
	getrusage(RUSAGE_THREAD, &before);
	watch_begin(cycle, time);
	cpu_ns = thread_cpu_ns();
	mark(cycle, WORKER_MARK_LOAD);
	timeline_begin(time, PHASE_OTHER);
	load->result = cycle_load(cycle, time, load, &err);
	timeline_enter(time, PHASE_CHECK);
	mark(cycle, WORKER_MARK_PAUSE);
	getrusage(RUSAGE_THREAD, &middle);
	usage_add(load, &before, &middle);
	if (load->result == 0) {
		report_take(load, cycle->image);
		load->flags |= cycle->options.cold && cold_was() ? WORKER_COLD : 0u;
		if (check != CYCLE_CHECK_NONE)
			freshness_take(load, cycle->image, check);
	}
	watch_loaded(cycle);
	getrusage(RUSAGE_THREAD, &middle);
	mark(cycle, WORKER_MARK_RESUME);
	image_unload(cycle->image);
	inject_load(&cycle->inject, time);
	timeline_end(time);
	mark(cycle, WORKER_MARK_DONE);
	load->cpu_ns = thread_cpu_ns() - cpu_ns;
	if (cycle->self.ring)
		self_end(&cycle->self);
	getrusage(RUSAGE_THREAD, &after);
	usage_add(load, &middle, &after);
	load->cpu = sched_getcpu();
	if (load->result < 0) {
		load->phase = phase_last(time);
		snprintf(load->text, sizeof(load->text), "%s", err.text);
	}
	return load->result;
}

int cycle_run_group(struct cycle *cycle, uint32_t i, uint32_t group)
{
	struct worker_load *load = &cycle->loads[i];
	struct timeline *time = &cycle->timelines[i];
	const bool injects = cycle->inject.kind != INJECT_NONE;
	struct rusage before, after;
	struct err err;
	uint64_t cpu_ns;

	memset(load, 0, sizeof(*load));
	getrusage(RUSAGE_THREAD, &before);
	cpu_ns = thread_cpu_ns();
	mark(cycle, WORKER_MARK_LOAD);
	timeline_begin(time, PHASE_OTHER);
	for (uint32_t k = 0; load->result == 0 && k < group; k++) {
		load->result = cycle_load(cycle, NULL, load, &err);
		image_unload(cycle->image);
		if (injects)
			inject_load_of_group(&cycle->inject, time, k == 0);
	}
	timeline_end(time);
	mark(cycle, WORKER_MARK_DONE);
	load->cpu_ns = thread_cpu_ns() - cpu_ns;
	getrusage(RUSAGE_THREAD, &after);
	usage_add(load, &before, &after);
	load->cpu = sched_getcpu();
	load->group = group;
	if (load->result < 0)
		snprintf(load->text, sizeof(load->text), "%s", err.text);
	return load->result;
}

__attribute__((noinline)) int cycle_run_counted(struct cycle *cycle, uint32_t i,
						enum cycle_check check)
{
	int r = cycle_run(cycle, i, check);

	__asm__ volatile("" : : : "memory"); /* a jump instead of a call would never come back */
	return r;
}
