/* The files of exports, and what their formats share. See export.h. */
#include "bench/export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct export_format *const formats[] = {
#define EXPORT(name, help) &export_##name,
#include "bench/export/exports.def"
#undef EXPORT
};

static const char *const names[] = {
#define EXPORT(name, help) #name,
#include "bench/export/exports.def"
#undef EXPORT
};

/* A regular file is replaced when it is whole; a pipe or a terminal is written to. */
static int file_open(struct export_files *files, int i, const char *path, struct err *err)
{
	struct stat st;
	bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	char *fresh = files->files[i].fresh;
	int fd;

	files->files[i].path = path;
	if (!special && snprintf(fresh, PATH_MAX, "%s.%d.new", path, (int)getpid()) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "--export-%s: name too long", names[i]);
	fd = open(special ? path : fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		int r = err_sys(err, "--export-%s: open %s", names[i], path);

		*fresh = '\0';
		return r;
	}
	files->files[i].file = fdopen(fd, "w");
	return files->files[i].file ? 0 : err_set(err, ENOMEM, "out of memory");
}

int exports_open(struct export_files *files, const struct export_paths *paths, struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < EXPORT_COUNT; i++) {
		if (paths->paths[i])
			r = file_open(files, i, paths->paths[i], err);
	}
	if (r < 0)
		exports_close(files);
	return r;
}

static bool document_write(int i, const struct export_source *source, FILE *file)
{
	json_t *json;
	bool good;

	if (!formats[i]->json) {
		formats[i]->write(source, file);
		return true;
	}
	json = formats[i]->json(source);
	good = json && json_dumpf(json, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0 &&
	       fputc('\n', file) != EOF;
	json_decref(json);
	return good;
}

static int file_write(struct export_files *files, int i, const struct export_source *source,
		      struct err *err)
{
	FILE *file = files->files[i].file;
	bool good = document_write(i, source, file) && !ferror(file);

	files->files[i].file = NULL;
	if (fclose(file) != 0 || !good)
		return err_set(err, EIO, "--export-%s: cannot write %s: is the disk full?",
			       names[i], files->files[i].path);
	if (*files->files[i].fresh && rename(files->files[i].fresh, files->files[i].path) < 0)
		return err_sys(err, "--export-%s: rename to %s", names[i], files->files[i].path);
	*files->files[i].fresh = '\0';
	return 0;
}

int exports_write(struct export_files *files, const struct export_source *source, struct err *err)
{
	int result = 0;

	for (int i = 0; i < EXPORT_COUNT; i++) {
		int r = files->files[i].file
				? file_write(files, i, source, result == 0 ? err : NULL)
				: 0;

		if (result == 0)
			result = r;
	}
	return result;
}

void exports_close(struct export_files *files)
{
	for (int i = 0; i < EXPORT_COUNT; i++) {
		if (files->files[i].file)
			fclose(files->files[i].file);
		files->files[i].file = NULL;
		if (*files->files[i].fresh)
			unlink(files->files[i].fresh);
		*files->files[i].fresh = '\0';
	}
}

const char *export_name(const struct runner *runner, const struct arm *arm, char *buffer,
			size_t size)
{
	if (runner_threads(runner) > 1)
		snprintf(buffer, size, "%s/threads:%u", arm->name, runner_threads(runner));
	else
		snprintf(buffer, size, "%s", arm->name);
	return buffer;
}

void export_number(json_t *object, const char *key, double value)
{
	if (isfinite(value))
		json_object_set_new(object, key, json_real(value));
}

json_t *export_text(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("(not UTF-8)");
}
