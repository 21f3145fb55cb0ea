/*
 * From a plan to an object. What start-up files and linker bring is not known beforehand, so the
 * object is built, counted, and built again with the difference, until it is exactly as planned.
 */
#include "bench/gen/plan.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSES_MAX 8
#define ARGUMENTS_MAX 40
#define SIZE_BULK 16384 /* kept back from the bulk of the filling for the exact size */
#define SIZE_SLACK 64	/* alignment of the filling: nearer than that to the asked size is there */

static const char *const count_names[GEN_COUNTS] = {
	[GEN_RELATIVE] = "RELATIVE relocations",   [GEN_IMPORTS] = "imports (JUMP_SLOT)",
	[GEN_GLOBS] = "GLOB_DAT relocations",	   [GEN_ABSOLUTE] = "absolute relocations",
	[GEN_IRELATIVE] = "IRELATIVE relocations", [GEN_TLS] = "TLS relocations",
	[GEN_SYMBOLS] = "exported symbols",	   [GEN_NEEDED] = "needed libraries",
};

/* Libraries every glibc since 2.2 has, stubs among them: linked with --no-as-needed. */
static const char *const libraries[] = { "-l:libm.so.6",  "-l:libdl.so.2",   "-l:libpthread.so.0",
					 "-l:librt.so.1", "-l:libutil.so.1", "-l:libresolv.so.2",
					 "-l:libanl.so.1" };

#define LIBRARIES (sizeof(libraries) / sizeof(libraries[0]))

struct workshop {
	char folder[PATH_MAX / 2];
	char path[PATH_MAX];
};

static const char *workshop_file(struct workshop *shop, const char *name)
{
	snprintf(shop->path, sizeof(shop->path), "%s/%s", shop->folder, name);
	return shop->path;
}

static int workshop_open(struct workshop *shop, struct err *err)
{
	const char *parent = getenv("TMPDIR");
	int length = snprintf(shop->folder, sizeof(shop->folder), "%s/soload-gen-XXXXXX",
			      parent && *parent ? parent : "/tmp");

	if (length < 0 || (size_t)length >= sizeof(shop->folder))
		return err_set(err, ENAMETOOLONG, "TMPDIR is too long");
	if (!mkdtemp(shop->folder))
		return err_sys(err, "create folder %s", shop->folder);
	return 0;
}

static void workshop_close(struct workshop *shop)
{
	static const char *const names[] = { "gen.c", "fill.bin", "gen.so", "said" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(workshop_file(shop, names[i]));
	rmdir(shop->folder);
}

/* Bytes that no compression and no sharing of zero pages makes cheaper than real ones. */
static void fill_bytes_write(uint64_t bytes, uint64_t seed, FILE *out)
{
	uint64_t state = seed | 1;

	for (uint64_t i = 0; i < bytes; i += sizeof(state)) {
		state ^= state << 13; /* xorshift64: Marsaglia 2003 */
		state ^= state >> 7;
		state ^= state << 17;
		fwrite(&state, sizeof(state), 1, out);
	}
}

static int sources_write(struct workshop *shop, const struct gen_plan *plan,
			 const struct gen_emit *emit, struct err *err)
{
	uint64_t fill = emit->fill[0] + emit->fill[1] + emit->fill[2];
	FILE *out;
	bool bad;

	out = fopen(workshop_file(shop, "gen.c"), "we");
	if (!out)
		return err_sys(err, "write %s", shop->path);
	gen_source_write(plan, emit, out);
	bad = ferror(out);
	if (fclose(out) != 0 || bad)
		return err_sys(err, "write %s", shop->path);
	out = fopen(workshop_file(shop, "fill.bin"), "we");
	if (!out)
		return err_sys(err, "write %s", shop->path);
	fill_bytes_write(fill > plan->unloaded ? fill : plan->unloaded, plan->seed, out);
	bad = ferror(out);
	if (fclose(out) != 0 || bad)
		return err_sys(err, "write %s", shop->path);
	return 0;
}

struct arguments {
	char *list[ARGUMENTS_MAX + 1];
	unsigned int count;
	char words[512], page[64];
};

static void argument_add(struct arguments *arguments, const char *text)
{
	if (arguments->count < ARGUMENTS_MAX)
		arguments->list[arguments->count++] = (char *)(uintptr_t)text;
}

/* $CC may be several words: "ccache gcc", "gcc -m64". */
static void compiler_add(struct arguments *arguments)
{
	const char *given = getenv("CC");
	char *rest = NULL;

	snprintf(arguments->words, sizeof(arguments->words), "%s", given && *given ? given : "cc");
	for (char *word = strtok_r(arguments->words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		argument_add(arguments, word);
}

static void arguments_fill(struct arguments *arguments, const struct gen_plan *plan,
			   const struct gen_emit *emit)
{
	static const char *const fixed[] = {
		"-x",	       "c",
		"-shared",     "-fPIC",
		"-O2",	       "-w",
		"-g0",	       "-fvisibility=hidden",
		"gen.c",       "-o",
		"gen.so",      "-Wl,-s",
		"-Wl,-z,lazy", "-Wl,--build-id=sha1",
	};

	compiler_add(arguments);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argument_add(arguments, fixed[i]);
	argument_add(arguments, plan->sysv ? "-Wl,--hash-style=sysv" : "-Wl,--hash-style=gnu");
	if (plan->bare)
		argument_add(arguments, "-nostartfiles");
	if (plan->compact)
		argument_add(arguments, "-Wl,-z,noseparate-code,-z,norelro");
	if (plan->now)
		argument_add(arguments, "-Wl,-z,now");
	if (plan->relr)
		argument_add(arguments, "-Wl,-z,pack-relative-relocs");
	if (plan->page_bytes) {
		snprintf(arguments->page, sizeof(arguments->page), "-Wl,-z,max-page-size=%" PRIu64,
			 plan->page_bytes);
		argument_add(arguments, arguments->page);
	}
#if defined(__x86_64__)
	if (plan->tls_model == GEN_TLS_DESC)
		argument_add(arguments, "-mtls-dialect=gnu2");
#elif defined(__aarch64__)
	if (plan->tls_model == GEN_TLS_GD)
		argument_add(arguments, "-mtls-dialect=trad");
#endif
	argument_add(arguments, "-Wl,--no-as-needed");
	for (uint64_t i = 0; i < emit->count[GEN_NEEDED] && i < LIBRARIES; i++)
		argument_add(arguments, libraries[i]);
	arguments->list[arguments->count] = NULL;
}

/* The first line the compiler said about an error, for the message. */
static int compiler_said(struct workshop *shop, const char *compiler, struct err *err)
{
	char line[256] = "no reason given";
	FILE *said = fopen(workshop_file(shop, "said"), "re");

	while (said && fgets(line, sizeof(line), said) && !strstr(line, "rror"))
		;
	if (said)
		fclose(said);
	line[strcspn(line, "\n")] = '\0';
	return err_set(err, EIO, "%s failed: %s", compiler, line);
}

static int compiler_run(struct workshop *shop, const struct gen_plan *plan,
			const struct gen_emit *emit, struct err *err)
{
	struct arguments arguments = { .count = 0 };
	posix_spawn_file_actions_t actions;
	int status = 0, r;
	pid_t pid;

	arguments_fill(&arguments, plan, emit);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, shop->folder);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "said",
					 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	r = posix_spawnp(&pid, arguments.list[0], &actions, NULL, arguments.list, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return err_set(err, r, "%s: %s; install a C compiler (make deps) or set CC",
			       arguments.list[0], strerror(r));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return compiler_said(shop, arguments.list[0], err);
	return 0;
}

/* Corrects `emit` by what is there: 1 when nothing was to correct, 0 when another build is due. */
static int emit_correct(const struct gen_plan *plan, const struct gen_counts *counts,
			struct gen_emit *emit, struct err *err)
{
	int exact = 1;

	for (int i = 0; i < GEN_COUNTS; i++) {
		uint64_t want = plan->want[i], have = counts->have[i];

		if (!plan->given[i] || want == have)
			continue;
		if (have > want && have - want > emit->count[i])
			return err_set(err, EINVAL, "%s: the toolchain alone brings %" PRIu64 "%s",
				       count_names[i], have - emit->count[i],
				       plan->bare ? "" : " (fewer with --bare)");
		emit->count[i] += want - have; /* modulo 2^64 */
		exact = 0;
	}
	return exact;
}

/*
 * Text and read-only data grow in whole pages of the file, so they take the bulk (6 and 3 of 10
 * bytes, as in real objects) and .data what is left to the exact size.
 */
static int size_correct(const struct gen_plan *plan, const struct gen_counts *counts,
			struct gen_emit *emit, struct err *err)
{
	uint64_t want = plan->size + plan->unloaded, have = counts->file_bytes;
	uint64_t off = want > have ? want - have : have - want;
	uint64_t *fill = emit->fill;

	if (!plan->size || off <= SIZE_SLACK)
		return 1;
	if (want > have) {
		uint64_t bulk = off > SIZE_BULK ? off - SIZE_BULK : 0;

		fill[GEN_FILL_TEXT] += bulk / 10 * 6;
		fill[GEN_FILL_RODATA] += bulk / 10 * 3;
		/* Where data shares its page with code, the linker moves it to one of its own as
		 * soon as it grows over the end. */
		fill[plan->compact ? GEN_FILL_TEXT : GEN_FILL_DATA] += off - bulk / 10 * 9;
		return 0;
	}
	for (int i = GEN_FILLS - 1; i >= 0; i--) {
		if (fill[i] < off)
			continue;
		fill[i] -= off;
		return 0;
	}
	return err_set(err, EINVAL,
		       "a size of %" PRIu64 " bytes is too small: the contents alone take %" PRIu64,
		       plan->size, have - plan->unloaded - fill[0] - fill[1] - fill[2]);
}

static int plan_check(const struct gen_plan *plan, struct err *err)
{
	uint64_t imports = plan->want[GEN_IMPORTS] + plan->want[GEN_GLOBS];

	if (imports > gen_imports_max)
		return err_set(err, EINVAL, "at most %u imports and GLOB_DAT together",
			       gen_imports_max);
	for (int i = 0; i < GEN_COUNTS; i++) {
		if (plan->want[i] > 1000000)
			return err_set(err, EINVAL, "%s: at most 1000000", count_names[i]);
	}
	if (plan->ctors > 100000 || plan->want[GEN_TLS] > 100000)
		return err_set(err, EINVAL, "at most 100000 constructors or TLS variables");
	if (plan->size > 1u << 30 || plan->unloaded > 1u << 30)
		return err_set(err, EINVAL, "at most 1 GiB");
	if (plan->given[GEN_SYMBOLS] && plan->want[GEN_SYMBOLS] < (plan->unique ? 2 : 1))
		return err_set(err, EINVAL,
			       "at least %d exported symbols: the entry is one of them",
			       plan->unique ? 2 : 1);
	if (plan->want[GEN_NEEDED] > LIBRARIES + 1)
		return err_set(err, EINVAL, "at most %zu needed libraries", LIBRARIES + 1);
	if (plan->page_bytes & (plan->page_bytes - 1))
		return err_set(err, EINVAL, "a page size is a power of two");
	return 0;
}

static int object_build(struct workshop *shop, const struct gen_plan *plan,
			struct gen_counts *counts, struct err *err)
{
	struct gen_emit emit = { .fill = { 0 } };

	memcpy(emit.count, plan->want, sizeof(emit.count));
	emit.count[GEN_NEEDED] = 0;
	if (plan->unique && emit.count[GEN_SYMBOLS] < 2)
		emit.count[GEN_SYMBOLS] = 2;
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		int r = sources_write(shop, plan, &emit, err);

		if (r == 0)
			r = compiler_run(shop, plan, &emit, err);
		if (r == 0)
			r = gen_count_file(workshop_file(shop, "gen.so"), counts, err);
		if (r == 0)
			r = emit_correct(plan, counts, &emit, err);
		if (r == 1)
			r = size_correct(plan, counts, &emit, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return err_set(err, EINVAL, "the toolchain does not come to the asked numbers in %d builds",
		       PASSES_MAX);
}

/* Complete or not at all: written beside the target, then renamed. */
static int object_publish(struct workshop *shop, const char *out, struct err *err)
{
	struct file_bytes file = { 0 };
	char beside[PATH_MAX];
	int fd, r;

	r = file_load(workshop_file(shop, "gen.so"), &file, err);
	if (r < 0)
		return r;
	snprintf(beside, sizeof(beside), "%s.%d.tmp", out, (int)getpid());
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0777);
	r = fd < 0 ? err_sys(err, "create %s", out)
		   : fd_write_all(fd, file.bytes, file.size, out, err);
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = err_sys(err, "write %s", out);
	if (r == 0 && rename(beside, out) < 0)
		r = err_sys(err, "create %s", out);
	if (r < 0 && fd >= 0)
		unlink(beside);
	file_unload(&file);
	return r;
}

int gen_build(const struct gen_plan *plan, const char *out, struct gen_counts *ret_counts,
	      struct err *err)
{
	struct gen_counts counts = { 0 };
	struct workshop shop;
	int r = plan_check(plan, err);

	if (r == 0)
		r = workshop_open(&shop, err);
	if (r < 0)
		return r;
	r = object_build(&shop, plan, &counts, err);
	if (r == 0)
		r = object_publish(&shop, out, err);
	workshop_close(&shop);
	if (r == 0)
		*ret_counts = counts;
	return r;
}
