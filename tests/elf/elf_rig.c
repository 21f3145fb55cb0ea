/* An arena, an object in it, what that answers. See elf_rig.h. */
#include "tests/elf/elf_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct elf_arena *rig_arena(struct elf_arena_options options)
{
	struct elf_arena *arena = NULL;
	struct err err = { "" };

	if (elf_arena_new(&arena, &options, &err) < 0)
		fail_msg("%s", err.text);
	return arena;
}

struct elf_object *rig_load(struct elf_arena *arena, const struct file_bytes *bytes,
			    const char *name)
{
	const struct elf_source source = {
		.bytes = bytes->bytes, .size = bytes->size, .name = name, .fd = -1
	};
	struct elf_object *object = NULL;
	struct err err = { "" };

	if (elf_object_load(arena, &source, &object, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return object;
}

void *rig_symbol(struct elf_object *object, const char *name)
{
	struct err err = { "" };
	void *address = NULL;

	if (elf_object_symbol(object, name, &address, &err) < 0)
		fail_msg("%s", err.text);
	return address;
}

long rig_call(struct elf_object *object)
{
	return ((long (*)(void))(uintptr_t)rig_symbol(object, "probe"))();
}
