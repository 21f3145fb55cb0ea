/*
 * Workers and their clients: what a batch brings, what a worker leaves alone, and what either says
 * when the other makes no sense. Runs the program itself as the worker.
 */
#include "base/clock.h"
#include "base/file.h"
#include "bench/client.h"
#include "bench/counters.h"
#include "tests/bench/worker_rig.h"
#include "tests/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 16

static struct client_load loads[BATCH];

static struct client_options options_of(const char *loader)
{
	struct client_options options = worker_options(loader, BATCH);

	options.timeout_ns = UINT64_C(5000000000);
	return options;
}

static void batches_bring_their_loads(void **state)
{
	struct client_options options = options_of("memfd");
	struct worker_run run = { .count = BATCH, .proofs = 2 };
	struct client client;
	struct err err = { "" };
	uint64_t last = 0;

	(void)state;
	assert_int_equal(client_open(&client, &options, &err), 0);
	for (int batch = 0; batch < 3; batch++) {
		assert_int_equal(client_run(&client, &run, loads, &err), BATCH);
		for (int i = 0; i < BATCH; i++) {
			assert_int_equal(loads[i].load.result, 0);
			assert_true(loads[i].phase_ns[PHASE_LINK] > 0);
			assert_true(loads[i].load.start_ns > last);
			last = loads[i].load.start_ns;
			assert_int_equal(!!(loads[i].load.flags & WORKER_CHECKED), i < 2);
			if (i < 2)
				assert_int_equal(loads[i].load.freshness, FRESHNESS_FRESH);
		}
	}
	client_close(&client);
}

/* No page is touched for the first time in a load that loads nothing, and no call is made. */
static void the_harness_leaves_no_trace(void **state)
{
	struct client_options options = options_of("null");
	struct worker_run run = { .count = BATCH };
	struct client client;
	struct counters counters;
	struct err err = { "" };
	int r, faults = 0;

	(void)state;
	assert_int_equal(client_open(&client, &options, &err), 0);
	for (int batch = 0; batch < 4; batch++) {
		assert_int_equal(client_run(&client, &run, loads, &err), BATCH);
		for (int i = 0; i < BATCH; i++)
			faults += loads[i].load.minflt;
	}
	/* The kernel may move a page behind our back, seldom; new memory would be a fault in every
	 * fourth load at least. A sanitizer's own memory is new now and then. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(faults, 0, 4 * BATCH / 20);
#else
	print_message("left out: page faults of %d loads (%d), the sanitizer has its own\n",
		      4 * BATCH, faults);
#endif
	r = counters_take(&client, 4, &counters, &err);
	if (r == 0) {
		assert_int_equal(counters.total, 0);
		assert_int_equal(counters.loads, 4);
		assert_true(counters.exact);
	} else {
		print_message("not counted: %s\n", err.text);
	}
	client_close(&client);
}

static void counted_calls_are_the_loaders(void **state)
{
	struct client_options options = options_of("memfd");
	struct worker_run run = { .count = 3 };
	struct client client;
	struct counters counters;
	struct err err = { "" };
	struct stat st;
	uint32_t files = 0;

	(void)state;
	assert_int_equal(stat(worker_object(), &st), 0);
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), 3);
	if (counters_take(&client, 4, &counters, &err) == 0) {
		for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
			if (counters_name(i) && strcmp(counters_name(i), "memfd_create") == 0)
				files = counters.calls[i];
		}
		assert_int_equal(files, 1);
		assert_int_equal(counters.written_bytes, st.st_size);
		/* It is a worker as before: times come again. */
		assert_int_equal(client_run(&client, &run, loads, &err), 3);
	} else {
		print_message("not counted: %s\n", err.text);
	}
	client_close(&client);
}

static void refusals_are_in_words(void **state)
{
	struct client_options options = options_of("mefmd");
	struct client client;
	struct err err = { "" };

	(void)state;
	assert_true(client_open(&client, &options, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean 'memfd'"));
	options = options_of("memfd");
	options.path = "/nonexistent";
	assert_int_equal(client_open(&client, &options, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent"));
	options = options_of("memfd");
	options.capacity = 0;
	assert_int_equal(client_open(&client, &options, &err), -EINVAL);
	assert_int_equal(client.pid, 0);
}

static void crashes_name_the_phase(void **state)
{
	struct client_options options = options_of("memfd");
	struct worker_run run = { .count = 2 };
	struct client client;
	struct err err = { "" };

	(void)state;
	options.path = built_path("fixtures/orch_constructor_crashes.so");
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), -EIO);
	assert_non_null(strstr(err.text, "phase link"));
	assert_int_equal(client.pid, 0);
	assert_true(client_run(&client, &run, loads, &err) < 0); /* dead stays dead */
	client_close(&client);
}

static void other_programs_are_no_workers(void **state)
{
	static const char *const programs[] = { "/bin/true", "/bin/cat", "/nonexistent/soload" };
	char script[] = "/tmp/soload-noworker-XXXXXX";
	const char text[] = "#!/bin/sh\necho Hello, I am no worker at all, but I do talk a lot\n";
	struct client_options options = options_of("memfd");
	struct client client;
	struct err err;
	int fd = mkstemp(script);

	(void)state;
	options.timeout_ns = UINT64_C(300000000);
	options.wrapper = NULL; /* these are this machine's, whatever the workers are */
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		err.text[0] = '\0';
		options.program = programs[i];
		assert_true(client_open(&client, &options, &err) < 0);
		assert_true(err.text[0] != '\0');
	}
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	fchmod(fd, 0700);
	close(fd);
	options.program = script;
	assert_int_equal(client_open(&client, &options, &err), -EPROTO);
	unlink(script);
}

static void worker_become(void)
{
	const char *const *emulator = emulator_words(worker_program());
	const char *argv[EMULATOR_WORDS_MAX + 3];
	size_t count = 0;

	while (emulator && emulator[count]) {
		argv[count] = emulator[count];
		count++;
	}
	argv[count] = "worker";
	argv[count + 1] = NULL;
	if (emulator)
		execv(emulator[0], (char **)(uintptr_t)argv);
	else
		execl(worker_program(), "soload", "worker", (char *)NULL);
}

/* A worker on a socket of the test's own. */
static pid_t worker_start(int *ret_fd)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pair[1], 0);
		dup2(pair[1], 1);
		worker_become();
		_exit(99);
	}
	close(pair[1]);
	*ret_fd = pair[0];
	return pid;
}

static int worker_end(pid_t pid, int fd)
{
	int status;

	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define THREADS 3

/* Every thread brings its own loads, and those of one turn were there at once. */
static void threads_load_at_once(void **state)
{
	struct client_options options = options_of("memfd");
	static struct client_load all[THREADS * BATCH];
	struct worker_run run = { .count = BATCH, .proofs = 1 };
	struct client client;
	struct err err = { "" };
	int together = 0;

	(void)state;
	options.threads = THREADS;
	options.spread = true;
	assert_int_equal(client_open(&client, &options, &err), 0);
	for (int batch = 0; batch < 2; batch++) {
		assert_int_equal(client_run(&client, &run, all, &err), THREADS * BATCH);
		for (int i = 0; i < THREADS * BATCH; i++) {
			const struct client_load *load = &all[i], *first = &all[i - i % THREADS];
			uint64_t length = 0;

			for (int k = 0; k < PHASE_COUNT; k++)
				length += first->phase_ns[k];
			assert_int_equal(load->load.result, 0);
			assert_true(load->phase_ns[PHASE_LINK] > 0);
			assert_int_equal(!!(load->load.flags & WORKER_CHECKED), i < THREADS);
			assert_true(i < THREADS ||
				    load->load.start_ns > all[i - THREADS].load.start_ns);
			together += load != first &&
				    load->load.start_ns < first->load.start_ns + length;
		}
	}
	assert_true(together > BATCH / 2);
	client_close(&client);
}

static void threads_that_cannot_are_refused(void **state)
{
	struct client_options options = options_of("disk");
	struct client client;
	struct err err = { "" };

	(void)state;
	options.threads = 2;
	assert_int_equal(client_open(&client, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "threads may not load with disk at the same time"));
	options = options_of("memfd");
	options.threads = 65;
	assert_int_equal(client_open(&client, &options, &err), -EINVAL);
	options.threads = 64;
	options.capacity = 4096;
	assert_int_equal(client_open(&client, &options, &err), -EINVAL);
}

/* A crash in any of them is one in all; a load that fails stops its thread and no other. */
static void threads_fail_in_words(void **state)
{
	struct client_options options = options_of("memfd");
	static struct client_load all[THREADS * BATCH];
	struct worker_run run = { .count = BATCH };
	struct client client;
	struct err err = { "" };

	(void)state;
	options.threads = THREADS;
	options.path = built_path("fixtures/unresolved_data.so");
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, all, &err), THREADS * BATCH);
	for (int i = 0; i < THREADS * BATCH; i++) {
		assert_true(all[i].load.result < 0);
		assert_int_equal(all[i].load.result == -ECANCELED, i >= THREADS);
	}
	client_close(&client);
	options.path = built_path("fixtures/orch_constructor_crashes.so");
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, all, &err), -EIO);
	assert_non_null(strstr(err.text, "while 3 threads loaded"));
	client_close(&client);
}

/* On a disk a staged file can be dropped; in memory it cannot, and nobody claims it was. */
static void cold_is_what_was_dropped(void **state)
{
	struct client_options options = options_of("disk:mended:dirs=/var/tmp");
	struct worker_run run = { .count = 3 };
	struct client client;
	struct err err = { "" };

	(void)state;
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), 3);
	for (int i = 0; i < 3; i++)
		assert_false(loads[i].load.flags & WORKER_COLD);
	client_close(&client);
	options.cold = COLD_FILE;
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), 3);
	if (loads[0].load.flags & WORKER_COLD)
		assert_true(loads[2].load.flags & WORKER_COLD);
	else
		print_message("left out: /var/tmp keeps what it is told to drop\n");
	client_close(&client);
	options.loader = "disk:mended:dirs=/dev/shm";
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), 3);
	for (int i = 0; i < 3; i++)
		assert_false(loads[i].load.flags & WORKER_COLD);
	client_close(&client);
}

/* Sends a request after reading the greeting, and returns the type of the answer; 0 = none. */
static uint32_t answer_of(const void *bytes, size_t size, int *ret_code)
{
	struct worker_head head = { 0 };
	char skipped[4096];
	int fd;
	pid_t pid = worker_start(&fd);

	assert_int_equal(fd_read_all(fd, &head, sizeof(head), "head", NULL), sizeof(head));
	assert_int_equal(head.type, WORKER_HELLO);
	assert_true(head.bytes < sizeof(skipped));
	assert_int_equal(fd_read_all(fd, skipped, head.bytes, "hello", NULL), head.bytes);
	assert_int_equal(fd_write_all(fd, bytes, size, "request", NULL), 0);
	shutdown(fd, SHUT_WR);
	head.type = 0;
	fd_read_all(fd, &head, sizeof(head), "answer", NULL);
	/* To its end: a worker that still writes when nobody reads dies of SIGPIPE. */
	while (fd_read_all(fd, skipped, sizeof(skipped), "answer", NULL) > 0)
		;
	*ret_code = worker_end(pid, fd);
	return head.type;
}

static void nonsense_is_refused(void **state)
{
	struct {
		struct worker_head head;
		struct worker_open open;
		char strings[64];
	} message = { .head = { WORKER_OPEN, sizeof(message.open) + 3 } };
	struct {
		struct worker_head head;
		struct worker_run run;
	} run = { .head = { WORKER_RUN, sizeof(run.run) }, .run = { .count = 1 } };
	struct worker_head head;
	int code;

	(void)state;
	/* The end at once is no error: the client had nothing to ask. */
	assert_int_equal(answer_of("", 0, &code), 0);
	assert_int_equal(code, 0);
	head = (struct worker_head){ 77, 4 };
	assert_int_equal(answer_of(&head, sizeof(head), &code), WORKER_FAILED);
	assert_int_equal(code, 2);
	head = (struct worker_head){ WORKER_OPEN, 1 };
	assert_int_equal(answer_of(&head, sizeof(head), &code), WORKER_FAILED);
	head = (struct worker_head){ WORKER_OPEN, UINT32_MAX };
	assert_int_equal(answer_of(&head, sizeof(head), &code), WORKER_FAILED);
	/* A batch before anything is open; one that is not there; three empty strings. */
	assert_int_equal(answer_of(&run, sizeof(run), &code), WORKER_FAILED);
	assert_int_equal(answer_of(&message, sizeof(message.head), &code), WORKER_FAILED);
	message.open.capacity = 1;
	assert_int_equal(
		answer_of(&message, sizeof(message.head) + sizeof(message.open) + 3, &code),
		WORKER_FAILED);
	assert_int_equal(code, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_bring_their_loads),
		cmocka_unit_test(the_harness_leaves_no_trace),
		cmocka_unit_test(counted_calls_are_the_loaders),
		cmocka_unit_test(refusals_are_in_words),
		cmocka_unit_test(crashes_name_the_phase),
		cmocka_unit_test(other_programs_are_no_workers),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(threads_load_at_once),
		cmocka_unit_test(threads_that_cannot_are_refused),
		cmocka_unit_test(threads_fail_in_words),
		cmocka_unit_test(cold_is_what_was_dropped),
	};

	clock_start();
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
