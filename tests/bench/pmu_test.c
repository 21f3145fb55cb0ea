/*
 * Instructions by the PMU where there need be none: the system call fails as it does on such
 * machines, is shared with others, or counts page faults instead, whose number is known.
 */
#include "base/clock.h"
#include "bench/pmu.h"
#include "bench/tally.h"
#include "tests/bench/worker_rig.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOADS 4

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static int event_errno;
static uint64_t answer[3]; /* value, enabled, running */

static struct client_options options_of(const char *inject)
{
	struct client_options options = worker_options("null", LOADS);

	options.inject = inject;
	return options;
}

static int event_fails(struct perf_event_attr *attr, pid_t pid)
{
	(void)attr;
	(void)pid;
	errno = event_errno;
	return -1;
}

/* Answers once. */
static int event_answers(struct perf_event_attr *attr, pid_t pid)
{
	int ends[2];

	(void)attr;
	(void)pid;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], answer, sizeof(answer)), sizeof(answer));
	close(ends[1]);
	return ends[0];
}

/* A page fault for every instruction: software events are there without a PMU. */
static int event_counts_faults(struct perf_event_attr *attr, pid_t pid)
{
	assert_int_equal(attr->type, PERF_TYPE_HARDWARE);
	assert_int_equal(attr->config, PERF_COUNT_HW_INSTRUCTIONS);
	assert_true(attr->exclude_kernel);
	attr->type = PERF_TYPE_SOFTWARE;
	attr->config = PERF_COUNT_SW_PAGE_FAULTS;
	return (int)syscall(SYS_perf_event_open, attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void refusals_are_in_words(void **state)
{
	static const struct {
		int code, result;
		const char *said;
	} cases[] = {
		{ ENOENT, -ENOENT, "no PMU here" },
		{ EOPNOTSUPP, -ENOENT, "no PMU here" },
		{ EACCES, -EACCES, "kernel.perf_event_paranoid" },
		{ EPERM, -EACCES, "CAP_PERFMON" },
		{ ENOSYS, -ENOSYS, "no perf events" },
		{ EMFILE, -EMFILE, "perf_event_open" },
	};

	(void)state;
	pmu_event_open = event_fails;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pmu pmu = { 0 };
		struct err err = { "" };
		uint64_t count;

		event_errno = cases[i].code;
		assert_int_equal(pmu_open(&pmu, getpid(), &err), cases[i].result);
		assert_non_null(strstr(err.text, cases[i].said));
		assert_false(pmu_read(&pmu, &count));
		pmu_close(&pmu);
	}
}

static void a_shared_counter_says_nothing(void **state)
{
	struct pmu pmu = { 0 };
	struct err err = { "" };
	uint64_t count = 7;

	(void)state;
	pmu_event_open = event_answers;
	answer[0] = 1234;
	answer[1] = answer[2] = 50;
	assert_int_equal(pmu_open(&pmu, getpid(), &err), 0);
	assert_true(pmu_read(&pmu, &count));
	assert_int_equal(count, 1234);
	assert_false(pmu_read(&pmu, &count)); /* the end of the file */
	pmu_close(&pmu);
	answer[2] = 49;
	assert_int_equal(pmu_open(&pmu, getpid(), &err), 0);
	assert_false(pmu_read(&pmu, &count));
	assert_int_equal(count, 1234);
	pmu_close(&pmu);
}

static bool traceable(struct err *err)
{
	if (!strstr(err->text, "cannot be counted here"))
		return true;
	print_message("left out: %s\n", err->text);
	return false;
}

/* A tally goes on without, and says why. */
static void tallies_do_without(void **state)
{
	struct client_options options = options_of(NULL);
	static struct tally tally;
	struct err err = { "" };
	int r;

	(void)state;
	pmu_event_open = event_fails;
	event_errno = EACCES;
	r = tally_take(&options, TALLY_BY_PMU, &tally, &err);
	if (!traceable(&err))
		return;
	assert_int_equal(r, 0);
	assert_true(tally.known[TALLY_CALLS] && tally.exact[TALLY_CALLS]);
	assert_int_equal(tally.values[TALLY_CALLS], 0);
	assert_false(tally.known[TALLY_INSTRUCTIONS]);
	assert_non_null(strstr(tally.unknown, "perf_event_paranoid"));
}

/* What is counted is what the loads do, and not what the worker does around them. */
static void only_loads_are_counted(void **state)
{
	struct client_options none = options_of(NULL), fault = options_of("fault");
	static struct tally tallies[2];
	struct pmu pmu = { 0 };
	struct err err = { "" };

	(void)state;
	pmu_event_open = event_counts_faults;
	if (pmu_open(&pmu, getpid(), &err) < 0) {
		print_message("left out: %s\n", err.text);
		return;
	}
	pmu_close(&pmu);
	if (tally_take(&none, TALLY_BY_AUTO, &tallies[0], &err) < 0 && !traceable(&err))
		return;
	if (sanitized) {
		print_message("left out: faults of loads, the sanitizer has its own\n");
		return;
	}
	assert_int_equal(tally_take(&fault, TALLY_BY_AUTO, &tallies[1], &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(tallies[i].known[TALLY_INSTRUCTIONS]);
		assert_true(tallies[i].exact[TALLY_INSTRUCTIONS]);
		assert_int_equal(tallies[i].by, TALLY_BY_PMU);
	}
	assert_int_equal(tallies[0].values[TALLY_INSTRUCTIONS], 0);
	assert_int_equal(tallies[1].values[TALLY_INSTRUCTIONS], TALLY_LOADS);
	assert_int_equal(tally_compare(&tallies[0], &tallies[1], TALLY_INSTRUCTIONS), TALLY_MORE);
	tallies[1].by = TALLY_BY_CALLGRIND; /* apples and pears */
	assert_int_equal(tally_compare(&tallies[0], &tallies[1], TALLY_INSTRUCTIONS),
			 TALLY_ADVISORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_are_in_words),
		cmocka_unit_test(a_shared_counter_says_nothing),
		cmocka_unit_test(tallies_do_without),
		cmocka_unit_test(only_loads_are_counted),
	};

	clock_start();
	return cmocka_run_group_tests_name("pmu", tests, NULL, NULL);
}
