/* The guest's command is a line for its shell: one counting program per side, one after the other.
 */
#include "bench/vm/measure.h"

#include "bench/vm/plan.h"
#include "bench/vm/take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_NAME GUEST_FOLDER "/object.so"

/* In single quotes for a shell; one inside ends them, is escaped, and begins them again. */
static void word_quote(FILE *out, const char *word)
{
	putc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\'", out);
		putc(*word, out);
	}
	putc('\'', out);
}

static char *line_make(const struct measure *measure)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&line, &size);

	for (size_t i = 0; out && i < measure->side_count; i++) {
		const struct measure_side *side = &measure->sides[i];

		/* Names of one length: they are on the stack of the program. */
		fprintf(out, "/" GUEST_FOLDER "/side%zu vm_count --so /" OBJECT_NAME " -n %u -l ",
			i, measure->loads);
		word_quote(out, side->loaders);
		fputs(" --side ", out);
		word_quote(out, side->name);
		fputs(" --inject ", out);
		word_quote(out, side->inject ? side->inject : "");
		fputs("; ", out);
	}
	if (out)
		fputs("exit 0", out);
	if (!out || fclose(out) != 0)
		return NULL;
	return line;
}

int measure_run(const struct measure *measure, struct counts *counts, char **ret_text,
		struct err *err)
{
	static char shell[] = "sh", flag[] = "-c";
	char *command[] = { shell, flag, line_make(measure), NULL };
	char names[MEASURE_SIDES][32];
	struct guest_file files[MEASURE_SIDES + 1] = { { OBJECT_NAME, measure->object } };
	struct guest_options guest = measure->guest;
	struct take take = { .file = -1 };
	int code = 0, r;

	*counts = (struct counts){ 0 };
	if (!command[2])
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < measure->side_count; i++) {
		snprintf(names[i], sizeof(names[i]), GUEST_FOLDER "/side%zu", i);
		files[i + 1] = (struct guest_file){ names[i], measure->sides[i].program };
	}
	guest.command = command;
	guest.files = files;
	guest.file_count = measure->side_count + 1;
	guest.take = take_frame;
	guest.to = &take;
	r = guest_run(&guest, &code, err);
	if (r == 0)
		r = counts_read(counts, take.kept, take.kept_size, err);
	if (r == 0 && ret_text) {
		*ret_text = take.kept;
		take.kept = NULL;
	}
	take_close(&take);
	free(command[2]);
	return r;
}
