/*
 * The counter behind every timeline and its calibration. An anchor brackets one clock_gettime
 * between two counter reads and keeps the tightest of many tries: without the bracket, one
 * preemption costs microseconds of error.
 */
#include "base/clock.h"

#include <pthread.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define ANCHOR_TRIES 64
#define STEP_TRIES 2000

__extension__ typedef unsigned __int128 wide;

bool clock_is_raw;

static uint64_t (*counted)(void);
static struct clock_map first;
static bool started;

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool counter_is_usable(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	/* Invariant TSC: CPUID 80000007h, EDX bit 8 (AMD APM volume 3, Intel SDM volume 2A). */
	return __get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & (1u << 8));
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

void clock_count(uint64_t (*source)(void))
{
	clock_is_raw = !source && counter_is_usable();
	counted = source;
}

uint64_t clock_slow(void)
{
	return counted ? counted() : clock_now_ns();
}

static void anchor_take(uint64_t *ret_ticks, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < ANCHOR_TRIES; i++) {
		uint64_t before = clock_ticks();
		uint64_t ns = clock_now_ns();
		uint64_t window = clock_ticks() - before;

		if (window >= best)
			continue;
		best = window;
		*ret_ticks = before + window / 2;
		*ret_ns = ns;
	}
}

void clock_start(void)
{
	if (started)
		return;
	clock_is_raw = counter_is_usable();
	anchor_take(&first.ticks0, &first.ns0);
	started = true;
}

void clock_share(void)
{
	clock_is_raw = false;
	anchor_take(&first.ticks0, &first.ns0);
	started = true;
}

struct clock_map clock_map_now(void)
{
	struct clock_map map;

	clock_start();
	map = first;
	anchor_take(&map.ticks1, &map.ns1);
	while (map.ticks1 - map.ticks0 < 1000) /* a program younger than that has no slope yet */
		anchor_take(&map.ticks1, &map.ns1);
	return map;
}

uint64_t clock_map_span_ns(const struct clock_map *map, uint64_t ticks)
{
	return (uint64_t)((wide)ticks * (map->ns1 - map->ns0) / (map->ticks1 - map->ticks0));
}

uint64_t clock_map_ns(const struct clock_map *map, uint64_t ticks)
{
	if (ticks < map->ticks0)
		return map->ns0 - clock_map_span_ns(map, map->ticks0 - ticks);
	return map->ns0 + clock_map_span_ns(map, ticks - map->ticks0);
}

uint64_t clock_map_span_ticks(const struct clock_map *map, uint64_t ns)
{
	return (uint64_t)((wide)ns * (map->ticks1 - map->ticks0) / (map->ns1 - map->ns0));
}

uint64_t clock_map_ticks(const struct clock_map *map, uint64_t ns)
{
	if (ns < map->ns0)
		return map->ticks0 - clock_map_span_ticks(map, map->ns0 - ns);
	return map->ticks0 + clock_map_span_ticks(map, ns - map->ns0);
}

static double step_ns;

static void step_measure(void)
{
	struct clock_map map = clock_map_now();
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < STEP_TRIES; i++) {
		uint64_t before = clock_ticks();
		uint64_t step = clock_ticks() - before;

		if (step && step < least)
			least = step;
	}
	step_ns = (double)least * (double)(map.ns1 - map.ns0) / (double)(map.ticks1 - map.ticks0);
}

double clock_step_ns(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, step_measure);
	return step_ns;
}

const char *clock_name(void)
{
#if defined(__x86_64__)
	return clock_is_raw ? "tsc" : "clock_gettime";
#elif defined(__aarch64__)
	return clock_is_raw ? "cntvct" : "clock_gettime";
#else
	return "clock_gettime";
#endif
}
