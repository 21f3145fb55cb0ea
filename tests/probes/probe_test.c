/*
 * The registry and its order of calls, the counting probes against work of known size, and that a
 * probe on a marker of one byte leaves the red zone of a leaf function alone.
 */
#include "probes/attach.h"
#include "probes/calibrate.h"
#include "probes/foreign.h"
#include "probes/ldphase_try.h"
#include "probes/names.h"
#include "probes/probe.h"
#include "probes/smaps.h"
#include "tests/built.h"
#include "tests/emulator.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <linux/bpf.h>
#endif

#define PAGES 64

static struct probe *open_or_skip(const char *spec)
{
	struct probe *probe;
	struct err err = { "" };

	if (probe_open(&probe, spec, &err) == 0)
		return probe;
	print_message("left out: %s\n", err.text);
	skip();
	return NULL;
}

static void wrong_names_are_told(void **state)
{
	struct probe *probe = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(probe_open(&probe, "rusag", &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean 'rusage'"));
	assert_int_equal(probe_open(&probe, "ldphase:levle=all", &err), -EINVAL);
	assert_null(probe);
}

static void auto_finds_one_and_never_hooks(void **state)
{
	struct probe *probe;
	struct err err = { "" };

	(void)state;
	assert_int_equal(probe_open_auto(&probe, 0, &err), 0);
	assert_false(probe->type->sight & (PROBE_OPT_IN | PROBE_COUNTS));
	probe_close(probe);
}

static void a_probe_watches_one_process(void **state)
{
	struct probe_target target = { .pid = 1, .linker = "/nonexistent" };
	struct probe *probe = open_or_skip("total");
	struct err err = { "" };

	(void)state;
	assert_int_equal(probe_attach(probe, &target, &err), 0);
	assert_int_equal(probe_attach(probe, &target, &err), -EBUSY);
	probe_detach(probe);
	assert_int_equal(probe_attach(probe, &target, &err), 0);
	probe_close(probe);
}

/* ldphase is available, but not for an ld.so without names that has no libc beside it. */
static void auto_takes_the_next_when_one_cannot_attach(void **state)
{
	const char *build = getenv("SOLOAD_BUILD");
	struct probe_target target = { .pid = getpid() };
	struct err err = { "" };
	struct probe *probe;
	char linker[PATH_MAX];

	(void)state;
	snprintf(linker, sizeof(linker), "%s/fixtures/probe_bare.so", build ? build : "build");
	target.linker = linker;
	assert_int_equal(probe_open_auto(&probe, 0, &err), 0);
	if (strcmp(probe->type->name, "ldphase") != 0) {
		print_message("left out: %s\n", probe->note);
		probe_close(probe);
		skip();
	}
	assert_false(probe_fall_back(&probe, &err)); /* nothing has failed */
	assert_int_equal(probe_attach(probe, &target, &err), -ENOTSUP);
	assert_true(probe_fall_back(&probe, &err));
	assert_string_equal(probe->type->name, "ldaudit");
	assert_non_null(strstr(probe->note, "dlopen cannot be watched"));
	assert_non_null(strstr(probe->note, "using ldaudit"));
	probe_close(probe);
	probe = open_or_skip("ldphase");
	assert_int_equal(probe_attach(probe, &target, &err), -ENOTSUP);
	assert_false(probe_fall_back(&probe, &err)); /* chosen by name */
	probe_close(probe);
}

static char *pages_touch(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	assert_true(memory != MAP_FAILED);
	madvise(memory, PAGES * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		memory[i * page] = 1;
	return memory;
}

static size_t metric_of(const struct probe *probe, const char *name)
{
	size_t i = 0;

	while (probe->type->metrics[i].name && strcmp(probe->type->metrics[i].name, name) != 0)
		i++;
	assert_non_null(probe->type->metrics[i].name);
	return i;
}

static void rusage_counts_faults(void **state)
{
	struct probe *probe = open_or_skip("rusage");
	uint64_t values[PROBE_METRICS_MAX];
	char *memory;

	(void)state;
	assert_int_equal(probe->type->begin(probe), 0);
	memory = pages_touch();
	assert_int_equal(probe->type->end(probe, values), 0);
	assert_true(values[metric_of(probe, "minflt")] >= PAGES);
	munmap(memory, PAGES * (size_t)sysconf(_SC_PAGESIZE));
	probe_close(probe);
}

static void smaps_sees_what_is_there(void **state)
{
	struct probe *probe = open_or_skip("smaps");
	uint64_t values[PROBE_METRICS_MAX];
	size_t bytes = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	char *memory;

	(void)state;
	assert_int_equal(probe->type->begin(probe), 0);
	memory = pages_touch();
	probe->type->loaded(probe, &(struct probe_object){ 0 });
	munmap(memory, bytes);
	assert_int_equal(probe->type->end(probe, values), 0);
	assert_true(values[metric_of(probe, "private_dirty")] >= bytes);
	assert_true(values[metric_of(probe, "rss")] >= bytes);
	probe_close(probe);
}

/* Three mappings side by side, of which the probe is told what they are: a page of code, one of
 * data that was written, two of zeros of which one was touched. */
static void smaps_tells_mappings_apart(void **state)
{
	struct probe *probe = open_or_skip("smaps");
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct probe_piece pieces[] = {
		{ 0, page, SMAPS_TEXT },
		{ page, 2 * page, SMAPS_RELRO }, /* not protected yet: it counts as data */
		{ 2 * page, 4 * page, SMAPS_BSS },
	};
	uint64_t text[PROBE_METRICS_MAX], data[PROBE_METRICS_MAX], bss[PROBE_METRICS_MAX];
	uint64_t relro[PROBE_METRICS_MAX];
	int fd = memfd_create("pieces", MFD_CLOEXEC);
	/* The last page keeps the kernel from making one mapping of ours and a neighbour. */
	char *at = mmap(NULL, 5 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (emulator_words(NULL)) {
		print_message("left out: an emulator's own /proc/self/smaps tells no memory\n");
		skip();
	}
	assert_true(fd >= 0 && at != MAP_FAILED && ftruncate(fd, (off_t)(2 * page)) == 0);
	assert_int_equal(mprotect(at + 4 * page, page, PROT_NONE), 0);
	assert_int_equal(probe->type->begin(probe), 0);
	assert_true(mmap(at, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) == at);
	assert_true(mmap(at + page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
			 (off_t)page) == at + page);
	at[page] = at[2 * page] = *(volatile char *)at;
	probe->type->loaded(probe, &(struct probe_object){ (uintptr_t)at, pieces, 3 });
	probe->type->part(probe, SMAPS_TEXT, text);
	probe->type->part(probe, SMAPS_DATA, data);
	probe->type->part(probe, SMAPS_BSS, bss);
	probe->type->part(probe, SMAPS_RELRO, relro);
	assert_int_equal(text[metric_of(probe, "rss")], page);
	assert_int_equal(text[metric_of(probe, "private_dirty")] +
				 text[metric_of(probe, "shared_dirty")],
			 0);
	assert_int_equal(data[metric_of(probe, "private_dirty")], page);
	assert_int_equal(bss[metric_of(probe, "rss")], page);
	assert_true(relro[metric_of(probe, "rss")] == UINT64_MAX); /* there is none */
	munmap(at, 5 * page);
	close(fd);
	probe_close(probe);
}

/* Every metric is a count of hardware, or nothing: never a software event in its place. */
static void perf_counts_hardware_or_nothing(void **state)
{
	struct probe *probe = open_or_skip("perf");
	uint64_t values[PROBE_METRICS_MAX];
	int r = probe->type->begin(probe);

	(void)state;
	assert_int_equal(probe->type->end(probe, values), 0);
	if (r == 0) {
		assert_true(values[metric_of(probe, "counted")] <= 100);
	} else {
		for (size_t i = 0; probe->type->metrics[i].name; i++)
			assert_true(values[i] == UINT64_MAX);
		assert_non_null(strstr(probe->note, "no hardware counter"));
		probe->type->begin(probe);
		assert_null(strchr(probe->note, '\n')); /* said once */
	}
	probe_close(probe);
}

#ifdef HAVE_BPF
static int program_load(enum attach_way way)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_load_opts options = {
		.sz = sizeof(options),
		.expected_attach_type =
			(enum bpf_attach_type)(way == ATTACH_MULTI ? ATTACH_UPROBE_MULTI : 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "leaf", "GPL", nothing, 2, &options);
}
#endif

#if defined(HAVE_BPF) && defined(HAVE_SDT)
struct marker {
	const struct names_file *file;
	uint64_t offset;
};

static void marker_take(void *to, const char *name, uint64_t address)
{
	struct marker *marker = to;
	size_t left;

	if (strcmp(name, "leaf") == 0)
		names_offset(marker->file, address, &marker->offset, &left);
}
#endif

static void markers_keep_the_red_zone(void **state)
{
	(void)state;
#if defined(HAVE_BPF) && defined(HAVE_SDT)
	const char *path = built_path("fixtures/probe_leaf.so");
	struct attach attach = { .way = ATTACH_MULTI };
	struct names_file file;
	struct marker marker = { &file, 0 };
	uint64_t cookie = 1;
	struct attach_sites sites = { .pid = getpid(), .count = 1, .cookies = &cookie };
	struct err err = { "" };
	int program = program_load(ATTACH_MULTI);
	long (*leaf)(long);
	void *handle;

	if (program < 0) {
		print_message("left out: no right to load a BPF program of uprobe_multi\n");
		skip();
	}
	assert_int_equal(names_open(&file, path, &err), 0);
	assert_int_equal(names_markers(&file, "soload", marker_take, &marker), 0);
	assert_true(marker.offset > 0);
	sites.path = path;
	sites.offsets = &marker.offset;
	handle = dlopen(path, RTLD_NOW);
	assert_non_null(handle);
	leaf = (long (*)(long))(uintptr_t)dlsym(handle, "probe_leaf");
	assert_int_equal(attach_uprobes(&attach, program, false, &sites, &err), 0);
	for (long i = 1; i <= 1000; i++)
		assert_int_equal(leaf(i), 9 * i + 28);
	attach_close(&attach);
	close(program);
	dlclose(handle);
	names_close(&file);
#else
	print_message("left out: built without BPF or sys/sdt.h\n");
	skip();
#endif
}

/* Probes of others are seen in either way of attaching. Others of this machine come and go
 * meanwhile: what must be is tried a few times. */
static void foreign_probes_are_counted(void **state)
{
	(void)state;
#ifdef HAVE_BPF
	const enum attach_way ways[] = { ATTACH_MULTI, ATTACH_PERF };
	struct calibrate_sites own = { "", 0, 0 };
	uint64_t cookies[2] = { 1, 2 }, offsets[2];
	struct attach_sites sites = { .pid = getpid(), .count = 2, .cookies = cookies };
	bool seen[2] = { false };
	struct err err = { "" };

	if (ldphase_try(ATTACH_MULTI, &err) < 0 || ldphase_try(ATTACH_PERF, &err) < 0) {
		print_message("left out: %s\n", err.text);
		skip();
	}
	assert_int_equal(calibrate_sites(&own, &err), 0);
	offsets[0] = own.gate;
	offsets[1] = own.step;
	sites.path = own.path;
	sites.offsets = offsets;
	for (int i = 0; i < 10 && !(seen[0] && seen[1]); i++) {
		struct attach attach = { .way = ways[i & 1] };
		int program = program_load(attach.way);
		unsigned int before = foreign_probes();

		assert_int_equal(attach_uprobes(&attach, program, false, &sites, &err), 0);
		/* One link for all functions, and for one each its event, too: as much is closed.
		 */
		assert_int_equal(attach.count, attach.way == ATTACH_MULTI ? 1 : 4);
		seen[i & 1] = seen[i & 1] || foreign_probes() > before;
		attach_close(&attach);
		close(program);
	}
	assert_true(seen[0] && seen[1]);
#else
	print_message("left out: built without BPF\n");
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_names_are_told),
		cmocka_unit_test(auto_finds_one_and_never_hooks),
		cmocka_unit_test(auto_takes_the_next_when_one_cannot_attach),
		cmocka_unit_test(a_probe_watches_one_process),
		cmocka_unit_test(rusage_counts_faults),
		cmocka_unit_test(smaps_sees_what_is_there),
		cmocka_unit_test(smaps_tells_mappings_apart),
		cmocka_unit_test(perf_counts_hardware_or_nothing),
		cmocka_unit_test(markers_keep_the_red_zone),
		cmocka_unit_test(foreign_probes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
