/*
 * make test-libraries: judges a loader on every library whose path comes in on stdin, and writes a
 * table: the counts, then each library that dlopen takes and the loader does not, with the reason.
 *
 * Usage: survey LOADER ROOT <paths. Paths in the table are relative to ROOT. Ends with 1 after a
 * crash or a hang, or when less than 98 of 100 load just as with dlopen.
 */
#include "tests/libraries/judge.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUIRED_SHARE 0.98

struct survey {
	unsigned int counts[JUDGEMENTS];
	unsigned long long symbols, slots, changed;
};

static void line_print(const struct verdict *verdict, const char *path, const char *root)
{
	size_t length = strlen(root);
	const char *name = strncmp(path, root, length) == 0 ? path + length : path;
	const char *reason = strstr(verdict->reason, path);

	printf("%-9s %s: ", judgement_name(verdict->judgement), name);
	/* dlopen begins with the path, which is ours alone */
	printf("%s\n", reason == verdict->reason && reason[strlen(path)] == ':'
			       ? reason + strlen(path) + 2
			       : verdict->reason);
}

static void library_survey(struct survey *survey, const char *path, const char **arguments)
{
	struct verdict verdict;

	library_judge(path, arguments[0], &verdict);
	survey->counts[verdict.judgement]++;
	survey->symbols += verdict.symbols;
	survey->slots += verdict.slots;
	survey->changed += verdict.changed;
	if (verdict.judgement != JUDGED_SAME)
		line_print(&verdict, path, arguments[1]);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%u the same, %u not \033[K", survey->counts[JUDGED_SAME],
			survey->counts[JUDGED_REFUSED] + survey->counts[JUDGED_DIFFERS] +
				survey->counts[JUDGED_CRASHED] + survey->counts[JUDGED_HUNG]);
}

int main(int argc, char **argv)
{
	struct survey survey = { { 0 }, 0, 0, 0 };
	unsigned int taken = 0, wrong;
	char path[4096];

	if (argc != 3) {
		fprintf(stderr, "usage: %s LOADER ROOT <paths\n", argv[0]);
		return 2;
	}
	clock_start();
	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		library_survey(&survey, path, (const char *[]){ argv[1], argv[2] });
	}
	for (int i = 0; i < JUDGEMENTS; i++)
		taken += i == JUDGED_DECLINED ? 0 : survey.counts[i];
	wrong = survey.counts[JUDGED_CRASHED] + survey.counts[JUDGED_HUNG];
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	printf("\n%s: of %u libraries that dlopen takes, %u load the same (%.1f %%), %u are "
	       "refused, "
	       "%u differ, %u crash, %u hang; %u more that dlopen does not take\n",
	       argv[1], taken, survey.counts[JUDGED_SAME],
	       taken ? 100.0 * survey.counts[JUDGED_SAME] / taken : 0.0,
	       survey.counts[JUDGED_REFUSED], survey.counts[JUDGED_DIFFERS],
	       survey.counts[JUDGED_CRASHED], survey.counts[JUDGED_HUNG],
	       survey.counts[JUDGED_DECLINED]);
	printf("%llu symbols and %llu relocated slots are where dlopen has them, and %llu words "
	       "are what constructors make of them under dlopen\n",
	       survey.symbols, survey.slots, survey.changed);
	return taken == 0 || wrong || survey.counts[JUDGED_SAME] < REQUIRED_SHARE * taken;
}
