/* run.json: the machine and the command beside the rows. A record without it, or with a broken one,
 * is still read. */
#include "bench/report/data.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder_name(const char *folder)
{
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		n--;
	while (n > 0 && folder[n - 1] != '/')
		n--;
	return folder + n;
}

static void state_note(struct data *data, struct data_run *run)
{
	const char *state = data_text(data, run, "state");
	double version = data_number(run, "schema_version");

	if (version > RECORD_SCHEMA_VERSION)
		data_note(data,
			  "%s is of record version %.0f, newer than this soload (%d): only the "
			  "columns it knows are used",
			  run->name, version, RECORD_SCHEMA_VERSION);
	else if (isnan(version))
		data_note(data, "%s does not say its record version: columns are taken by name",
			  run->name);
	if (*state && strcmp(state, "done") != 0)
		data_note(data, "%s did not end normally (%s): its rows up to then are used",
			  run->name, state);
}

static void emulated_note(struct data *data, struct data_run *run)
{
	if (data_true(run, "aicpu.emulated"))
		data_note(data,
			  "the AICPU of %s was %s: its times are an emulator's, rank no loader and "
			  "compare with no others",
			  run->name, data_text(data, run, "aicpu.name"));
}

static double load_average(const struct data_run *run, const char *when)
{
	const json_t *moment = json_object_get(run->json, when);
	const json_t *value = json_array_get(json_object_get(moment, "load_average"), 0);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

void data_read_json(struct data *data, struct data_run *run)
{
	char path[4096];
	const char *name;

	run->load_before = run->load_after = (double)NAN;
	name = data_name(data, folder_name(run->folder));
	run->name = name ? name : "";
	snprintf(path, sizeof(path), "%s/run.json", run->folder);
	run->json = json_load_file(path, 0, NULL);
	if (!json_is_object(run->json)) {
		json_decref(run->json);
		run->json = NULL;
		data_note(data, "%s has %s run.json: machine and command are not known", run->name,
			  access(path, F_OK) == 0 ? "an unreadable" : "no");
		return;
	}
	if (*data_text(data, run, "run"))
		run->name = data_text(data, run, "run");
	run->load_before = load_average(run, "before");
	run->load_after = load_average(run, "after");
	run->clocks = clocks_read(run->json);
	state_note(data, run);
	emulated_note(data, run);
}
