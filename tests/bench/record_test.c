/* The results folder: columns as documented, rows that add up, quoting, failures that are told. */
#include "base/clock.h"
#include "base/csv.h"
#include "bench/record.h"
#include "bench/rows.h"
#include "bench/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char text[65536];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static const char *file_read(const char *name)
{
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static struct record *open_new(void)
{
	char *argv[] = { folder, NULL };
	struct record_spec spec = { .out = folder, .command = "test", .argv = argv, .seed = 7 };
	struct record *record = NULL;
	struct err err;

	assert_int_equal(record_open(&record, &spec, &err), 0);
	return record;
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/soload-record-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "samples.csv", "spans.csv", "summary.csv", "run.json",
					     "machine.csv" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	return rmdir(folder); /* anything else that was left there is a failure */
}

/* The first line of a file, cut at its newline. */
static char *header_of(const char *name)
{
	file_read(name);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void headers_are_the_documented_ones(void **state)
{
	struct record *record = open_new();

	(void)state;
	assert_string_equal(
		header_of("samples.csv"),
		"run,epoch,process,arm,scenario,case,platform,runtime,device,loader,transport,so,"
		"so_bytes,"
		"load_bytes,seq,order,start_ns,total_ns,read_ns,stage_ns,link_ns,map_ns,relocate_"
		"ns,"
		"protect_ns,init_ns,resolve_ns,call_ns,unload_ns,unstage_ns,other_ns,stale,staged_"
		"at,"
		"dma_bytes,dma_ns,dma_model_ns,minflt,majflt,nvcsw,nivcsw,cpu_ns,cpu,warmup,error,"
		"thread,when,callable,early_ns");
	assert_string_equal(header_of("spans.csv"),
			    "run,seq,lane,origin,phase,start_ns,dur_ns,arg");
	assert_string_equal(header_of("summary.csv"),
			    "run,scenario,loader,transport,so,so_bytes,phase,metric,unit,n,epochs,"
			    "value,ci_low,ci_high,device,when");
	assert_string_equal(header_of("machine.csv"),
			    "run,at_ns,load_average,steal_seconds,cpu_seconds");
	assert_int_equal(record_close(record, 0, NULL), 0);
}

/* Every LOAD phase must be a column, or its time would be lost from the sum. */
static void every_load_phase_has_a_column(void **state)
{
	(void)state;
	for (int i = 0; i < PHASE_COUNT; i++) {
		char column[40];

		assert_int_equal(phase_class((enum phase)i) == PHASE_CLASS_LOAD, i < ARM_PHASES);
		snprintf(column, sizeof(column), ",%s_ns,", phase_label((enum phase)i));
		if (phase_class((enum phase)i) == PHASE_CLASS_LOAD)
			assert_non_null(strstr(rows_samples_header, column));
		else
			assert_null(strstr(rows_samples_header, column));
	}
}

static int count_of(const char *in, char what)
{
	int count = 0;

	for (; *in; in++)
		count += *in == what;
	return count;
}

/* However often rounds end, the machine is looked at once in a second. */
static void the_machine_is_looked_at_now_and_then(void **state)
{
	struct record *record = open_new();

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(record_flush(record, NULL), 0);
	file_read("machine.csv");
	assert_true(count_of(text, '\n') >= 2 && count_of(text, '\n') < 6);
	assert_int_equal(count_of(strchr(text, '\n'), ','), 4 * (count_of(text, '\n') - 1));
	assert_int_equal(record_close(record, 0, NULL), 0);
}

static void an_empty_sample_is_empty_fields(void **state)
{
	struct record *record = open_new();
	struct sample sample = sample_empty();
	char *row;

	(void)state;
	record_sample(record, &sample);
	assert_int_equal(record_flush(record, NULL), 0);
	file_read("samples.csv");
	row = strchr(text, '\n') + 1;
	assert_int_equal(count_of(row, ','), count_of(rows_samples_header, ','));
	row = strchr(row, ',');
	/* Only `warmup` is known of it. */
	assert_int_equal(strspn(row, ","), strlen(row) - strlen("0,,,,,\n"));
	assert_string_equal(row + strlen(row) - 8, ",0,,,,,\n");
	assert_int_equal(record_close(record, 0, NULL), 0);
}

static void phases_add_up(void **state)
{
	uint64_t ns[PHASE_COUNT];
	struct sample sample = sample_empty();
	int64_t sum = 0;

	(void)state;
	for (int i = 0; i < PHASE_COUNT; i++)
		ns[i] = (uint64_t)(1000 + i);
	ns[PHASE_MAP] = ns[PHASE_INIT] = ns[PHASE_CALL] = ns[PHASE_UNSTAGE] = 0;
	sample_phases(&sample, ns, sample_observable(LOADER_EXECUTES));
	for (int i = 0; i < PHASE_COUNT; i++) {
		if (phase_class((enum phase)i) != PHASE_CLASS_LOAD)
			assert_true(sample.phase_ns[i] == SAMPLE_NONE);
		else if (sample.phase_ns[i] != SAMPLE_NONE)
			sum += sample.phase_ns[i];
	}
	assert_true(sum == sample.total_ns);
	/* Not observable and no time: empty. Observable and no time: 0. Time: never dropped. */
	assert_true(sample.phase_ns[PHASE_MAP] == SAMPLE_NONE);
	assert_true(sample.phase_ns[PHASE_CALL] == SAMPLE_NONE);
	assert_true(sample.phase_ns[PHASE_UNSTAGE] == 0);
	assert_true(sample.phase_ns[PHASE_RELOCATE] == (int64_t)ns[PHASE_RELOCATE]);
}

static void split_loaders_have_no_link(void **state)
{
	uint64_t whole = sample_observable(LOADER_EXECUTES);
	uint64_t split = sample_observable(LOADER_EXECUTES | LOADER_SPLIT_PHASES);

	(void)state;
	assert_true(whole & PHASE_BIT(PHASE_LINK));
	assert_false(whole & PHASE_BIT(PHASE_RELOCATE));
	assert_false(split & PHASE_BIT(PHASE_LINK));
	assert_true(split & PHASE_BIT(PHASE_RELOCATE));
}

static void texts_are_quoted(void **state)
{
	struct record *record = open_new();
	struct sample sample = sample_empty();

	(void)state;
	sample.loader = "disk:dirs=/a,/b";
	sample.error = "he said \"no\"\nand left";
	record_sample(record, &sample);
	assert_int_equal(record_flush(record, NULL), 0);
	file_read("samples.csv");
	assert_non_null(strstr(text, ",\"disk:dirs=/a,/b\","));
	assert_non_null(strstr(text, ",\"he said \"\"no\"\"\nand left\",,,,\n"));
	assert_int_equal(record_close(record, 0, NULL), 0);
}

static void doubles_read_back(void **state)
{
	static const double values[] = { 0.1, 1.0 / 3.0, 213.456, 1e300, 123456789.0, -0.5 };
	struct csv csv;
	char *at;

	(void)state;
	assert_int_equal(csv_open(&csv, path_of("samples.csv"), "a", NULL), 0);
	for (size_t i = 0; i < 6; i++)
		csv_double(&csv, values[i]);
	csv_double(&csv, (double)NAN);
	csv_row_end(&csv);
	assert_int_equal(csv_close(&csv, NULL), 0);
	file_read("samples.csv");
	at = text + 2;
	for (size_t i = 0; i < 6; i++, at++) {
		double back = strtod(at, &at);

		assert_memory_equal(&back, &values[i], sizeof(back));
	}
	assert_string_equal(at, "\n"); /* NaN: an empty field */
}

static void lanes_have_no_gaps(void **state)
{
	struct record *record = open_new();
	struct span spans[8];
	struct timeline lane = { .spans = spans, .span_capacity = 8 };
	struct clock_map map;
	long long end = -1;
	char *line;

	(void)state;
	timeline_begin(&lane, PHASE_OTHER);
	timeline_enter(&lane, PHASE_STAGE);
	timeline_enter(&lane, PHASE_LINK);
	timeline_end(&lane);
	map = clock_map_now();
	record_lane(record, 3, "host", &lane, &map);
	assert_int_equal(record_close(record, 0, NULL), 0);
	file_read("spans.csv");
	line = strchr(text, '\n') + 1;
	for (int i = 0; i < 3; i++, line = strchr(line, '\n') + 1) {
		long long start, duration;
		char phase[16];

		assert_int_equal(sscanf(line, "%*[^,],3,host,timing,%15[^,],%lld,%lld,0", phase,
					&start, &duration),
				 3);
		assert_true(end < 0 || start == end);
		end = start + duration;
	}
	assert_string_equal(line, "");
}

static void run_json_tells_the_end(void **state)
{
	struct record *record = open_new();
	json_t *json = json_loads(file_read("run.json"), 0, NULL);

	(void)state;
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "state")), "running");
	assert_int_equal(json_integer_value(json_object_get(json, "schema_version")), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "seed")), 7);
	assert_true(json_object_size(json_object_get(json, "machine")) > 5);
	json_decref(json);
	record_note(record, "extra", json_integer(5));
	assert_int_equal(record_close(record, 130, NULL), 0);
	json = json_loads(file_read("run.json"), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "state")), "interrupted");
	assert_int_equal(json_integer_value(json_object_get(json, "exit_code")), 130);
	assert_int_equal(json_integer_value(json_object_get(json, "extra")), 5);
	json_decref(json);
}

static void objects_keep_apart(void **state)
{
	struct record *record = open_new();

	(void)state;
	assert_string_equal(record_object(record, "a/x.so", "1", 1), "x.so");
	assert_string_equal(record_object(record, "b/x.so", "2", 1), "b/x.so");
	assert_string_equal(record_object(record, "y.so", "3", 1), "y.so");
	assert_int_equal(record_close(record, 0, NULL), 0);
}

static void an_old_record_is_replaced(void **state)
{
	struct record *record = open_new();
	struct sample sample = sample_empty();

	(void)state;
	record_sample(record, &sample);
	assert_int_equal(record_close(record, 0, NULL), 0);
	record = open_new();
	assert_int_equal(count_of(file_read("samples.csv"), '\n'), 1);
	assert_int_equal(record_close(record, 0, NULL), 0);
}

static void a_file_in_the_way_is_told(void **state)
{
	struct record_spec spec = { .out = "/dev/null/x", .command = "test" };
	struct record *record = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(record_open(&record, &spec, &err), -ENOTDIR);
	assert_null(record);
	assert_non_null(strstr(err.text, "/dev/null"));
	assert_int_equal(mkdir(path_of("samples.csv"), 0700), 0);
	spec.out = folder;
	assert_true(record_open(&record, &spec, &err) < 0);
	assert_non_null(strstr(err.text, "samples.csv"));
	rmdir(path_of("samples.csv"));
}

static void a_full_disk_is_told(void **state)
{
	struct csv csv;
	struct err err = { "" };
	int r;

	(void)state;
	r = csv_open(&csv, "/dev/full", "header", &err);
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(err.text, "/dev/full"));
	csv_close(&csv, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(headers_are_the_documented_ones, setup, teardown),
		cmocka_unit_test(every_load_phase_has_a_column),
		cmocka_unit_test_setup_teardown(the_machine_is_looked_at_now_and_then, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_empty_sample_is_empty_fields, setup, teardown),
		cmocka_unit_test(phases_add_up),
		cmocka_unit_test(split_loaders_have_no_link),
		cmocka_unit_test_setup_teardown(texts_are_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(doubles_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(lanes_have_no_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(run_json_tells_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(objects_keep_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_record_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_in_the_way_is_told, setup, teardown),
		cmocka_unit_test(a_full_disk_is_told),
	};

	clock_start();
	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
