/*
 * The LD_AUDIT object: ld.so itself tells it what it searches, maps, has finished and closes. Works
 * for anybody; cannot tell relocation from constructors, and does not see dlopen return.
 */
#include "probes/inside/ring.h"

#include <link.h>

#define EXPORT __attribute__((visibility("default")))

/* clang-format off: the interface of rtld-audit(7) */
EXPORT unsigned int la_version(unsigned int version);
EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie);
EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag);
EXPORT void la_activity(uintptr_t *cookie, unsigned int flag);
EXPORT unsigned int la_objclose(uintptr_t *cookie);
EXPORT void la_preinit(uintptr_t *cookie);
/* clang-format on */

static struct ring *ring;
static bool started; /* what the program itself needs has been loaded */

/*
 * ld.so holds its lock while it calls us: one thread at a time. SEARCHING: dlopen was asked for a
 * name; OPENING: it maps something new, and what is searched from now on is what that needs.
 */
static uint32_t inside_tid;
static enum state { OUTSIDE, SEARCHING, OPENING, CLOSING } state;
static __thread uint32_t sequence __attribute__((tls_model("initial-exec")));

static void emit(enum event_kind kind, uint32_t what, uint64_t extra)
{
	struct probe_event *event;
	uint64_t now;

	if (!ring)
		return;
	now = ring_now(ring);
	event = ring_slot(ring);
	if (!event)
		return;
	event->ts = now;
	event->value = 0;
	event->extra = extra;
	event->pid = (uint32_t)getpid();
	event->tid = inside_tid;
	event->seq = sequence++;
	event->what = (unsigned short)what;
	ring_done(event, kind);
}

static void begin(enum state wanted, const char *name)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	if (state == wanted && tid == inside_tid && wanted != SEARCHING)
		return;
	state = wanted;
	inside_tid = tid;
	emit(EVENT_STEP, wanted == CLOSING ? STEP_CLOSE : STEP_OPEN,
	     RING_OPEN_ENDED | (name && ring ? ring_name_keep(ring, name) : 0));
}

unsigned int la_version(unsigned int version)
{
	ring = ring_map(RING_VARIABLE);
	return ring ? version : 0;
}

char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
	(void)cookie;
	if (started && ring) {
		if (flag == LA_SER_ORIG &&
		    (state != OPENING || inside_tid != (uint32_t)syscall(SYS_gettid)))
			begin(SEARCHING, name);
		emit(EVENT_STEP, STEP_FIND, 0);
	}
	return (char *)(uintptr_t)name;
}

unsigned int la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	(void)map;
	(void)space;
	(void)cookie;
	if (started && state == OPENING)
		emit(EVENT_STEP, STEP_DEPS, 0);
	return 0;
}

void la_activity(uintptr_t *cookie, unsigned int flag)
{
	(void)cookie;
	if (!started)
		return;
	if (flag == LA_ACT_ADD) {
		if (state != SEARCHING)
			begin(OPENING, NULL);
		state = OPENING;
	} else if (flag == LA_ACT_DELETE) {
		/* dlclose has closed something before. The end of the program begins with this. */
		started = state == CLOSING;
		if (started)
			emit(EVENT_STEP, STEP_UNMAP, 0);
	} else if (state == OPENING) {
		emit(EVENT_STEP, STEP_ACTIVATE, 0);
		state = OUTSIDE;
	} else if (state == CLOSING) {
		emit(EVENT_RETURN, STEP_CLOSE, 0);
		state = OUTSIDE;
	}
}

unsigned int la_objclose(uintptr_t *cookie)
{
	(void)cookie;
	if (started) {
		begin(CLOSING, NULL);
		emit(EVENT_STEP, STEP_FINI, 0);
	}
	return 0;
}

/* From here on, whatever is loaded was asked for by dlopen. */
void la_preinit(uintptr_t *cookie)
{
	(void)cookie;
	started = true;
}
