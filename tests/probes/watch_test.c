/*
 * The ring between a watched process and its watcher: every event arrives or is counted as lost,
 * while writer and reader meet at the moment it begins anew; names stay those of their events; what
 * the user has preloaded stays preloaded.
 */
#include "probes/watch.h"

#include "probes/inside/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TURNS 20u /* how often the ring begins anew while it is written */
#define OPENS (3u * RING_NAMES)

static struct watch watch;

static int ring_up(void **state)
{
	(void)state;
	clock_start();
	return watch_open(&watch, NULL, 0, NULL);
}

static int ring_down(void **state)
{
	(void)state;
	watch_close(&watch);
	return 0;
}

static bool enough;

/* Writes until the reader has seen enough, however the two are scheduled: how many events. */
static void *events_write(void *ret_count)
{
	uint32_t *count = ret_count;

	for (; !__atomic_load_n(&enough, __ATOMIC_RELAXED); ++*count) {
		struct probe_event *event = ring_slot(watch.ring);

		if (!event)
			continue;
		event->ts = ring_now(watch.ring);
		event->seq = *count;
		ring_done(event, EVENT_SYSCALL);
	}
	return NULL;
}

struct taken {
	uint64_t count;
	uint32_t next; /* the least number the next event may have */
};

static void event_take(void *to, const struct probe_event *event, const char *name)
{
	struct taken *taken = to;

	(void)name;
	assert_true(event->seq >= taken->next);
	taken->next = event->seq + 1;
	taken->count++;
}

static void nothing_is_lost_uncounted(void **state)
{
	struct taken taken = { 0 };
	uint32_t written = 0;
	uint64_t lost = 0;
	pthread_t writer;

	(void)state;
	enough = false;
	assert_int_equal(pthread_create(&writer, NULL, events_write, &written), 0);
	for (unsigned int turns = 0; turns < TURNS;) {
		uint32_t before = watch.read;
		uint64_t count = taken.count;

		lost += (uint64_t)watch_read(&watch, event_take, &taken);
		turns += watch.read < before + (taken.count - count);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	for (int i = 0; i < 2; i++) /* the first takes what is there, the second may begin anew */
		lost += (uint64_t)watch_read(&watch, event_take, &taken);
	assert_int_equal(taken.count + lost, written);
}

static void open_put(const char *name)
{
	struct probe_event *event = ring_slot(watch.ring);

	assert_non_null(event);
	event->what = STEP_OPEN;
	event->extra = name ? ring_name_keep(watch.ring, name) : 0;
	ring_done(event, EVENT_STEP);
}

struct names {
	uint32_t count, known;
	char last[EVENT_NAME_BYTES];
};

static void name_take(void *to, const struct probe_event *event, const char *name)
{
	struct names *names = to;
	char wanted[32];

	(void)event;
	snprintf(wanted, sizeof(wanted), "x%u.so", names->count++);
	if (!name)
		return;
	names->known++;
	snprintf(names->last, sizeof(names->last), "%s", name);
	if (strncmp(name, "x", 1) == 0)
		assert_string_equal(name, wanted);
}

/* As many as there are, if they are read in time; one that was overtaken has none, never another's.
 */
static void names_are_kept_in_turns(void **state)
{
	struct names names = { 0 };
	char name[32];

	(void)state;
	for (uint32_t i = 0; i < OPENS; i++) {
		snprintf(name, sizeof(name), "x%u.so", i);
		open_put(name);
		if (i % 1000 == 0)
			watch_read(&watch, name_take, &names);
	}
	watch_read(&watch, name_take, &names);
	assert_int_equal(names.known, OPENS);
	names = (struct names){ 0 };
	for (uint32_t i = 0; i < OPENS; i++) {
		snprintf(name, sizeof(name), "x%u.so", i);
		open_put(name);
	}
	watch_read(&watch, name_take, &names);
	assert_int_equal(names.count, OPENS);
	assert_int_equal(names.known, RING_NAMES);
}

static void long_names_keep_their_end(void **state)
{
	char name[400] = "", short_name[EVENT_NAME_BYTES];
	struct names names = { 0 };

	(void)state;
	while (strlen(name) < 300)
		strcat(name, "/folder"); /* NOLINT: it fits */
	strcat(name, "/numpy.so");	 /* NOLINT */
	open_put(name);
	watch_read(&watch, name_take, &names);
	assert_int_equal(strlen(names.last), EVENT_NAME_BYTES - 1);
	assert_memory_equal(names.last, "...", 3);
	assert_string_equal(names.last + 3, name + strlen(name) - (EVENT_NAME_BYTES - 4));
	memset(short_name, 'a', sizeof(short_name) - 1);
	short_name[sizeof(short_name) - 1] = '\0';
	open_put(short_name); /* just fits: is not touched */
	open_put(NULL);
	watch_read(&watch, name_take, &names);
	assert_string_equal(names.last, short_name);
	assert_int_equal(names.known, 2);
}

static const char *variable_of(const char *value)
{
	static char text[512];
	struct probe_environment environment = { 0 };

	if (value)
		setenv("LD_PRELOAD", value, 1);
	else
		unsetenv("LD_PRELOAD");
	assert_int_equal(watch_environment(&watch, "LD_PRELOAD", &environment, NULL), 0);
	unsetenv("LD_PRELOAD");
	snprintf(text, sizeof(text), "%s", environment.variables[1]);
	probe_environment_free(&environment);
	return text;
}

static void what_was_preloaded_stays(void **state)
{
	char own[64], wanted[128];

	(void)state;
	snprintf(own, sizeof(own), "LD_PRELOAD=/proc/%d/fd/%d", (int)getpid(), watch.object_fd);
	assert_string_equal(variable_of(NULL), own);
	assert_string_equal(variable_of(""), own);
	snprintf(wanted, sizeof(wanted), "%s:libm.so.6", own);
	assert_string_equal(variable_of("libm.so.6"), wanted);
	/* An object of ours that is there already, as in prove_probes, makes room. */
	assert_string_equal(variable_of(own + strlen("LD_PRELOAD=")), own);
	snprintf(wanted, sizeof(wanted), "/proc/%d/fd/7:libm.so.6", (int)getpid());
	assert_non_null(strstr(variable_of(wanted), ":libm.so.6"));
	assert_null(strstr(variable_of(wanted), "/fd/7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_lost_uncounted, ring_up, ring_down),
		cmocka_unit_test_setup_teardown(names_are_kept_in_turns, ring_up, ring_down),
		cmocka_unit_test_setup_teardown(long_names_keep_their_end, ring_up, ring_down),
		cmocka_unit_test_setup_teardown(what_was_preloaded_stays, ring_up, ring_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
