/*
 * What one object leaves for the next, and how long it stays: slots hold no old bytes, an object
 * with destructors still to run is kept until they have run, and no longer.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HANGS_AFTER_S 30

/* Both lie in the same slot: one full of 0x55, then one whose constants are zero by having no bytes
 * in the file. */
static void no_old_bytes(struct elf_arena_options options)
{
	struct file_bytes filled = built_bytes("fixtures/elf/nobits_filled.so"),
			  empty = built_bytes("fixtures/elf/nobits.so");
	struct elf_arena *arena = rig_arena(options);
	struct elf_object *object = rig_load(arena, &filled, NULL);
	uintptr_t base = object->base;

	assert_int_equal(rig_call(object), 200001);
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	object = rig_load(arena, &empty, NULL);
	if (!options.fresh)
		assert_true(object->base == base);
	assert_int_equal(rig_call(object), 1);
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	elf_arena_free(arena);
	file_unload(&filled);
	file_unload(&empty);
}

static void slots_hold_no_old_bytes(void **state)
{
	(void)state;
	no_old_bytes((struct elf_arena_options){ .slots = 1 });
	no_old_bytes((struct elf_arena_options){ .slots = 1, .dualmap = true });
	no_old_bytes((struct elf_arena_options){ .fresh = true });
}

/* What is mapped from a file that lacks the end of the object would be a signal when touched. */
static void short_file_is_copied(void **state)
{
	struct file_bytes file = built_bytes("fixtures/elf/pages_64k.so");
	struct elf_arena *arena = rig_arena((struct elf_arena_options){ .slots = 1 });
	struct elf_source source = {
		.bytes = file.bytes, .size = file.size, .map = true, .offset = 4096
	};
	struct elf_object *object = NULL;

	(void)state;
	source.fd = memfd_create("object", MFD_CLOEXEC);
	assert_true(source.fd >= 0);
	assert_int_equal(pwrite(source.fd, file.bytes, file.size, source.offset), file.size);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(elf_object_load(arena, &source, &object, NULL, NULL), 0);
		assert_int_equal(object->place.direct, i == 0);
		assert_true(i == 0 || strstr(object->place.note, "not as long as the object"));
		assert_int_equal(rig_call(object), 1001);
		assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
		assert_int_equal(ftruncate(source.fd, source.offset + 4096), 0);
	}
	close(source.fd);
	elf_arena_free(arena);
	file_unload(&file);
}

/* The object's destructor makes a thread-local variable whose destructor is due when this thread
 * ends. */
struct late {
	struct elf_arena *arena;
	struct file_bytes file;
	enum elf_unloaded unloaded;
	long trace;
};

static void *late_run(void *context)
{
	struct late *late = context;
	struct elf_object *object = rig_load(late->arena, &late->file, NULL);

	((void (*)(long *))(uintptr_t)rig_symbol(object, "probe_observe"))(&late->trace);
	late->unloaded = elf_object_unload(object);
	return NULL;
}

static void late_destructors_pin(void **state)
{
	struct late late = { .arena = rig_arena((struct elf_arena_options){ .slots = 1 }),
			     .file = built_bytes("fixtures/elf/late_destructor.so") };
	struct file_bytes plain = built_bytes("fixtures/elf/plain.so");
	struct elf_object *object;
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 3; i++) {
		late.trace = 0;
		assert_int_equal(pthread_create(&thread, NULL, late_run, &late), 0);
		pthread_join(thread, NULL);
		assert_int_equal(late.unloaded, ELF_PINNED_THREADS);
		assert_int_equal(late.trace, 12); /* at unloading, then at the thread's end */
	}
	/* Each went with its thread: the one slot is free. */
	object = rig_load(late.arena, &plain, NULL);
	assert_null(object->place.note);
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	elf_arena_free(late.arena);
	file_unload(&late.file);
	file_unload(&plain);
}

/* An object kept until a thread ends registers a further destructor when it goes at last: it stays
 * for that one, too. */
static void *kept_run(void *context)
{
	struct late *late = context;
	struct elf_object *object = rig_load(late->arena, &late->file, NULL);

	atomic_fetch_add(&object->pending, 1); /* as if a thread had one still to run */
	late->unloaded = elf_object_unload(object);
	((void (*)(long *))(uintptr_t)rig_symbol(object, "probe_observe"))(&late->trace);
	atomic_fetch_sub(&object->pending, 1);
	/* Reaps the first one: pinned once more. */
	object = rig_load(late->arena, &late->file, NULL);
	((void (*)(long *))(uintptr_t)rig_symbol(object, "probe_observe"))(&late->trace);
	assert_int_equal(late->trace, 1);
	(void)elf_object_unload(object);
	return NULL;
}

static void pinned_again_is_not_lost(void **state)
{
	struct late late = { .arena = rig_arena((struct elf_arena_options){ .slots = 2 }),
			     .file = built_bytes("fixtures/elf/late_destructor.so") };
	struct file_bytes plain = built_bytes("fixtures/elf/plain.so");
	struct elf_object *objects[2];
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, kept_run, &late), 0);
	pthread_join(thread, NULL);
	assert_int_equal(late.unloaded, ELF_PINNED_THREADS);
	assert_int_equal(late.trace, 1122); /* both at unloading, both at the thread's end */
	for (int i = 0; i < 2; i++) {	    /* both slots are free again */
		objects[i] = rig_load(late.arena, &plain, NULL);
		assert_null(objects[i]->place.note);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(elf_object_unload(objects[i]), ELF_UNLOADED);
	elf_arena_free(late.arena);
	file_unload(&late.file);
	file_unload(&plain);
}

/* What an object sees by dl_iterate_phdr() stays until it has seen it. */
typedef int visit_function(struct dl_phdr_info *info, size_t size, void *context);

struct visited {
	struct elf_arena *arenas[2];
	struct elf_object *visitor, *object;
	visit_function *at_object;
	pthread_t thread;
	atomic_bool reached, may_leave, gone;
	unsigned int header;
};

static int visited_find(struct dl_phdr_info *info, size_t size, void *context)
{
	struct visited *visited = context;

	if (atomic_load(&visited->reached) || info->dlpi_addr != visited->object->base)
		return 0;
	atomic_store(&visited->reached, true);
	return visited->at_object(info, size, context);
}

static void *visitor_run(void *context)
{
	struct visited *visited = context;
	int (*visit)(visit_function *, void *) = (int (*)(visit_function *, void *))(
		uintptr_t)rig_symbol(visited->visitor, "probe_visit");

	visit(visited_find, visited);
	return NULL;
}

static void flag_await(atomic_bool *flag, int milliseconds)
{
	while (milliseconds-- > 0 && !atomic_load(flag))
		usleep(1000);
}

static struct visited visited_begin(visit_function *at_object)
{
	struct file_bytes visitor = built_bytes("fixtures/elf/visits.so"),
			  plain = built_bytes("fixtures/elf/plain.so");
	struct visited visited = {
		.arenas = { rig_arena((struct elf_arena_options){ .slots = 1 }),
			    rig_arena((struct elf_arena_options){ .fresh = true }) },
		.at_object = at_object,
	};

	visited.visitor = rig_load(visited.arenas[0], &visitor, NULL);
	visited.object = rig_load(visited.arenas[1], &plain, NULL);
	file_unload(&visitor);
	file_unload(&plain);
	alarm(HANGS_AFTER_S);
	return visited;
}

static void visited_end(struct visited *visited)
{
	alarm(0);
	assert_true(atomic_load(&visited->reached));
	assert_int_equal(elf_object_unload(visited->visitor), ELF_UNLOADED);
	elf_arena_free(visited->arenas[0]);
	elf_arena_free(visited->arenas[1]);
}

static void *object_unload(void *context)
{
	struct visited *visited = context;

	(void)elf_object_unload(visited->object);
	atomic_store(&visited->gone, true);
	return NULL;
}

static int unloaded_meanwhile(struct dl_phdr_info *info, size_t size, void *context)
{
	struct visited *visited = context;

	(void)size;
	if (pthread_create(&visited->thread, NULL, object_unload, visited) != 0)
		return 1;
	flag_await(&visited->gone, 300);
	visited->header = info->dlpi_phdr[0].p_type;
	return 0;
}

static void what_is_visited_stays(void **state)
{
	struct visited visited = visited_begin(unloaded_meanwhile);

	(void)state;
	visitor_run(&visited);
	pthread_join(visited.thread, NULL);
	assert_true(atomic_load(&visited.gone));
	assert_int_equal(visited.header, PT_LOAD);
	visited_end(&visited);
}

static int visitor_exits(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)info;
	(void)size;
	pthread_exit(context);
}

/* Who left by another way than returning is not waited for. */
static void visits_end_with_their_thread(void **state)
{
	struct visited visited = visited_begin(visitor_exits);
	void *left;

	(void)state;
	assert_int_equal(pthread_create(&visited.thread, NULL, visitor_run, &visited), 0);
	pthread_join(visited.thread, &left);
	assert_ptr_equal(left, &visited);
	assert_int_equal(elf_object_unload(visited.object), ELF_UNLOADED);
	visited_end(&visited);
}

static int visitor_waits(struct dl_phdr_info *info, size_t size, void *context)
{
	struct visited *visited = context;

	(void)info;
	(void)size;
	flag_await(&visited->may_leave, INT_MAX);
	return 0;
}

/* Nor is a visitor that a forked process does not have. */
static void visits_do_not_fork(void **state)
{
	struct visited visited;
	int status;
	pid_t child;

	(void)state;
#if defined(__SANITIZE_THREAD__)
	skip(); /* its own locks do not survive a fork of many threads */
#endif
	visited = visited_begin(visitor_waits);
	assert_int_equal(pthread_create(&visited.thread, NULL, visitor_run, &visited), 0);
	flag_await(&visited.reached, INT_MAX);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(HANGS_AFTER_S);
		_exit(elf_object_unload(visited.object) != ELF_UNLOADED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	atomic_store(&visited.may_leave, true);
	pthread_join(visited.thread, NULL);
	assert_int_equal(elf_object_unload(visited.object), ELF_UNLOADED);
	visited_end(&visited);
}

/* 200 MB of thread-local variables where there is no memory for them: an error, and again when
 * asked again; with memory, an address. */
static void tls_enlarge(struct file_bytes *file)
{
	struct elf_file checked;
	struct err err = { "" };

	assert_int_equal(elf_file_check(&checked, file->bytes, file->size, &err), 0);
	for (size_t i = 0; i < checked.header_count; i++) {
		elf_phdr header = checked.headers[i];

		if (header.p_type != PT_TLS)
			continue;
		header.p_memsz = 200 << 20;
		memcpy((unsigned char *)file->bytes +
			       ((const unsigned char *)&checked.headers[i] - checked.bytes),
		       &header, sizeof(header));
	}
}

static int tls_without_memory(void)
{
	struct file_bytes file = built_bytes("fixtures/tls.so");
	struct elf_arena *arena = rig_arena((struct elf_arena_options){ .slots = 1 });
	struct rlimit old, low;
	struct elf_object *object;
	struct err err = { "" };
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	void *address = NULL;
	int r = 0;

	tls_enlarge(&file);
	object = rig_load(arena, &file, NULL);
	if (!statm || fscanf(statm, "%lu", &pages) != 1)
		return 1;
	fclose(statm);
	getrlimit(RLIMIT_AS, &old);
	low = (struct rlimit){ pages * (unsigned long)getpagesize() + (32 << 20), old.rlim_max };
	setrlimit(RLIMIT_AS, &low);
	address = malloc(200 << 20);
	if (address)
		return 77; /* an emulator: limits of addresses are not for its programs */
	for (int i = 0; i < 2; i++) {
		err.text[0] = '\0';
		r |= elf_object_symbol(object, "tls_exported", &address, &err) != -ENOMEM;
		r |= !strstr(err.text, "thread-local") || address;
	}
	setrlimit(RLIMIT_AS, &old);
	r |= elf_object_symbol(object, "tls_exported", &address, &err) != 0 ||
	     *(int *)address != 11;
	return r;
}

static void tls_memory_is_short(void **state)
{
	int status;
	pid_t child;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their own memory runs out first */
#endif
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(tls_without_memory());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_hold_no_old_bytes),
		cmocka_unit_test(short_file_is_copied),
		cmocka_unit_test(late_destructors_pin),
		cmocka_unit_test(pinned_again_is_not_lost),
		cmocka_unit_test(what_is_visited_stays),
		cmocka_unit_test(visits_end_with_their_thread),
		cmocka_unit_test(visits_do_not_fork),
		cmocka_unit_test(tls_memory_is_short),
	};

	return cmocka_run_group_tests_name("elf/lifetime", tests, NULL, NULL);
}
