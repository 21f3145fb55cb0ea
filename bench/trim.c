/* soload trim: an object without what no loader maps, as transport `trimmed` sends it. */
#include "bench/command.h"
#include "bench/trim/verify.h"

#include "base/file.h"
#include "base/log.h"
#include "device/parcel.h"
#include "loaders/elf/file.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_NO_VERIFY 256

struct trim_options {
	const char *in, *out;
	bool no_verify;
};

static const struct argp_option table[] = {
	{ "no-verify", KEY_NO_VERIFY, NULL, 0,
	  "do not load the two (an object for another machine)", 0 },
	{ 0 },
};

static error_t option_parse(int key, char *argument, struct argp_state *state)
{
	struct trim_options *options = state->input;

	switch (key) {
	case KEY_NO_VERIFY:
		options->no_verify = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			options->in = argument;
		else if (state->arg_num == 1)
			options->out = argument;
		else
			command_usage(state, "give one object and one output: '%s' is too many",
				      argument);
		return 0;
	case ARGP_KEY_END:
		if (!options->out)
			command_usage(state, "give an object and where to write the trimmed one");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Both forms: the bytes that travel, and what they become again. */
struct trim {
	struct file_bytes whole;
	void *parcel, *trimmed;
	struct parcel_size size;
};

static int trim_make(struct trim *trim, const char *path, struct err *err)
{
	struct elf_file file;
	int r = file_load(path, &trim->whole, err);

	if (r < 0)
		return r;
	r = elf_file_check(&file, trim->whole.bytes, trim->whole.size, err);
	if (r < 0)
		return err_prefix(err, r, "%s", path);
	trim->parcel = malloc(parcel_bytes_max(trim->whole.size));
	trim->trimmed = malloc(trim->whole.size);
	if (!trim->parcel || !trim->trimmed)
		return err_set(err, ENOMEM, "out of memory");
	r = parcel_pack(trim->whole.bytes, trim->whole.size, trim->parcel, &trim->size, err);
	return r < 0 ? r
		     : parcel_unpack(trim->parcel, trim->size.bytes, trim->trimmed,
				     trim->size.object_bytes, err);
}

/* Complete or not at all: a new file takes the name when it is whole. */
static int trim_write(const struct trim *trim, const struct trim_options *options, struct err *err)
{
	struct stat st = { .st_mode = 0755 };
	char *path;
	int fd, r;

	if (asprintf(&path, "%s.XXXXXX", options->out) < 0)
		return err_set(err, ENOMEM, "out of memory");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		r = err_sys(err, "create %s", options->out);
		free(path);
		return r;
	}
	r = fd_write_all(fd, trim->trimmed, trim->size.object_bytes, options->out, err);
	(void)!stat(options->in, &st);
	if (r == 0 && fchmod(fd, st.st_mode & 0777) < 0)
		r = err_sys(err, "permissions of %s", options->out);
	if (close(fd) < 0 && r == 0)
		r = err_sys(err, "write %s", options->out);
	if (r == 0 && rename(path, options->out) < 0)
		r = err_sys(err, "write %s", options->out);
	if (r < 0)
		unlink(path);
	free(path);
	return r;
}

static void build_id_print(const struct trim *trim)
{
	const unsigned char *id = NULL;
	struct elf_file file;
	size_t size = 0;

	if (elf_file_check(&file, trim->trimmed, trim->size.object_bytes, NULL) == 0)
		size = elf_build_id(&file, &id);
	printf("build-id: ");
	for (size_t i = 0; i < size; i++)
		printf("%02x", id[i]);
	printf(size ? "\n" : "none\n");
}

static int trim_run(struct trim *trim, const struct trim_options *options, struct err *err)
{
	struct trim_verdict verdict = { .loaders = "" };
	struct trim_bytes objects[2];
	int r = trim_make(trim, options->in, err);

	if (r < 0)
		return r;
	objects[0] = (struct trim_bytes){ options->in, trim->whole.bytes, trim->whole.size };
	objects[1] = (struct trim_bytes){ options->out, trim->trimmed, trim->size.object_bytes };
	if (!options->no_verify)
		r = trim_verify(&objects[0], &objects[1], &verdict, err);
	if (r < 0)
		return err_prefix(err, r, "%s", options->in);
	r = trim_write(trim, options, err);
	if (r < 0)
		return r;
	printf("%s: %zu bytes, of which a loader maps %zu: %s; %zu bytes travel\n", options->in,
	       trim->whole.size, trim->size.object_bytes, options->out, trim->size.bytes);
	build_id_print(trim);
	if (options->no_verify)
		printf("not verified\n");
	else
		printf("verified by loading both with %s: %llu symbols and %llu bytes of memory "
		       "are the same\n",
		       verdict.loaders, (unsigned long long)verdict.symbols,
		       (unsigned long long)verdict.bytes);
	return 0;
}

int command_trim(int argc, char **argv)
{
	const struct argp argp = {
		.options = table,
		.parser = option_parse,
		.args_doc = "IN.so OUT.so",
		.doc = "Writes IN.so without what no loader maps: debug information, symbol "
		       "tables, section headers. Everything else stays where it is, the build-id "
		       "too. Both are loaded, which runs their constructors, and compared before "
		       "OUT.so is written. Transport trimmed sends the same, without its zeros."
		       "\v"
		       "Examples:\n"
		       "  soload trim build/objects/pa_unroll_cxx.so /tmp/small.so\n"
		       "  soload trim --no-verify aarch64.so small.so\n",
	};
	struct trim_options options = { .in = NULL };
	struct trim trim = { .parcel = NULL };
	struct err err = { "" };
	int r;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	r = trim_run(&trim, &options, &err);
	free(trim.parcel);
	free(trim.trimmed);
	file_unload(&trim.whole);
	if (r == 0)
		return EXIT_DONE;
	log_error("%s", err.text);
	return r == -EILSEQ ? EXIT_MEASURED_FAILURE : EXIT_USAGE;
}
