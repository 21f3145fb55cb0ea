/* soload history check: is the file what it must be, and does this program do what its last line
 * says? */
#include "bench/history/history.h"

#include "base/log.h"
#include "bench/command.h"
#include "bench/gate_count.h"
#include "bench/gate_sides.h"
#include "bench/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Counters of another object, kernel or C library are other counters. */
static bool is_comparable(const struct history_line *line, const struct gate *gate, struct err *err)
{
	const struct file_bytes *file = &gate->subjects[0].file;
	json_t *machine = machine_json();
	const char *kernel = json_string_value(json_object_get(machine, "kernel"));
	const char *libc = json_string_value(json_object_get(machine, "libc"));
	char hash[32];

	*err = (struct err){ "" }; /* of loaders that do not work here */
	snprintf(hash, sizeof(hash), "%016llx",
		 (unsigned long long)XXH64(file->bytes, file->size, 0));
	if (strcmp(hash, history_text(line, "object.xxh64")) != 0)
		err_set(err, EINVAL, "%s is not the object the last line was measured with",
			gate->subjects[0].path);
	else if (!kernel || strcmp(kernel, history_text(line, "machine.kernel")) != 0 || !libc ||
		 strcmp(libc, history_text(line, "machine.libc")) != 0)
		err_set(err, EINVAL, "the last line was counted on Linux %s with %s",
			history_text(line, "machine.kernel"), history_text(line, "machine.libc"));
	json_decref(machine);
	return !err->text[0];
}

/* The base of a comparison, out of a line. */
static bool tally_read(const struct history_line *line, const char *loader, struct tally *tally)
{
	uint64_t value;
	char name[64];
	bool counted = history_work(line, loader, "syscalls", &value);

	tally->by = TALLY_BY_CALLGRIND; /* as history_measure() has them counted */
	for (int i = 0; i < TALLY_COUNTERS; i++) {
		bool there = history_work(line, loader, tally_name(i, name, sizeof(name)), &value);

		tally->values[i] = there ? value : 0;
		tally->known[i] = tally->exact[i] = there || (i < COUNTERS_CALLS && counted);
	}
	return counted;
}

static int rows_judge(struct gate *gate, const struct history_line *line, bool instructions,
		      struct err *err)
{
	struct expected expected;
	size_t compared = 0, rises = 0, broken = 0;
	int r = expected_read(&expected, EXPECTED_PATH, err);

	for (size_t i = 0; r == 0 && i < gate->row_count; i++) {
		struct gate_row *row = &gate->rows[i];
		bool known;

		r = gate_count_run(row, false, instructions ? TALLY_BY_CALLGRIND : TALLY_BY_NOBODY,
				   err);
		if (r < 0)
			break;
		known = tally_read(line, row->epochs.loader, &row->count->tallies[LOCKSTEP_BASE]);
		if (!known && !row->count->error.text[0]) {
			printf("  %s: the last line has no counters of it\n", row->epochs.loader);
			continue;
		}
		gate_count_judge(row, &expected);
		gate_count_print(row, stdout);
		compared += !row->count->error.text[0];
		rises += row->count->rise[0] != '\0';
		broken += known && row->state == GATE_BROKEN;
	}
	expected_close(&expected);
	if (r < 0)
		return r;
	printf("verdict=%s\n", rises	  ? "fail reason=counter"
			       : broken	  ? "fail reason=loads fail"
			       : compared ? "pass"
					  : "skipped");
	return rises || broken ? EXIT_MEASURED_FAILURE : compared ? EXIT_DONE : EXIT_SKIPPED;
}

static int head_check(const struct history_options *options, const struct history_line *line)
{
	struct gate gate = { .argv = options->argv,
			     .options = { .paths = { options->object },
					  .path_count = 1,
					  .loaders = options->loaders,
					  .pin = GATE_PIN_NONE } };
	struct err err = { "" };
	int r = gate_open(&gate, &err);

	if (r < 0) {
		log_error("%s", err.text);
		gate_close(&gate);
		return EXIT_USAGE;
	}
	command_catch_signals();
	if (!is_comparable(line, &gate, &err)) {
		printf("not compared: %s\nverdict=skipped\n", err.text);
		r = EXIT_SKIPPED;
	} else {
		r = rows_judge(&gate, line, options->instructions, &err);
	}
	gate_close(&gate);
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r < 0)
		log_error("%s", err.text);
	return r < 0 ? EXIT_USAGE : r;
}

int history_check(const struct history_options *options)
{
	struct history history;
	struct err err = { "" };
	const struct history_line *last;
	int code = EXIT_DONE;

	if (history_read(&history, options->path, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (history.count == 0) {
		printf("%s: no lines\nverdict=skipped\n", options->path);
		return EXIT_SKIPPED;
	}
	last = &history.lines[history.count - 1];
	printf("%s: %zu revisions, %.12s to %.12s, against %.12s\n", options->path, history.count,
	       history_text(&history.lines[0], "revision"), history_text(last, "revision"),
	       history_text(last, "reference"));
	for (size_t i = 0; i < history.count; i++) {
		if (strcmp(history_text(&history.lines[i], "reference"),
			   history_text(last, "reference")) != 0) {
			log_error("%s: line %zu has ratios to another revision (%.12s) than the "
				  "last line: soload history add --again",
				  options->path, i + 1,
				  history_text(&history.lines[i], "reference"));
			code = EXIT_USAGE;
			break;
		}
	}
	if (code == EXIT_DONE && options->count)
		code = head_check(options, last);
	else if (code == EXIT_DONE)
		puts("verdict=pass");
	history_close(&history);
	return code;
}
