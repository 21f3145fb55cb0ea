/*
 * Workers of other builds: what a client makes of an older one, what it does not ask of it, and how
 * it refuses a newer one. The worker is this program itself, called again: it says hello as it is
 * told to, and brings loads of 100 ns in link and 50 in a phase that nobody here knows.
 */
#include "base/clock.h"
#include "base/file.h"
#include "bench/client.h"
#include "tests/emulator.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADS 4
#define PHASES 2

static const char *self;
static struct client_load loads[LOADS];

static void must_write(const void *bytes, size_t size)
{
	struct err err;

	if (fd_write_all(STDOUT_FILENO, bytes, size, "an answer", &err) < 0)
		_exit(1);
}

static void answer(uint32_t type, const void *bytes, size_t size, size_t more)
{
	struct worker_head head = { .type = type, .bytes = (uint32_t)(size + more) };

	must_write(&head, sizeof(head));
	must_write(bytes, size);
}

/* The message, whose body is thrown away but for a run. False at the end. */
static bool ask(struct worker_head *head, struct worker_run *run)
{
	static char body[4096];
	struct err err;

	if (fd_read_all(STDIN_FILENO, head, sizeof(*head), "a request", &err) != sizeof(*head))
		return false;
	if (head->bytes > sizeof(body) ||
	    fd_read_all(STDIN_FILENO, body, head->bytes, "a request", &err) != (long)head->bytes)
		_exit(1);
	if (head->type == WORKER_RUN)
		memcpy(run, body, sizeof(*run));
	return true;
}

static int worker_main(const char *spec)
{
	static const char labels[PHASES][WORKER_LABEL_BYTES] = { "link", "teleport" };
	struct worker_hello hello = { .magic = WORKER_MAGIC, .program = "soload elsewhere" };
	struct worker_load load = { .user_ns = 7 };
	struct worker_run run;
	struct worker_ready ready = { .pid = 1 };
	struct worker_head head;
	const uint64_t ns[PHASES] = { 100, 50 };

	if (sscanf(spec, "%u %u %u", &hello.version, &hello.load_bytes, &hello.phase_count) != 3)
		return 1;
	answer(WORKER_HELLO, &hello, sizeof(hello), sizeof(labels));
	must_write(labels, sizeof(labels));
	while (ask(&head, &run)) {
		struct worker_batch batch = { .count = run.count, .wanted = run.count };

		if (head.type == WORKER_OPEN) {
			answer(WORKER_READY, &ready, sizeof(ready), 0);
			continue;
		}
		answer(WORKER_BATCH, &batch, sizeof(batch),
		       run.count * (hello.load_bytes + sizeof(ns)));
		for (uint32_t i = 0; i < run.count; i++) {
			must_write(&load, hello.load_bytes);
			must_write(ns, sizeof(ns));
		}
	}
	return 0;
}

/* What a worker says of itself. */
struct says {
	unsigned int version;
	size_t load_bytes;
	unsigned int phases;
};

static const struct says first = { 1, WORKER_LOAD_BYTES_OLDEST, PHASES };
static const struct says second = { 2, WORKER_LOAD_BYTES_OLDEST, PHASES };
static const struct says today = { WORKER_VERSION, sizeof(struct worker_load), PHASES };

/* A client of such a worker. */
static int open_as(struct client *client, struct client_options options, const struct says *says,
		   struct err *err)
{
	static char spec[64];
	char *environment[] = { spec, NULL };

	snprintf(spec, sizeof(spec), "SOLOAD_TEST_WORKER=%u %zu %u", says->version,
		 says->load_bytes, says->phases);
	options.program = self;
	options.wrapper = emulator_words(NULL);
	options.loader = "memfd";
	options.path = options.symbol = "";
	options.cpu = options.spinner_cpu = -1;
	options.capacity = LOADS;
	options.environment = environment;
	err->text[0] = '\0';
	return client_open(client, &options, err);
}

static void loads_are_understood(struct client *client, const struct worker_run *run,
				 uint64_t user_ns)
{
	struct err err = { "" };

	memset(loads, 0xff, sizeof(loads));
	if (client_run(client, run, loads, &err) != LOADS)
		fail_msg("%s", err.text);
	for (int i = 0; i < LOADS; i++) {
		assert_int_equal(loads[i].phase_ns[PHASE_LINK], 100);
		assert_int_equal(loads[i].phase_ns[PHASE_OTHER], 50);
		assert_int_equal(loads[i].load.user_ns, user_ns);
		assert_int_equal(loads[i].load.system_ns, 0);
	}
}

static void the_first_version_is_understood(void **state)
{
	struct worker_run run = { .count = LOADS }, groups = { .count = LOADS, .group = 2 };
	struct client client;
	struct err err;

	(void)state;
	if (open_as(&client, (struct client_options){ 0 }, &first, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(client.version, 1);
	loads_are_understood(&client, &run, 0);
	/* What it would misunderstand it is not asked, and it lives on. */
	assert_int_equal(client_run(&client, &groups, loads, &err), -EPROTO);
	assert_non_null(strstr(err.text, "cannot stamp loads in groups"));
	loads_are_understood(&client, &run, 0);
	client_close(&client);
	assert_int_equal(open_as(&client, (struct client_options){ .inject = "5%" }, &first, &err),
			 -EPROTO);
	assert_non_null(strstr(err.text, "soload elsewhere cannot inject anything"));
}

static void the_second_version_is_understood(void **state)
{
	struct worker_run groups = { .count = LOADS, .group = 2 };
	struct client client;
	struct err err;

	(void)state;
	if (open_as(&client, (struct client_options){ .inject = "5%" }, &second, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(client.version, 2);
	loads_are_understood(&client, &groups, 0);
	client_close(&client);
	for (int i = 0; i < 2; i++) {
		struct client_options options = { .threads = i ? 2 : 0,
						  .cold = i ? COLD_NONE : COLD_FILE };

		assert_int_equal(open_as(&client, options, &second, &err), -EPROTO);
		assert_non_null(strstr(err.text, "knows neither threads nor cold loads"));
	}
}

static void todays_version_is_understood(void **state)
{
	struct worker_run run = { .count = LOADS };
	struct client client;
	struct err err;

	(void)state;
	if (open_as(&client, (struct client_options){ 0 }, &today, &err) < 0)
		fail_msg("%s", err.text);
	loads_are_understood(&client, &run, 7);
	client_close(&client);
}

static void strangers_are_refused(void **state)
{
	static const struct says wrong[] = {
		{ 99, sizeof(struct worker_load), PHASES },
		{ 0, WORKER_LOAD_BYTES_OLDEST, PHASES },
		{ 1, WORKER_LOAD_BYTES_OLDEST - 1, PHASES },
		{ WORKER_VERSION, sizeof(struct worker_load) + 8, PHASES },
		{ WORKER_VERSION, sizeof(struct worker_load), PHASES + 1 },
		{ WORKER_VERSION, sizeof(struct worker_load), 1000 },
	};
	struct client client;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char says[64];

		snprintf(says, sizeof(says),
			 "speaks version %u of the worker's protocol, this one %d",
			 wrong[i].version, WORKER_VERSION);
		assert_int_equal(open_as(&client, (struct client_options){ 0 }, &wrong[i], &err),
				 -EPROTO);
		if (!strstr(err.text, says))
			fail_msg("%zu: %s", i, err.text);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_version_is_understood),
		cmocka_unit_test(the_second_version_is_understood),
		cmocka_unit_test(todays_version_is_understood),
		cmocka_unit_test(strangers_are_refused),
	};
	const char *spec = getenv("SOLOAD_TEST_WORKER");

	if (argc > 1 && strcmp(argv[1], "worker") == 0 && spec)
		return worker_main(spec);
	clock_start();
	self = argv[0];
	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
