/*
 * prelinked: what is kept and what is not, and that a kept image cannot be told from a new one: its
 * whole memory is compared, after all its variables were overwritten, with what it was after the
 * first load, and with what another loader makes of the same bytes.
 */
#include "base/file.h"
#include "loaders/elf/file.h"
#include "loaders/elf/where.h"
#include "loaders/loader.h"
#include "tests/loaders/fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A probe object (tests/fixtures/elf) as bytes alone, with an identity. */
static struct so so_of(const char *name, uint64_t id)
{
	const struct so *so;
	char path[64];

	snprintf(path, sizeof(path), "elf/%s", name);
	so = fixture_so(path);
	return (struct so){
		.bytes = so->bytes, .size = so->size, .fd = -1, .id = id, .generation = 1
	};
}

static void load(struct image *image, const struct so *so)
{
	struct err err = { "" };

	if (image_load(image, so, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static long probe(struct image *image)
{
	struct err err = { "" };
	void *address;

	if (image_symbol(image, "probe", &address, &err) < 0)
		fail_msg("%s", err.text);
	return ((long (*)(void))(uintptr_t)address)();
}

static void same_content_is_kept(void **state)
{
	struct loader *loader = fixture_loader("prelinked");
	struct image *image = image_new(loader);
	struct so so = so_of("plain", 7);
	uintptr_t base;

	(void)state;
	load(image, &so);
	assert_false(image->report.hit);
	assert_true(image->report.load_bytes > 0);
	base = image->report.base;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(probe(image), 1001); /* counts its calls: new every time */
		image_unload(image);
		load(image, &so);
		assert_true(image->report.hit);
		assert_true(image->report.base == base);
		assert_int_equal(image->report.load_bytes, 0);
	}
	image_unload(image);
	so.generation++;
	load(image, &so);
	assert_false(image->report.hit);
	image_unload(image);
	so.id = 0;
	for (int i = 0; i < 2; i++) {
		load(image, &so);
		assert_false(image->report.hit);
		assert_non_null(strstr(image->report.note, "identity"));
		assert_int_equal(probe(image), 1001);
		image_unload(image);
	}
	image_free(image);
	loader_close(loader);
}

static void several_of_one_content(void **state)
{
	struct loader *loader = fixture_loader("prelinked:entries=3");
	struct image *images[4];
	struct so so = so_of("plain", 7);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			if (round == 0)
				images[i] = image_new(loader);
			load(images[i], &so);
			for (int j = 0; j < i; j++)
				assert_true(images[j]->report.base != images[i]->report.base);
			assert_true(images[i]->report.hit == (round > 0 && i < 3));
		}
		/* The fourth has no entry left, works, and says so. */
		assert_non_null(strstr(images[3]->report.note, "in use"));
		for (int i = 0; i < 4; i++) {
			assert_int_equal(probe(images[i]), 1001);
			image_unload(images[i]);
		}
	}
	for (int i = 0; i < 4; i++)
		image_free(images[i]);
	loader_close(loader);
}

static void longest_unused_goes_first(void **state)
{
	struct loader *loader = fixture_loader("prelinked:entries=2");
	struct image *image = image_new(loader);
	struct so so = so_of("plain", 1);
	const struct {
		uint64_t id;
		bool hit;
	} steps[] = { { 1, false }, { 2, false }, { 1, true },	{ 3, false },
		      { 1, true },  { 2, false }, { 3, false }, { 2, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		so.id = steps[i].id;
		load(image, &so);
		if (image->report.hit != steps[i].hit)
			fail_msg("step %zu: hit is %d", i, image->report.hit);
		image_unload(image);
	}
	image_free(image);
	loader_close(loader);
}

/* Everything an object has mapped, segment after segment. */
static unsigned char *memory_of(const struct image *image, const struct elf_file *file,
				size_t *ret_size)
{
	size_t size = (size_t)(file->end - file->begin);
	unsigned char *copy = calloc(1, size);

	assert_non_null(copy);
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];

		memcpy(copy + (load->address - file->begin),
		       (const void *)(image->report.base + load->address), load->memory_bytes);
	}
	*ret_size = size;
	return copy;
}

static uint64_t relro_end(const struct elf_file *file)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return file->relro.bytes ? (file->relro.address + file->relro.bytes) & ~(page - 1) : 0;
}

static void variables_overwrite(const struct image *image, const struct elf_file *file)
{
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t begin = load->address, end = load->address + load->memory_bytes;

		if (!(load->flags & PF_W))
			continue;
		if (begin < relro_end(file))
			begin = relro_end(file);
		memset((void *)(image->report.base + begin), 0xa5, end - begin);
	}
}

/* Words are equal, or addresses of the same place in two images. */
static void words_compare(const unsigned char *one, const unsigned char *other, size_t size,
			  uint64_t distance)
{
	for (size_t at = 0; at + 8 <= size; at += 8) {
		uint64_t a, b;

		memcpy(&a, one + at, 8);
		memcpy(&b, other + at, 8);
		if (a != b && b - a != distance)
			fail_msg("word 0x%zx: 0x%llx and 0x%llx", at, (unsigned long long)a,
				 (unsigned long long)b);
	}
}

/* No destructors among these: they would run over the overwritten variables. */
static const char *const overwritten[] = { "plain",	"plain_packed", "plain_now", "bare",
					   "bare_init", "absolute",	"ifunc",     "weak",
					   "bss",	"bss_huge",	"relro",     "hash_both",
					   "pages_64k", "align_64k",	"versions",  "needs" };

static void memory_is_as_new(void **state)
{
	struct loader *loader = fixture_loader("prelinked"), *fresh = fixture_loader("elf");
	struct image *image = image_new(loader), *other = image_new(fresh);

	(void)state;
	for (size_t i = 0; i < sizeof(overwritten) / sizeof(overwritten[0]); i++) {
		struct so so = so_of(overwritten[i], i + 1);
		unsigned char *first, *again, *elsewhere;
		struct elf_file file;
		size_t size;

		assert_int_equal(elf_file_check(&file, so.bytes, so.size, NULL), 0);
		load(other, &so);
		load(image, &so);
		elsewhere = memory_of(other, &file, &size);
		first = memory_of(image, &file, &size);
		for (int round = 0; round < 2; round++) {
			variables_overwrite(image, &file);
			image_unload(image);
			load(image, &so);
			assert_true(image->report.hit);
			again = memory_of(image, &file, &size);
			if (memcmp(first, again, size) != 0)
				fail_msg("%s is not as new", overwritten[i]);
			free(again);
		}
		words_compare(elsewhere, first, size, image->report.base - other->report.base);
		free(first);
		free(elsewhere);
		image_unload(image);
		image_unload(other);
	}
	image_free(image);
	image_free(other);
	loader_close(loader);
	loader_close(fresh);
}

/* A kept image is bound to the libraries of its time. */
static void other_libraries_other_image(void **state)
{
	struct loader *loader = fixture_loader("prelinked");
	struct image *image = image_new(loader);
	struct so so = so_of("plain", 7);
	void *library;

	(void)state;
	load(image, &so);
	image_unload(image);
	library = dlopen("libanl.so.1", RTLD_NOW | RTLD_GLOBAL);
	if (!library || dlopen("libanl.so.1", RTLD_NOLOAD | RTLD_LAZY) == NULL) {
		print_message("no library to load meanwhile\n");
		skip();
	}
	load(image, &so);
	assert_false(image->report.hit);
	assert_int_equal(probe(image), 1001);
	image_unload(image);
	load(image, &so);
	assert_true(image->report.hit);
	image_free(image);
	loader_close(loader);
}

/* Initial-exec variables lie where only the dynamic linker could make them new. */
static void what_cannot_be_new_is_not_kept(void **state)
{
	static const char *const names[] = { "tls_ie", "nodelete" };
	struct loader *loader = fixture_loader("prelinked");
	struct image *image = image_new(loader);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct so so = so_of(names[i], i + 1);

		for (int round = 0; round < 2; round++) {
			load(image, &so);
			assert_false(image->report.hit);
			assert_non_null(strstr(image->report.note, "not kept"));
			assert_true(probe(image) > 1000);
			image_unload(image);
		}
	}
	image_free(image);
	loader_close(loader);
}

/* As late_destructors_pin of tests/elf/lifetime_test.c, of an image that would be kept: the
 * variable that a destructor makes at unloading is still there when its own runs, as the thread
 * ends. */
struct late {
	struct loader *loader;
	const struct so *so;
	bool pinned;
	long trace;
};

static void *late_run(void *context)
{
	struct late *late = context;
	struct image *image = image_new(late->loader);
	void *observe;

	if (image_load(image, late->so, NULL, NULL) == 0 &&
	    image_symbol(image, "probe_observe", &observe, NULL) == 0)
		((void (*)(long *))(uintptr_t)observe)(&late->trace);
	image_unload(image);
	late->pinned = image->report.note && strstr(image->report.note, "kept: threads");
	image_free(image);
	return NULL;
}

static void late_destructors_pin(void **state)
{
	struct so so = so_of("late_destructor", 1);
	struct late late = { .loader = fixture_loader("prelinked"), .so = &so };
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 3; i++) {
		late.trace = 0;
		assert_int_equal(pthread_create(&thread, NULL, late_run, &late), 0);
		pthread_join(thread, NULL);
		assert_true(late.pinned);
		assert_int_equal(late.trace, 12); /* at unloading, then at the thread's end */
	}
	loader_close(late.loader);
}

static const char *name_of(struct image *image)
{
	struct elf_where where;
	void *address;

	assert_int_equal(image_symbol(image, "probe", &address, NULL), 0);
	assert_true(elf_where((uintptr_t)address, &where));
	return where.object;
}

/* Whole, of whatever length, and when the caller's is gone; also of an image that is not kept. */
static void names_are_kept(void **state)
{
	struct loader *loader = fixture_loader("prelinked");
	struct image *image = image_new(loader);
	struct so so = so_of("plain", 7), unkept = so_of("nodelete", 8);
	char name[600], copy[600];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(copy, name, sizeof(copy));
	so.path = copy;
	load(image, &so);
	assert_string_equal(name_of(image), name);
	image_unload(image);
	memset(copy, 'x', sizeof(copy) - 1);
	load(image, &so);
	assert_true(image->report.hit);
	assert_string_equal(name_of(image), name);
	image_unload(image);
	unkept.path = name;
	load(image, &unkept);
	assert_string_equal(name_of(image), name);
	image_free(image);
	loader_close(loader);
}

static void failures_leave_entries(void **state)
{
	struct loader *loader = fixture_loader("prelinked:entries=1");
	struct image *image = image_new(loader);
	struct so good = so_of("plain", 1), bad = so_of("writes_code", 2);
	struct err err = { "" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		load(image, &good);
		assert_false(image->report.hit);
		image_unload(image);
		assert_int_equal(image_load(image, &bad, NULL, &err), -ENOEXEC);
	}
	image_free(image);
	loader_close(loader);
	assert_int_equal(loader_open(&loader, "prelinked:entries=1000", &err), -EINVAL);
}

#define THREADS 4
#define ROUNDS 200

struct work {
	struct loader *loader;
	const struct so *so;
	unsigned int count;
	bool failed;
};

static void *in_thread(void *argument)
{
	struct work *work = argument;
	struct image *image = image_new(work->loader);

	for (int i = 0; i < ROUNDS && !work->failed; i++) {
		const struct so *so = &work->so[(unsigned int)i % work->count];
		void *address;

		if (image_load(image, so, NULL, NULL) < 0 ||
		    image_symbol(image, "probe", &address, NULL) < 0 ||
		    ((long (*)(void))(uintptr_t)address)() != 1001)
			work->failed = true;
		image_unload(image);
	}
	image_free(image);
	return NULL;
}

/* Fewer entries than threads times contents: hits, misses and evictions cross. */
static void threads_share_the_images(void **state)
{
	struct so objects[3] = { so_of("plain", 1), so_of("plain_packed", 2),
				 so_of("pages_64k", 3) };
	struct work work = { fixture_loader("prelinked:entries=4"), objects, 3, false };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_thread, &work), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(work.failed);
	loader_close(work.loader);
}

/* Parent and child both go on with what was kept before the fork, and with new content. */
static void fork_keeps_both_right(void **state)
{
	struct loader *loader = fixture_loader("prelinked:entries=1");
	struct image *image = image_new(loader);
	struct so one = so_of("plain", 1), two = so_of("absolute", 2);
	int status;
	pid_t pid;

	(void)state;
	load(image, &one);
	image_unload(image);
	pid = fork();
	assert_true(pid >= 0);
	for (int i = 0; i < 20; i++) {
		const struct so *so = i & 1 ? &two : &one;
		void *address;
		bool right;

		right = image_load(image, so, NULL, NULL) == 0 &&
			image_symbol(image, "probe", &address, NULL) == 0 &&
			((long (*)(void))(uintptr_t)address)() == (i & 1 ? 9536 : 1001);
		if (pid == 0 && !right)
			_exit(1);
		assert_true(right);
		image_unload(image);
	}
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	image_free(image);
	loader_close(loader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_content_is_kept),
		cmocka_unit_test(several_of_one_content),
		cmocka_unit_test(longest_unused_goes_first),
		cmocka_unit_test(memory_is_as_new),
		cmocka_unit_test(other_libraries_other_image),
		cmocka_unit_test(what_cannot_be_new_is_not_kept),
		cmocka_unit_test(late_destructors_pin),
		cmocka_unit_test(names_are_kept),
		cmocka_unit_test(failures_leave_entries),
		cmocka_unit_test(threads_share_the_images),
		cmocka_unit_test(fork_keeps_both_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
