/*
 * What a run measured, in the words of other programs. A format only says what it says: times in
 * its own unit, by its own names. An arm without a load is left out where a format has no word for
 * it.
 */
#ifndef SOLOAD_BENCH_EXPORT_EXPORT_H
#define SOLOAD_BENCH_EXPORT_EXPORT_H

#include "base/err.h"
#include "bench/run/scan.h"
#include "bench/runner.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct json_t;

/* What is exported. */
struct export_source {
	const struct runner *runner;
	const struct scan *scan; /* count 0 = none */
	struct json_t *options;	 /* the run's, as in run.json; borrowed */
};

struct export_format {
	/* A new document, or NULL when out of memory; NULL = write() it is. */
	struct json_t *(*json)(const struct export_source *source);
	void (*write)(const struct export_source *source, FILE *out);
};

#define EXPORT(name, help) extern const struct export_format export_##name;
#include "bench/export/exports.def"
#undef EXPORT

#define EXPORT(name, help) EXPORT_##name,
enum export_kind {
#include "bench/export/exports.def"
	EXPORT_COUNT
};
#undef EXPORT

/* Where each goes; NULL = nowhere. */
struct export_paths {
	const char *paths[EXPORT_COUNT];
};

struct export_files {
	struct {
		const char *path;
		char fresh[PATH_MAX]; /* written apart and renamed; "" = a pipe or device itself */
		FILE *file;
	} files[EXPORT_COUNT];
};

/* Opened before anything is measured: a file that cannot be written ends the run before it began.
 * -errno in words, and nothing is left. */
int exports_open(struct export_files *files, const struct export_paths *paths, struct err *err);

/* Writes all of them. -errno in words for the first that failed; the others are complete. */
int exports_write(struct export_files *files, const struct export_source *source, struct err *err);

/* Gives up what was not written. Zeroed is fine, so is written. */
void exports_close(struct export_files *files);

/* "memfd@gen_390k.so", with /threads:N where several loaded at once. Returns `buffer`. */
const char *export_name(const struct runner *runner, const struct arm *arm, char *buffer,
			size_t size);

/* A number where it is one; nothing where it is NaN. */
void export_number(struct json_t *object, const char *key, double value);

/* A string; one that is not UTF-8 says so. */
struct json_t *export_text(const char *text);

#endif
