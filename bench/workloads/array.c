/*
 * Arrays of workloads. Random contents come from a hash of the element's number, not from a state
 * that is carried along: every element can be computed alone, so the loops vectorise and threads
 * share the work without changing a bit of the result.
 */
#include "bench/workloads/array.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"

#define CHUNK_ELEMENTS (1u << 18)

void *array_new(size_t bytes)
{
	void *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (array == MAP_FAILED)
		return NULL;
	(void)madvise(array, bytes, MADV_HUGEPAGE); /* a hint: smaller pages only cost time */
	return array;
}

void array_free(void *bytes, size_t size)
{
	if (bytes)
		(void)munmap(bytes, size);
}

/* What the kernel says can be had without swapping; 0 when it does not say. */
static uint64_t memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t kilobytes = 0;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
			break;
	}
	(void)fclose(file);
	return kilobytes * 1024;
}

int array_check_memory(uint64_t bytes, const char *what, struct err *err)
{
	uint64_t available = memory_available();
	char need[32], have[32];

	if (bytes > SIZE_MAX / 4)
		return err_set(err, ENOMEM, "%s: its arrays do not fit into any address space",
			       what);
	if (available == 0 || 2 * bytes <= available)
		return 0;
	return err_set(err, ENOMEM,
		       "%s needs %s of memory, half on the host and half on the modelled device, "
		       "and %s are available: take a smaller case or shorter contexts",
		       what, text_bytes(2 * bytes, need, sizeof(need)),
		       text_bytes(available, have, sizeof(have)));
}

unsigned int array_threads(unsigned int wanted)
{
	long processors = wanted ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < 1)
		return 1;
	return processors > ARRAY_THREADS_MAX ? ARRAY_THREADS_MAX : (unsigned int)processors;
}

struct part {
	array_part task;
	void *context;
	unsigned int number, parts;
	pthread_t thread;
	bool started;
};

static void *part_main(void *argument)
{
	struct part *part = argument;

	part->task(part->context, part->number, part->parts);
	return NULL;
}

void array_parallel(array_part task, void *context, unsigned int parts)
{
	struct part part[ARRAY_THREADS_MAX];

	parts = array_threads(parts);
	for (unsigned int i = 1; i < parts; i++) {
		part[i] = (struct part){ task, context, i, parts, 0, false };
		part[i].started = pthread_create(&part[i].thread, NULL, part_main, &part[i]) == 0;
	}
	task(context, 0, parts);
	for (unsigned int i = 1; i < parts; i++) {
		if (part[i].started)
			(void)pthread_join(part[i].thread, NULL);
		else
			task(context, i, parts);
	}
}

/* Two words that depend on every bit of seed, stream and chunk (the finaliser of splitmix64). */
static uint64_t chunk_key(const struct array_fill *fill, uint64_t chunk)
{
	uint64_t z = fill->seed + 0x9e3779b97f4a7c15u * (chunk * 256 + fill->stream + 1);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* One half of the key shifts the sequence, the other changes it: chunks that overlap still differ.
 */
static inline uint32_t element_hash(uint32_t i, uint32_t shift, uint32_t change)
{
	uint32_t x = i * 0x9e3779b9u + shift;

	x = (x ^ (x >> 16)) * 0x7feb352du;
	x ^= change;
	x = (x ^ (x >> 15)) * 0x846ca68bu;
	return x ^ (x >> 16);
}

struct fill_bf16 {
	uint16_t *array;
	uint64_t count;
	float step; /* per unit of a 24-bit signed integer: a power of two, so products are exact */
	const struct array_fill *fill;
};

static inline __attribute__((always_inline)) void chunk_fill_plain(uint16_t *restrict array,
								   uint32_t count, float step,
								   uint64_t key)
{
	uint32_t shift = (uint32_t)key, change = (uint32_t)(key >> 32);

	for (uint32_t i = 0; i < count; i++) {
		int32_t whole = (int32_t)(element_hash(i, shift, change) >> 8) - (1 << 23);
		union {
			float value;
			uint32_t bits;
		} u = { .value = (float)whole * step };

		/* To nearest, ties to even. */
		array[i] = (uint16_t)((u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16);
	}
}

#if defined(__x86_64__)
/* The same loop for wider vectors, a third of the time: integer products are slow without. */
__attribute__((target("avx2"))) static void chunk_fill_avx2(uint16_t *array, uint32_t count,
							    float step, uint64_t key)
{
	chunk_fill_plain(array, count, step, key);
}
#endif

static void chunk_fill_bf16(uint16_t *array, uint32_t count, float step, uint64_t key)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		chunk_fill_avx2(array, count, step, key);
		return;
	}
#endif
	chunk_fill_plain(array, count, step, key);
}

static void part_fill_bf16(void *context, unsigned int part, unsigned int parts)
{
	const struct fill_bf16 *job = context;
	const struct workload_request *progress = job->fill->progress;
	uint64_t chunks = (job->count + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;

	for (uint64_t chunk = part; chunk < chunks; chunk += parts) {
		uint64_t first = chunk * CHUNK_ELEMENTS, rest = job->count - first;

		chunk_fill_bf16(job->array + first,
				rest < CHUNK_ELEMENTS ? (uint32_t)rest : CHUNK_ELEMENTS, job->step,
				chunk_key(job->fill, chunk));
		if (part == 0 && progress && progress->progress)
			progress->progress(progress->progress_context, job->fill->what, chunk + 1,
					   chunks);
	}
}

void array_fill_bf16(uint16_t *array, uint64_t count, float half_width,
		     const struct array_fill *fill)
{
	struct fill_bf16 job = { array, count, half_width / (float)(1 << 23), fill };

	array_parallel(part_fill_bf16, &job, count < CHUNK_ELEMENTS ? 1 : fill->threads);
}

void array_fill_below(int32_t *array, uint64_t count, uint32_t limit, const struct array_fill *fill)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t key = chunk_key(fill, i / CHUNK_ELEMENTS);
		uint32_t hash = element_hash((uint32_t)(i % CHUNK_ELEMENTS), (uint32_t)key,
					     (uint32_t)(key >> 32));

		array[i] = (int32_t)(((uint64_t)hash * limit) >> 32);
	}
}

void array_compare(const float *got, const float *expected, uint64_t count, float tolerance,
		   struct workload_verdict *ret_verdict)
{
	struct workload_verdict verdict = { .elements = count };
	float worst = -INFINITY;

	for (uint64_t i = 0; i < count; i++) {
		float excess =
			fabsf(got[i] - expected[i]) - (tolerance + tolerance * fabsf(expected[i]));

		if (isnan(excess))
			excess = INFINITY;
		verdict.within += excess <= 0;
		if (excess <= worst)
			continue;
		worst = excess;
		verdict.worst_index = i;
		verdict.worst_got = got[i];
		verdict.worst_expected = expected[i];
	}
	*ret_verdict = verdict;
}
