/* The table of the first picture: medians per loader, failed and warm-up loads left out, stale ones
 * counted. */
#include "bench/figure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct err err;

static struct sample sample(const char *loader, int64_t link_ns, int64_t other_ns)
{
	struct sample sample = sample_empty();

	sample.loader = loader;
	sample.so = "a.so";
	sample.phase_ns[PHASE_LINK] = link_ns;
	sample.phase_ns[PHASE_OTHER] = other_ns;
	sample.phase_ns[PHASE_WAIT] = 5; /* not a phase of a load: no column */
	sample.total_ns = link_ns + other_ns;
	return sample;
}

static void add(struct figure *figure, const struct sample *sample)
{
	figure_add(figure, sample);
}

/* What figure_write() writes; the caller frees it. */
static char *written(struct figure *figure)
{
	char path[] = "/tmp/soload-figure-XXXXXX";
	char *text = calloc(1, 4096);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(figure_write(figure, path, &err), 0);
	assert_true(read(fd, text, 4095) >= 0);
	close(fd);
	unlink(path);
	figure_free(figure);
	return text;
}

static void medians_per_loader(void **state)
{
	struct figure figure = { 0 };
	char *text;

	(void)state;
	for (int i = 0; i < 101; i++) { /* 0 … 100 us, in a scattered order */
		struct sample disk = sample("disk", i * 37 % 101 * 1000, 10);
		struct sample null = sample("null", SAMPLE_NONE, i);

		null.total_ns = i;
		add(&figure, &disk);
		add(&figure, &null);
	}
	text = written(&figure);
	assert_string_equal(text, "loader\tloads\tstale\tlink\tother\ttotal\n"
				  "null\t101\t0\t0.000\t0.050\t0.050\n"
				  "disk\t101\t0\t50.000\t0.010\t50.010\n");
	free(text);
}

static void what_does_not_count(void **state)
{
	struct figure figure = { 0 };
	struct sample good = sample("disk", 1000, 0), bad = sample("disk", 9000, 0);
	char *text;

	(void)state;
	add(&figure, &good);
	bad.warmup = true;
	add(&figure, &bad);
	bad.warmup = false;
	bad.error = "crashed";
	add(&figure, &bad);
	bad.error = NULL;
	bad.total_ns = SAMPLE_NONE;
	add(&figure, &bad);
	bad.total_ns = 9000;
	bad.loader = NULL;
	add(&figure, &bad);
	good.stale = 1;
	add(&figure, &good);
	text = written(&figure);
	assert_string_equal(text, "loader\tloads\tstale\tlink\tother\ttotal\n"
				  "disk\t2\t1\t1.000\t0.000\t1.000\n");
	free(text);
}

static void objects_are_named_when_there_are_two(void **state)
{
	struct figure figure = { 0 };
	struct sample first = sample("disk", 1000, 0), second = first;
	char *text;

	(void)state;
	second.so = "b.so";
	add(&figure, &first);
	add(&figure, &second);
	text = written(&figure);
	assert_non_null(strstr(text, "\ndisk a.so\t1\t"));
	assert_non_null(strstr(text, "\ndisk b.so\t1\t"));
	free(text);
}

static void nothing_is_no_file(void **state)
{
	struct figure figure = { 0 };
	struct sample one = sample("disk", 1, 0);

	(void)state;
	assert_int_equal(figure_write(&figure, "/nonexistent/x", &err), 0);
	add(&figure, &one);
	assert_int_equal(figure_write(&figure, "/nonexistent/x", &err), -ENOENT);
	assert_non_null(strstr(err.text, "write /nonexistent/x"));
	figure_free(&figure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(medians_per_loader),
		cmocka_unit_test(what_does_not_count),
		cmocka_unit_test(objects_are_named_when_there_are_two),
		cmocka_unit_test(nothing_is_no_file),
	};

	return cmocka_run_group_tests_name("bench/figure", tests, NULL, NULL);
}
