/* soload advise: which change is worth making, for a given object and case, in what order. */
#include "bench/command.h"
#include "bench/advise/advise.h"

#include "base/log.h"

#include <signal.h>
#include <stdlib.h>

/* What was measured and came out wrong; a combination that refuses the object did not. */
static bool any_wrong(const struct advise *advise)
{
	for (size_t i = 0; i < advise->count; i++) {
		const struct advise_combo *combo = &advise->combos[i];

		if (combo->stale > 0 || combo->restarts > 0 ||
		    combo->done - combo->passed > combo->refused)
			return true;
	}
	return false;
}

static bool any_distinct(const struct advise *advise)
{
	for (size_t i = 0; i < advise->step_count; i++) {
		if (advise->steps[i].added.distinct)
			return true;
	}
	return false;
}

/* The verdict is repeated on the last line. */
static int verdict_print(const struct advise *advise)
{
	printf("results in %s\n", record_folder(advise->repro.record));
	if (any_wrong(advise)) {
		printf("FAIL: %zu of %zu combinations work for this object, the others are "
		       "explained "
		       "above\n",
		       advise->ranked, advise->count);
		return EXIT_MEASURED_FAILURE;
	}
	if (!any_distinct(advise)) {
		printf("INCONCLUSIVE: no step can be told from nothing in %zu rounds of %zu "
		       "processes\n",
		       advise->rounds, advise->processes);
		return EXIT_INCONCLUSIVE;
	}
	printf("PASS: %zu of %zu combinations ranked, outputs right, no stale load\n",
	       advise->ranked, advise->count);
	return EXIT_DONE;
}

static int run(struct advise *advise, char **argv, struct err *err)
{
	int r = advise_measure(advise, argv, err);

	if (r == 0)
		r = advise_count(advise, err);
	if (r == 0)
		r = advise_judge(advise, err);
	if (r < 0)
		return r;
	advise_print(advise);
	advise_paragraph_print(advise);
	advise_record(advise);
	return 0;
}

int command_advise(int argc, char **argv)
{
	static struct advise_options options;
	static struct advise advise;
	struct err err = { "" };
	int r, code;

	advise_options_parse(&options, argc, argv);
	command_catch_signals();
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error in words */
	advise.options = &options;
	advise.repro = (struct repro){
		.options = &options.repro, .command = "advise", .quiet = true, .epoch = 0
	};
	advise_plan(&advise);
	r = run(&advise, argv, &err);
	if (command_interrupted())
		code = EXIT_SIGNAL_BASE + command_interrupted();
	else
		code = r < 0 ? EXIT_USAGE : verdict_print(&advise);
	if (r < 0)
		log_error("%s", err.text);
	if (advise.repro.record && record_close(advise.repro.record, code, &err) < 0) {
		log_error("%s", err.text);
		code = EXIT_USAGE;
	}
	advise_close(&advise);
	return code;
}
