/* What a proof claims: which counts reach a goal and which miss it, and what the last line says. */
#include "bench/prove_report.h"

#include "bench/command.h"
#include "bench/cost.h"
#include "bench/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define GATES 20

static const struct prove_campaign same = {
	"same", NULL, 0.05, 0, GATES, 18, JUDGE_PASS, 1.0, 0, 0, false,
};
static const struct prove_campaign slower = {
	"slower", "5%", 0.05, 0, GATES, 19, JUDGE_FAIL, 1.0, 4.0, 8.0, false,
};
static const struct prove_campaign some_slower = {
	"some", "20%:30%", 0.05, 0, GATES, 19, JUDGE_FAIL, 1.0, 0, 0, true,
};

struct shown {
	char *text, *last;
	int code;
};

/* A table of one campaign with these verdicts, its gates 1 s long but for the slowest. */
struct scene {
	const struct prove_campaign *campaign;
	const struct gate_rules *rules; /* NULL = the usual ones */
	unsigned int pass, fail, inconclusive, broken, found_by_p10;
	double slowest[3];
	bool not_found, not_counted, uncountable;
	double record_ns;
	unsigned int false_redrawn;
};

static void show(const struct scene *scene, struct shown *shown)
{
	double seconds[GATES];
	struct prove_counted counted = {
		.text = "a call",
		.inject = "call",
		.counter = "syscalls",
		.counted = !scene->uncountable,
		.found = !scene->not_found,
		.result = "1",
	};
	const struct gate_rules usual = { { .alpha = 0.001, .quantiles = { true, true, true } },
					  .budget_ns = UINT64_C(30000000000) };
	struct prove_result result = {
		.planned = GATES,
		.gates = scene->pass + scene->fail + scene->inconclusive + scene->broken,
		.verdicts = { scene->pass, scene->fail, scene->inconclusive },
		.broken = scene->broken,
		.found_by_p10 = scene->found_by_p10,
		.seconds = seconds,
		.error = { "a worker died" },
	};
	struct prove_table table = {
		.campaigns = scene->campaign,
		.results = &result,
		.count = 1,
		.counted = &counted,
		.counted_count = scene->not_counted ? 0 : 1,
		.loader = "memfd",
		.object = "/x/o.so",
		.rules = scene->rules ? scene->rules : &usual,
		.same = { .gates = 6000, .verdicts = { 0, scene->false_redrawn, 0 } },
		.record_ns = scene->record_ns,
		.jobs = 1,
	};
	size_t size;
	FILE *out;

	for (int i = 0; i < GATES; i++)
		seconds[i] = i < 3 && scene->slowest[i] > 0.0 ? scene->slowest[i] : 1.0;
	out = open_memstream(&shown->text, &size);
	assert_non_null(out);
	prove_report_write(&table, out);
	fclose(out);
	out = open_memstream(&shown->last, &size);
	assert_non_null(out);
	shown->code = prove_report_last_line(&table, out);
	fclose(out);
}

/* The exit code, the goal's cell, and whether it is called a whole proof. */
static void expect(struct scene scene, int code, const char *cell, bool whole)
{
	struct shown shown;
	const char *word = code == EXIT_DONE ? "verdict=pass\n"
			   : code == EXIT_MEASURED_FAILURE
				   ? "verdict=fail reason=a goal was missed\n"
				   : "verdict=inconclusive reason=";

	show(&scene, &shown);
	if (shown.code != code || strncmp(shown.last, word, strlen(word)) != 0)
		fail_msg("%d '%s' of:\n%s", shown.code, shown.last, shown.text);
	if (!strstr(shown.text, cell))
		fail_msg("no '%s' in:\n%s", cell, shown.text);
	assert_int_equal(strstr(shown.text, "\nA whole proof") != NULL, whole);
	free(shown.text);
	free(shown.last);
}

static void passes_must_be_reached(void **state)
{
	(void)state;
	expect((struct scene){ &same, .pass = 20 }, EXIT_DONE, "| reached |", true);
	expect((struct scene){ &same, .pass = 18, .inconclusive = 2 }, EXIT_DONE, "| reached |",
	       true);
	expect((struct scene){ &same, .pass = 17, .inconclusive = 3 }, EXIT_MEASURED_FAILURE,
	       "| **missed** |", true);
	expect((struct scene){ &same, .inconclusive = 20 }, EXIT_MEASURED_FAILURE, "| **missed** |",
	       true);
	expect((struct scene){ &same, .pass = 19, .fail = 1 }, EXIT_MEASURED_FAILURE,
	       "| **missed** |", true);
	expect((struct scene){ &same, .fail = 1 }, EXIT_MEASURED_FAILURE, "| **missed** |", false);
}

static void slowdowns_must_be_found(void **state)
{
	(void)state;
	expect((struct scene){ &slower, .fail = 20 }, EXIT_DONE, "| reached |", true);
	expect((struct scene){ &slower, .fail = 19, .inconclusive = 1 }, EXIT_DONE, "| reached |",
	       true);
	expect((struct scene){ &slower, .fail = 18, .inconclusive = 2 }, EXIT_MEASURED_FAILURE,
	       "| **missed** |", true);
	expect((struct scene){ &slower, .fail = 18, .pass = 1, .inconclusive = 1 },
	       EXIT_MEASURED_FAILURE, "| **missed** |", true);
}

static void broken_gates_are_not_right(void **state)
{
	(void)state;
	expect((struct scene){ &slower, .fail = 19, .broken = 1 }, EXIT_DONE,
	       "- slower: 1 broken, the first: a worker died", true);
	expect((struct scene){ &slower, .fail = 18, .broken = 2 }, EXIT_MEASURED_FAILURE,
	       "| **missed** |", true);
	expect((struct scene){ &same, .pass = 17, .broken = 3 }, EXIT_MEASURED_FAILURE,
	       "| **missed** |", true);
}

static void fewer_gates_prove_nothing(void **state)
{
	(void)state;
	expect((struct scene){ &same, .pass = 19 }, EXIT_INCONCLUSIVE, "| so far |", false);
	expect((struct scene){ &same, .pass = 0 }, EXIT_INCONCLUSIVE, "| so far |", false);
	expect((struct scene){ &same, .pass = 20, .not_counted = true }, EXIT_INCONCLUSIVE,
	       "| reached |", false);
}

static void being_late_is_told(void **state)
{
	(void)state;
	/* The median of 20 gates may be 4 s, their 95th percentile 8 s. */
	expect((struct scene){ &slower, .fail = 20, .slowest = { 60.0 } }, EXIT_DONE, "| reached |",
	       true);
	expect((struct scene){ &slower, .fail = 20, .slowest = { 60.0, 60.0, 60.0 } },
	       EXIT_MEASURED_FAILURE, "| **late** |", true);
	expect((struct scene){ &some_slower, .fail = 20, .slowest = { 60.0, 60.0, 60.0 } },
	       EXIT_DONE, "| reached |", true);
}

static void p10_alone_must_not_find_it(void **state)
{
	(void)state;
	expect((struct scene){ &some_slower, .fail = 20 }, EXIT_DONE, "finds it in 0 of 20 gates\n",
	       true);
	expect((struct scene){ &some_slower, .fail = 20, .found_by_p10 = 1 }, EXIT_MEASURED_FAILURE,
	       "finds it in 1 of 20 gates: **missed**", true);
	expect((struct scene){ &slower, .fail = 20, .found_by_p10 = 20 }, EXIT_DONE, "| reached |",
	       true);
}

/* Whoever keeps the table knows what it is of. */
static void the_build_is_named(void **state)
{
	char build[64], cell[96];

	(void)state;
	assert_ptr_equal(machine_build(build, sizeof(build)), build);
	assert_int_equal(strncmp(build, "soload " SOLOAD_VERSION, strlen("soload " SOLOAD_VERSION)),
			 0);
	snprintf(cell, sizeof(cell), "; %s. Loader memfd,", build);
	expect((struct scene){ &same, .pass = 20 }, EXIT_DONE, cell, true);
}

/* What the gates were really run with, not what they are run with as a rule. */
static void rules_are_those_of_the_gates(void **state)
{
	const struct gate_rules rules = { { .alpha = 0.01, .quantiles = { false, true, true } },
					  .budget_ns = UINT64_C(2500000000) };

	(void)state;
	expect((struct scene){ &same, .pass = 20 }, EXIT_DONE,
	       "object o.so, alpha 0.001, at most 30 s a gate, 1 at once.", true);
	expect((struct scene){ &same, &rules, .pass = 20 }, EXIT_DONE,
	       "object o.so, alpha 0.01, metrics p50 p90, at most 2.5 s a gate, 1 at once.", true);
}

static void everything_else_counts_too(void **state)
{
	(void)state;
	expect((struct scene){ &same, .pass = 20, .not_found = true }, EXIT_MEASURED_FAILURE,
	       "**not found**", true);
	expect((struct scene){ &same, .pass = 20, .not_found = true, .uncountable = true },
	       EXIT_MEASURED_FAILURE, "- a call: **not counted**: 1\n", false);
	expect((struct scene){ &same, .pass = 20, .record_ns = COST_LIMIT_NS + 1.0 },
	       EXIT_MEASURED_FAILURE, "| reached |", true);
	expect((struct scene){ &same, .pass = 20, .false_redrawn = 12 }, EXIT_DONE, "12 fail",
	       true);
	expect((struct scene){ &same, .pass = 20, .false_redrawn = 13 }, EXIT_MEASURED_FAILURE,
	       "13 fail", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_must_be_reached),
		cmocka_unit_test(slowdowns_must_be_found),
		cmocka_unit_test(broken_gates_are_not_right),
		cmocka_unit_test(fewer_gates_prove_nothing),
		cmocka_unit_test(being_late_is_told),
		cmocka_unit_test(p10_alone_must_not_find_it),
		cmocka_unit_test(the_build_is_named),
		cmocka_unit_test(rules_are_those_of_the_gates),
		cmocka_unit_test(everything_else_counts_too),
	};

	return cmocka_run_group_tests_name("prove_report", tests, NULL, NULL);
}
