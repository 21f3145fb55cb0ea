/*
 * What the system denies at one call: the linker puts the functions below in front of the C
 * library's. A load fails in words and works again, or goes on, or says what is lacking.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static struct {
	bool calloc, membarrier;
	unsigned int interruptions; /* of fallocate() */
} denied;

extern void *__real_calloc(size_t count, size_t bytes);
extern int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);
extern long __real_syscall(long number, ...);
void *__wrap_calloc(size_t count, size_t bytes);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes);
long __wrap_syscall(long number, ...);

void *__wrap_calloc(size_t count, size_t bytes)
{
	return denied.calloc ? NULL : __real_calloc(count, bytes);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	if (!denied.interruptions)
		return __real_fallocate(fd, mode, offset, bytes);
	denied.interruptions--;
	errno = EINTR;
	return -1;
}

long __wrap_syscall(long number, ...)
{
	long arguments[4];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number != SYS_membarrier || !denied.membarrier)
		return __real_syscall(number, arguments[0], arguments[1], arguments[2],
				      arguments[3]);
	errno = ENOSYS;
	return -1;
}

static struct file_bytes object_bytes;

static int bytes_load(void **state)
{
	(void)state;
	object_bytes = built_bytes("fixtures/elf/bare.so");
	return 0;
}

static int bytes_unload(void **state)
{
	(void)state;
	file_unload(&object_bytes);
	return 0;
}

static int load(struct elf_arena *arena, struct elf_object **ret_object, struct err *err)
{
	const struct elf_source source = { .bytes = object_bytes.bytes,
					   .size = object_bytes.size,
					   .fd = -1 };

	return elf_object_load(arena, &source, ret_object, NULL, err);
}

/* An object nobody could find by an address would not be kept for its threads' destructors. */
static void nobody_is_unregistered(void **state)
{
	enum { LOADED = 64 }; /* what the first block of the registry holds */
	struct elf_arena *arena = rig_arena((struct elf_arena_options){ .fresh = true });
	struct elf_object *objects[LOADED + 1];
	struct err err = { "" };

	(void)state;
	for (int i = 0; i < LOADED; i++)
		assert_int_equal(load(arena, &objects[i], &err), 0);
	denied.calloc = true;
	assert_int_equal(load(arena, &objects[LOADED], &err), -ENOMEM);
	denied.calloc = false;
	assert_non_null(strstr(err.text, "memory"));
	assert_int_equal(load(arena, &objects[LOADED], &err), 0);
	assert_true(objects[LOADED]->registry_entry >= 0);
	for (int i = 0; i <= LOADED; i++)
		assert_int_equal(elf_object_unload(objects[i]), ELF_UNLOADED);
	elf_arena_free(arena);
}

static void interruptions_are_passed_over(void **state)
{
	struct elf_arena *arena = rig_arena((struct elf_arena_options){ .slots = 1 });
	struct elf_object *object;
	struct err err = { "" };

	(void)state;
	denied.interruptions = 3;
	if (load(arena, &object, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(denied.interruptions, 0);
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	elf_arena_free(arena);
}

/* Where other threads must be told of new code and cannot be, every load into a slot says so. */
static void unheard_threads_are_mentioned(void **state)
{
	struct elf_arena *arena;
	struct elf_object *object;

	(void)state;
	denied.membarrier = true;
	arena = rig_arena((struct elf_arena_options){ .slots = 1 });
	denied.membarrier = false;
	assert_int_equal(load(arena, &object, NULL), 0);
#if defined(__x86_64__)
	assert_null(object->place.note); /* nothing has to be told */
#else
	assert_non_null(strstr(object->place.note, "membarrier"));
#endif
	assert_int_equal(elf_object_unload(object), ELF_UNLOADED);
	elf_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_unregistered),
		cmocka_unit_test(interruptions_are_passed_over),
		cmocka_unit_test(unheard_threads_are_mentioned),
	};

	return cmocka_run_group_tests_name("elf/denied", tests, bytes_load, bytes_unload);
}
