/* Tallies of two arms, side by side. See gate_count.h. */
#include "bench/gate_count.h"

#include "bench/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64

/* Both sides by the same counter, or there is nothing to compare. */
static int instructions_align(struct gate_row *row, struct err *err)
{
	struct tally *tallies = row->count->tallies;

	if (tallies[LOCKSTEP_BASE].by == tallies[LOCKSTEP_HEAD].by)
		return 0;
	for (int i = 0; i < LOCKSTEP_ARMS; i++) {
		int r = tallies[i].by == TALLY_BY_PMU
				? tally_callgrind(&row->arms[i], &tallies[i], err)
				: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Head's loads fail; what base can do here, head must. Tracing that is forbidden is no load's
 * fault. */
static bool is_broken(int head, bool base)
{
	return head == -EIO || (base && head < 0 && head != -EPERM);
}

int gate_count_run(struct gate_row *row, bool base, enum tally_by by, struct err *err)
{
	int r = 0, head = 0;

	row->count = calloc(1, sizeof(*row->count));
	if (!row->count)
		return err_set(err, ENOMEM, "out of memory");
	if (base)
		r = tally_take(&row->arms[LOCKSTEP_BASE], by, &row->count->tallies[LOCKSTEP_BASE],
			       &row->count->error);
	if (r == 0)
		r = head = tally_take(&row->arms[LOCKSTEP_HEAD], by,
				      &row->count->tallies[LOCKSTEP_HEAD], &row->count->error);
	if (r == 0 && base && by == TALLY_BY_AUTO)
		r = instructions_align(row, &row->count->error);
	if (r < 0 && command_interrupted()) /* the workers were told to end, too */
		r = -EINTR;
	if (r == -EINTR || r == -ENOMEM) {
		*err = row->count->error;
		return r;
	}
	if (is_broken(head, base)) {
		row->state = GATE_BROKEN;
		row->error = row->count->error;
	}
	return 0;
}

void gate_count_rise(struct gate_row *row)
{
	struct gate_count *count = row->count;
	const struct tally *base = &count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &count->tallies[LOCKSTEP_HEAD];
	char name[NAME_BYTES];

	for (int i = 0; i < TALLY_COUNTERS && !count->rise[0]; i++) {
		if (tally_compare(base, head, i) == TALLY_MORE && !count->declared[i])
			snprintf(count->rise, sizeof(count->rise), "%s %" PRIu64 " -> %" PRIu64,
				 tally_name(i, name, sizeof(name)), base->values[i],
				 head->values[i]);
	}
}

void gate_count_judge(struct gate_row *row, struct expected *expected)
{
	struct gate_count *count = row->count;
	const struct tally *base = &count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &count->tallies[LOCKSTEP_HEAD];

	if (count->error.text[0])
		return;
	for (int i = 0; i < TALLY_COUNTERS; i++) {
		char name[NAME_BYTES];

		count->declared[i] = tally_compare(base, head, i) == TALLY_MORE &&
				     expected_covers(expected, row->epochs.loader,
						     tally_name(i, name, sizeof(name)),
						     base->values[i], head->values[i]);
	}
	gate_count_rise(row);
}

static void value_print(const struct tally *tally, int counter, FILE *out)
{
	if (!tally->known[counter])
		fputs("unknown", out);
	else
		fprintf(out, "%" PRIu64 "%s", tally->values[counter],
			tally->exact[counter] ? "" : " (does not repeat here)");
}

static void change_print(const struct gate_row *row, int counter, FILE *out)
{
	static const char *const words[] = { "", "fewer", "more", "advisory" };
	const struct tally *base = &row->count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &row->count->tallies[LOCKSTEP_HEAD];
	char name[NAME_BYTES];

	fprintf(out, "  %s: %s ", row->epochs.loader, tally_name(counter, name, sizeof(name)));
	value_print(base, counter, out);
	fputs(" -> ", out);
	value_print(head, counter, out);
	fprintf(out, ": %s\n", words[tally_compare(base, head, counter)]);
}

void gate_count_print(const struct gate_row *row, FILE *out)
{
	const struct gate_count *count = row->count;
	const struct tally *base = &count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &count->tallies[LOCKSTEP_HEAD];
	bool same = true;

	if (count->error.text[0]) {
		fprintf(out, "  %s: not counted: %s\n", row->epochs.loader, count->error.text);
		return;
	}
	for (int i = 0; i < TALLY_COUNTERS; i++) {
		if (tally_compare(base, head, i) == TALLY_SAME)
			continue;
		change_print(row, i, out);
		same = false;
	}
	if (same)
		fprintf(out,
			"  %s: work identical: %" PRIu64 " system calls, %" PRIu64
			" bytes written, %" PRIu64 " faults%s%s\n",
			row->epochs.loader, head->values[TALLY_CALLS], head->values[TALLY_WRITTEN],
			head->values[TALLY_FAULTS],
			head->known[TALLY_INSTRUCTIONS] ? ", instructions by " : "",
			head->known[TALLY_INSTRUCTIONS] ? tally_by_word(head->by) : "");
	if (head->unknown[0] || base->unknown[0])
		fprintf(out, "  %s: instructions are not counted: %s\n", row->epochs.loader,
			base->unknown[0] ? base->unknown : head->unknown);
}

void gate_count_markdown(const struct gate_row *row, FILE *out)
{
	static const char *const words[] = { "", "fewer", "more", "advisory" };
	const struct gate_count *count = row->count;
	const struct tally *base = &count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &count->tallies[LOCKSTEP_HEAD];
	bool same = true;

	if (count->error.text[0]) {
		fprintf(out, "| %s | | | | not counted: %s |\n", row->epochs.loader,
			count->error.text);
		return;
	}
	for (int i = 0; i < TALLY_COUNTERS; i++) {
		enum tally_change change = tally_compare(base, head, i);
		char name[NAME_BYTES];

		if (change == TALLY_SAME)
			continue;
		fprintf(out, "| %s | %s | ", row->epochs.loader, tally_name(i, name, sizeof(name)));
		value_print(base, i, out);
		fputs(" | ", out);
		value_print(head, i, out);
		fprintf(out, " | %s%s |\n", words[change],
			change != TALLY_MORE ? ""
			: count->declared[i] ? ", declared"
					     : ", **undeclared**");
		same = false;
	}
	if (same)
		fprintf(out, "| %s | all | | | the same |\n", row->epochs.loader);
}

void gate_count_list(const struct gate_row *row, FILE *out)
{
	const struct tally *head = &row->count->tallies[LOCKSTEP_HEAD];
	char name[NAME_BYTES];

	if (row->count->error.text[0]) {
		fprintf(out, "%s: not counted: %s\n", row->epochs.loader, row->count->error.text);
		return;
	}
	fprintf(out, "%s:", row->epochs.loader);
	for (int i = TALLY_CALLS; i < TALLY_INSTRUCTIONS; i++) {
		fprintf(out, " %s ", tally_name(i, name, sizeof(name)));
		value_print(head, i, out);
	}
	if (head->known[TALLY_INSTRUCTIONS])
		fprintf(out, " instructions %" PRIu64 " by %s%s",
			head->values[TALLY_INSTRUCTIONS] / TALLY_LOADS, tally_by_word(head->by),
			head->exact[TALLY_INSTRUCTIONS] ? "" : " (does not repeat here)");
	fputs("\n ", out);
	for (int i = 0; i < COUNTERS_CALLS; i++) {
		if (head->values[i])
			fprintf(out, " %s %" PRIu64,
				tally_name(i, name, sizeof(name)) + strlen("syscalls."),
				head->values[i]);
	}
	fputc('\n', out);
	if (head->unknown[0])
		fprintf(out, "  instructions are not counted: %s\n", head->unknown);
}

void gate_count_unneeded(const struct expected *expected, const char *path, FILE *out)
{
	for (size_t i = 0; i < expected->count; i++) {
		if (!expected->rises[i].needed)
			fprintf(out, "  %s: line %u covers no rise: remove it\n", path,
				expected->rises[i].line);
	}
}
