/* The results folder: its files, run.json, and what a row is made of. See record.h. */
#include "bench/record.h"

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "bench/anatomy.h"
#include "bench/command.h"
#include "bench/machine.h"
#include "bench/rows.h"
#include "loaders/elf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define LOOK_NS UINT64_C(1000000000) /* between two looks at the machine */

struct object {
	struct object *next;
	const char *label; /* inside path */
	char *path;
};

struct record {
	struct rows_run run;
	char *folder;
	char id[64];
	struct csv samples, spans, summary, machine;
	uint64_t looked_ns; /* at the machine, for the last time */
	json_t *json, *objects_json;
	struct object *objects;
};

struct sample sample_empty(void)
{
	struct sample sample = { 0 };
	int64_t *const numbers[] = {
		&sample.epoch,	  &sample.process,   &sample.so_bytes, &sample.load_bytes,
		&sample.seq,	  &sample.order,     &sample.start_ns, &sample.total_ns,
		&sample.stale,	  &sample.dma_bytes, &sample.dma_ns,   &sample.dma_model_ns,
		&sample.minflt,	  &sample.majflt,    &sample.nvcsw,    &sample.nivcsw,
		&sample.cpu_ns,	  &sample.cpu,	     &sample.device,   &sample.thread,
		&sample.callable, &sample.early_ns,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i] = SAMPLE_NONE;
	for (int i = 0; i < PHASE_COUNT; i++)
		sample.phase_ns[i] = SAMPLE_NONE;
	return sample;
}

uint64_t sample_observable(unsigned int caps)
{
	uint64_t set = PHASE_BIT(PHASE_STAGE) | PHASE_BIT(PHASE_RESOLVE) | PHASE_BIT(PHASE_UNLOAD) |
		       PHASE_BIT(PHASE_UNSTAGE) | PHASE_BIT(PHASE_OTHER);

	if (caps & LOADER_SPLIT_PHASES)
		return set | PHASE_BIT(PHASE_MAP) | PHASE_BIT(PHASE_RELOCATE) |
		       PHASE_BIT(PHASE_PROTECT) | PHASE_BIT(PHASE_INIT);
	return set | PHASE_BIT(PHASE_LINK);
}

void sample_phases(struct sample *sample, const uint64_t *ns, uint64_t observable)
{
	sample->total_ns = 0;
	for (int i = 0; i < PHASE_COUNT; i++) {
		if (phase_class((enum phase)i) != PHASE_CLASS_LOAD)
			continue;
		if (ns[i] == 0 && !(observable & PHASE_BIT(i))) {
			sample->phase_ns[i] = SAMPLE_NONE;
			continue;
		}
		sample->phase_ns[i] = (int64_t)ns[i];
		sample->total_ns += (int64_t)ns[i];
	}
}

void sample_report(struct sample *sample, const struct image_report *report)
{
	sample->load_bytes = (int64_t)report->load_bytes;
	sample->staged_at = report->staged_at;
}

#define STAMP_BYTES 32

/* "2026-11-22T09:45:00Z" */
static const char *time_text(char *text)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, STAMP_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return text;
}

static int path_make(const struct record *record, const char *name, char *path, struct err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", record->folder, name) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%s: name too long", record->folder);
	return 0;
}

/* Written apart and renamed: a reader never sees half of it. */
static int json_save(const struct record *record, struct err *err)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int r = path_make(record, "run.json", path, err);

	if (r == 0)
		r = path_make(record, "run.json.new", fresh, err);
	if (r < 0)
		return r;
	if (json_dump_file(record->json, fresh, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) < 0)
		return err_set(err, EIO, "cannot write %s: is the disk full?", fresh);
	if (rename(fresh, path) < 0)
		return err_sys(err, "rename %s", fresh);
	return 0;
}

static void json_begin(struct record *record, const struct record_spec *spec)
{
	json_t *argv = json_array();
	char text[STAMP_BYTES];

	for (char **word = command_line ? command_line : spec->argv; word && *word; word++) {
		json_t *string = json_string(*word);

		/* A file name need not be UTF-8, a JSON string must. */
		json_array_append_new(argv, string ? string : json_string("(not UTF-8)"));
	}
	record->json = json_object();
	record->objects_json = json_array();
	json_object_set_new(record->json, "schema_version", json_integer(RECORD_SCHEMA_VERSION));
	json_object_set_new(record->json, "start_monotonic_ns",
			    json_integer((json_int_t)record->run.start_ns));
	json_object_set_new(record->json, "run", json_string(record->id));
	json_object_set_new(record->json, "command", json_string(spec->command));
	json_object_set_new(record->json, "version", json_string(SOLOAD_VERSION));
	json_object_set_new(record->json, "argv", argv);
	json_object_set_new(record->json, "seed", json_integer((json_int_t)spec->seed));
	json_object_set_new(record->json, "started", json_string(time_text(text)));
	json_object_set_new(record->json, "state", json_string("running"));
	json_object_set_new(record->json, "machine", machine_json());
	json_object_set_new(record->json, "before", machine_state_json());
	json_object_set_new(record->json, "objects", record->objects_json);
}

static int tables_open(struct record *record, struct err *err)
{
	const struct {
		struct csv *csv;
		const char *name, *header;
	} tables[] = {
		{ &record->samples, "samples.csv", rows_samples_header },
		{ &record->spans, "spans.csv", rows_spans_header },
		{ &record->summary, "summary.csv", rows_summary_header },
		{ &record->machine, "machine.csv", rows_machine_header },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int r = path_make(record, tables[i].name, path, err);

		if (r == 0)
			r = csv_open(tables[i].csv, path, tables[i].header, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of a record that is being replaced: what commands add to it, and not each of them writes anew. */
static int folder_clear(const struct record *record, struct err *err)
{
	static const char *const names[] = { "epochs.csv", "counters.csv", "gate.md", "prove.md" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = path_make(record, names[i], path, err);

		if (r < 0)
			return r;
		unlink(path); /* most records have none */
	}
	return 0;
}

static int folder_open(struct record *record, const struct record_spec *spec, struct err *err)
{
	char fallback[PATH_MAX];
	int r;

	snprintf(fallback, sizeof(fallback), "results/runs/%s", record->id);
	record->folder = strdup(spec->out ? spec->out : fallback);
	if (!record->folder)
		return err_set(err, ENOMEM, "out of memory");
	r = file_make_directory(record->folder, err);
	if (r == 0)
		r = folder_clear(record, err);
	if (r < 0)
		return r;
	json_begin(record, spec);
	r = json_save(record, err);
	return r < 0 ? r : tables_open(record, err);
}

static void record_free(struct record *record)
{
	struct err ignored;

	csv_close(&record->samples, &ignored);
	csv_close(&record->spans, &ignored);
	csv_close(&record->summary, &ignored);
	csv_close(&record->machine, &ignored);
	while (record->objects) {
		struct object *object = record->objects;

		record->objects = object->next;
		free(object->path);
		free(object);
	}
	json_decref(record->json);
	free(record->folder);
	free(record);
}

int record_open(struct record **ret_record, const struct record_spec *spec, struct err *err)
{
	struct record *record = calloc(1, sizeof(*record));
	time_t now = time(NULL);
	char stamp[STAMP_BYTES];
	struct tm utc;
	int r;

	if (!record)
		return err_set(err, ENOMEM, "out of memory");
	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc);
	snprintf(record->id, sizeof(record->id), "%.20s-%s-%d", spec->command, stamp,
		 (int)getpid());
	record->run = (struct rows_run){ .id = record->id, .start_ns = clock_now_ns() };
	r = folder_open(record, spec, err);
	if (r < 0) {
		record_free(record);
		return err_prefix(err, r, "results folder");
	}
	*ret_record = record;
	return 0;
}

const char *record_folder(const struct record *record)
{
	return record->folder;
}

static bool label_taken(const struct record *record, const char *label)
{
	for (const struct object *object = record->objects; object; object = object->next) {
		if (strcmp(object->label, label) == 0)
			return true;
	}
	return false;
}

/* What a load has to do for it, for who asks how time grows with that. */
static void object_count(json_t *json, const void *bytes, size_t size)
{
	struct anatomy *anatomy = calloc(1, sizeof(*anatomy));

	if (anatomy && anatomy_read(anatomy, bytes, size, NULL) == 0) {
		json_object_set_new(json, "relocations",
				    json_integer((json_int_t)anatomy->reloc_total));
		json_object_set_new(json, "imports", json_integer((json_int_t)anatomy->imports));
		json_object_set_new(json, "exports", json_integer((json_int_t)anatomy->exports));
	}
	free(anatomy);
}

static void object_describe(struct record *record, const struct object *object, const void *bytes,
			    size_t size)
{
	json_t *json = json_object();
	json_t *path = json_string(object->path);
	char hash[24], hex[129] = "";
	const unsigned char *id = NULL;
	size_t id_bytes = 0;
	struct elf_file elf;

	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)XXH64(bytes, size, 0));
	json_object_set_new(json, "so", json_string(object->label));
	json_object_set_new(json, "path", path ? path : json_string("(not UTF-8)"));
	json_object_set_new(json, "bytes", json_integer((json_int_t)size));
	json_object_set_new(json, "xxh64", json_string(hash));
	if (elf_file_check(&elf, bytes, size, NULL) == 0)
		id_bytes = elf_build_id(&elf, &id);
	for (size_t i = 0; i < id_bytes && 2 * i + 2 < sizeof(hex); i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	if (id_bytes)
		json_object_set_new(json, "build_id", json_string(hex));
	object_count(json, bytes, size);
	json_array_append_new(record->objects_json, json);
}

const char *record_object(struct record *record, const char *path, const void *bytes, size_t size)
{
	struct object *object = calloc(1, sizeof(*object));
	const char *slash;

	if (!object)
		return NULL;
	object->path = strdup(path);
	if (!object->path) {
		free(object);
		return NULL;
	}
	slash = strrchr(object->path, '/');
	object->label = slash && slash[1] ? slash + 1 : object->path;
	if (label_taken(record, object->label))
		object->label = object->path;
	object->next = record->objects;
	record->objects = object;
	object_describe(record, object, bytes, size);
	return object->label;
}

void record_note(struct record *record, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(record->json, key, value);
}

void record_sample(struct record *record, const struct sample *sample)
{
	rows_sample(&record->samples, &record->run, sample);
}

void record_span(struct record *record, const struct record_span *span)
{
	rows_span(&record->spans, &record->run, span);
}

void record_lane(struct record *record, int64_t seq, const char *lane, const struct timeline *time,
		 const struct clock_map *map)
{
	for (uint32_t i = 0; i < time->span_count; i++) {
		uint64_t end = i + 1 < time->span_count ? time->spans[i + 1].ticks : time->mark;
		uint64_t start_ns = clock_map_ns(map, time->spans[i].ticks);

		record_span(record, &(struct record_span){
					    .seq = seq,
					    .lane = lane,
					    .origin = "timing",
					    .phase = phase_label((enum phase)time->spans[i].phase),
					    .start_ns = start_ns,
					    .dur_ns = clock_map_ns(map, end) - start_ns,
					    .arg = time->spans[i].arg,
				    });
	}
}

void record_summary(struct record *record, const struct summary *summary)
{
	rows_summary(&record->summary, &record->run, summary);
}

/* Between rounds, at most once in a while: no load waits for it. */
static void machine_look(struct record *record)
{
	uint64_t now = clock_now_ns();
	struct rows_machine row = { now, (double)NAN, (double)NAN, (double)NAN };
	double load[1];

	if (record->looked_ns && now - record->looked_ns < LOOK_NS)
		return;
	record->looked_ns = now;
	if (getloadavg(load, 1) == 1)
		row.load_average = load[0];
	machine_steal(&row.steal_seconds, &row.cpu_seconds);
	rows_machine(&record->machine, &record->run, &row);
}

int record_flush(struct record *record, struct err *err)
{
	struct csv *const tables[] = { &record->samples, &record->spans, &record->summary,
				       &record->machine };
	int result = 0;

	machine_look(record);

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int r = csv_flush(tables[i], result == 0 ? err : NULL);

		if (result == 0)
			result = r;
	}
	return result;
}

static const char *state_word(int exit_code)
{
	if (exit_code > 128)
		return "interrupted";
	return exit_code == 0 ? "done" : "failed";
}

int record_close(struct record *record, int exit_code, struct err *err)
{
	char text[STAMP_BYTES];
	double seconds;
	int r, saved;

	if (!record)
		return 0;
	seconds = (double)(clock_now_ns() - record->run.start_ns) / 1e9;
	r = record_flush(record, err);
	json_object_set_new(record->json, "state", json_string(state_word(exit_code)));
	json_object_set_new(record->json, "exit_code", json_integer(exit_code));
	json_object_set_new(record->json, "finished", json_string(time_text(text)));
	json_object_set_new(record->json, "seconds", json_real(seconds));
	json_object_set_new(record->json, "after", machine_state_json());
	saved = json_save(record, r == 0 ? err : NULL);
	record_free(record);
	return r < 0 ? r : saved;
}
