/* Slower loads on purpose. See inject.h for the contract. */
#include "bench/inject.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAULT_PAGES 100000 /* reserved, not used: after so many loads there are no more faults */

/* A number with an optional per cent sign: true when all of `text` is one. */
static bool number_parse(const char *text, size_t length, double *ret_value, bool *ret_percent)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || value < 0.0 || !(value <= 1e12))
		return false;
	*ret_percent = end < text + length && *end == '%';
	end += *ret_percent;
	*ret_value = *ret_percent ? value / 100.0 : value;
	return end == text + length;
}

static bool amount_parse(struct inject *inject, const char *text, size_t length)
{
	static const char loop[] = "loop=";
	bool percent;

	if (length == 4 && memcmp(text, "call", 4) == 0) {
		inject->kind = INJECT_CALL;
		return true;
	}
	if (length == 5 && memcmp(text, "fault", 5) == 0) {
		inject->kind = INJECT_FAULT;
		return true;
	}
	if (length > strlen(loop) && memcmp(text, loop, strlen(loop)) == 0) {
		inject->kind = INJECT_LOOP;
		return number_parse(text + strlen(loop), length - strlen(loop), &inject->amount,
				    &percent) &&
		       !percent;
	}
	if (!number_parse(text, length, &inject->amount, &percent))
		return false;
	inject->kind = percent ? INJECT_RATIO : INJECT_NS;
	return true;
}

static bool phase_parse(struct inject *inject, const char *text, size_t length)
{
	for (int i = 0; i < PHASE_COUNT; i++) {
		const char *label = phase_label((enum phase)i);

		if (phase_class((enum phase)i) == PHASE_CLASS_LOAD && strlen(label) == length &&
		    memcmp(label, text, length) == 0) {
			inject->phase = i;
			return true;
		}
	}
	return false;
}

int inject_parse(struct inject *inject, const char *spec, struct err *err)
{
	const char *at = spec;
	size_t length = strcspn(at, ":");
	bool percent;

	*inject = (struct inject){ .phase = -1, .share = 1.0 };
	if (!*spec)
		return 0;
	if (!amount_parse(inject, at, length))
		return err_set(err, EINVAL,
			       "inject '%s': begins with 5%%, 3000 (ns), call, fault or loop=N",
			       spec);
	at += length;
	if (*at == ':') {
		length = strcspn(++at, ":");
		if (phase_parse(inject, at, length))
			at += length;
		else
			at--;
	}
	if (*at == ':') {
		length = strlen(++at);
		if (!number_parse(at, length, &inject->share, &percent) || inject->share > 1.0)
			return err_set(err, EINVAL,
				       "inject '%s': '%s' is neither a phase of a load nor a share "
				       "of them (30%%)",
				       spec, at);
	}
	return 0;
}

int inject_open(struct inject *inject, uint64_t seed, struct err *err)
{
	void *pages;

	inject->random = seed;
	if (inject->kind != INJECT_FAULT)
		return 0;
	inject->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	inject->page_count = FAULT_PAGES;
	pages = mmap(NULL, inject->page_count * inject->page_bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return err_sys(err, "pages to fault on");
	madvise(pages, inject->page_count * inject->page_bytes, MADV_NOHUGEPAGE);
	inject->pages = pages;
	return 0;
}

void inject_close(struct inject *inject)
{
	if (inject->pages)
		munmap((void *)(uintptr_t)inject->pages, inject->page_count * inject->page_bytes);
	inject->pages = NULL;
}

static bool drawn(struct inject *inject)
{
	inject->random = inject->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (double)(inject->random >> 11) * 0x1p-53 < inject->share;
}

static uint64_t ticks_of_lane(const struct timeline *time)
{
	uint64_t ticks = 0;

	for (int i = 0; i < PHASE_COUNT; i++) {
		if (phase_class((enum phase)i) == PHASE_CLASS_LOAD)
			ticks += time->ticks[i];
	}
	return ticks;
}

/* What the share is taken of: the phase, or everything that is part of the load. Of a group it is
 * everything since the load before. */
static uint64_t ticks_so_far(const struct inject *inject, const struct timeline *time)
{
	if (inject->phase >= 0)
		return time->ticks[inject->phase];
	return ticks_of_lane(time) - inject->before;
}

static void ticks_wait(const struct inject *inject, const struct timeline *time)
{
	uint64_t wanted = (uint64_t)(inject->amount * (double)ticks_so_far(inject, time));

	while (clock_ticks() - time->mark < wanted)
		;
}

static void ns_wait(double ns)
{
	uint64_t since = clock_now_ns();

	while ((double)(clock_now_ns() - since) < ns)
		;
}

void inject_load(struct inject *inject, struct timeline *time)
{
	if (inject->kind == INJECT_NONE || !drawn(inject))
		return;
	timeline_enter(time, inject->phase < 0 ? PHASE_OTHER : (enum phase)inject->phase);
	switch (inject->kind) {
	case INJECT_NS:
		ns_wait(inject->amount);
		break;
	case INJECT_RATIO:
		ticks_wait(inject, time);
		break;
	case INJECT_CALL:
		syscall(SYS_getppid);
		break;
	case INJECT_FAULT:
		if (inject->page < inject->page_count)
			inject->pages[inject->page++ * inject->page_bytes] = 1;
		break;
	case INJECT_LOOP:
		for (volatile uint64_t i = 0; (double)i < inject->amount; i = i + 1)
			;
		break;
	default:
		break;
	}
}

void inject_load_of_group(struct inject *inject, struct timeline *time, bool first)
{
	if (first)
		inject->before = 0;
	inject_load(inject, time);
	timeline_enter(time, PHASE_OTHER);
	inject->before = ticks_of_lane(time);
}
