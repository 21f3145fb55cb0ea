/* The guest's command is a line for its shell: one counting program per side, one after the other.
 */
#include "bench/vm/measure.h"

#include "base/file.h"
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

static int counts_take(const struct measure *measure, struct take *take,
		       struct measured *ret_measured, struct err *err)
{
	int r = counts_read(&ret_measured->counts, take->kept, take->kept_size, err);

	if (r == 0)
		r = origin_find(&ret_measured->origin, &measure->guest, measure->object, err);
	snprintf(ret_measured->origin.kernel, sizeof(ret_measured->origin.kernel), "%s",
		 take->release);
	ret_measured->text = take->kept;
	take->kept = NULL;
	return r;
}

int measure_run(const struct measure *measure, struct measured *ret_measured, struct err *err)
{
	static char shell[] = "sh", flag[] = "-c";
	char *command[] = { shell, flag, line_make(measure), NULL };
	char names[MEASURE_SIDES][32];
	struct guest_file files[MEASURE_SIDES + 1] = { { OBJECT_NAME, measure->object } };
	struct guest_options guest = measure->guest;
	struct take take = { .file = -1 };
	int code = 0, r;

	*ret_measured = (struct measured){ .text = NULL };
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
		r = counts_take(measure, &take, ret_measured, err);
	take_close(&take);
	free(command[2]);
	return r;
}

void measured_close(struct measured *measured)
{
	counts_close(&measured->counts);
	free(measured->text);
	*measured = (struct measured){ .text = NULL };
}

static int file_write(const struct measured *measured, const char *folder, const char *name,
		      struct err *err)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.csv", folder, name);
	file = fopen(path, "we");
	if (!file)
		return err_sys(err, "%s", path);
	fputs("# ", file);
	origin_print(&measured->origin, file);
	putc('\n', file);
	if (strcmp(name, "medians") == 0)
		counts_medians_print(&measured->counts, file);
	else
		fputs(measured->text, file);
	return fclose(file) != 0 ? err_sys(err, "%s", path) : 0;
}

int measured_write(const struct measured *measured, const char *folder, struct err *err)
{
	int r = file_make_directory(folder, err);

	if (r == 0)
		r = file_write(measured, folder, "counts", err);
	return r < 0 ? r : file_write(measured, folder, "medians", err);
}
