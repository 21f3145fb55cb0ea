/*
 * One hostile object through the loader: check, map, relocate, remember, put back, look symbols
 * up, unload; in a slot written through the memory file, through the writable alias, or in a
 * mapping of its own, as its last bytes say.
 */
#include "tests/fuzz/target.h"

#include "loaders/elf/keep.h"
#include "loaders/elf/object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_TRIED 8
#define KEPT_BYTES_MAX (UINT64_C(8) << 20)

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static struct elf_arena *arena_of(unsigned int mode)
{
	static struct elf_arena *arenas[3];
	const struct elf_arena_options options = { .slots = 2,
						   .dualmap = mode == 1,
						   .fresh = mode == 2 };
	struct err err = { "" };

	if (!arenas[mode])
		must(elf_arena_new(&arenas[mode], &options, &err) == 0, err.text);
	return arenas[mode];
}

static int version_read(void *context, const struct elf_version *version)
{
	*(size_t *)context += strlen(version->name);
	return 0;
}

/* Everything that reads tables outside of a load. */
static void file_read(const uint8_t *bytes, size_t size)
{
	const unsigned char *build_id;
	struct elf_file file;
	size_t letters = 0;

	if (elf_file_check(&file, bytes, size, NULL) < 0)
		return;
	must(file.load_count > 0 && elf_loadable_bytes(&file) <= size, "loads lie in the file");
	(void)elf_versions(&file, version_read, &letters, NULL);
	(void)elf_symbol_count(&file);
	(void)elf_build_id(&file, &build_id);
	for (size_t i = 0; i < file.dynamic.needed_count && i < 64; i++) {
		const char *needed = elf_needed(&file, i);

		letters += needed ? strlen(needed) : 0;
	}
	must(letters < SIZE_MAX, "strings end");
}

static void symbols_try(struct elf_object *object)
{
	const struct elf_file *file = &object->file;
	size_t count = elf_symbol_count(file);
	void *address;

	(void)elf_object_symbol(object, "probe", &address, NULL);
	for (size_t i = 1; i < count && i <= SYMBOLS_TRIED; i++) {
		const char *name = elf_string(file, file->dynamic.symbols[i].st_name);

		if (name && ELF64_ST_TYPE(file->dynamic.symbols[i].st_info) != STT_TLS)
			(void)elf_object_symbol(object, name, &address, NULL);
	}
}

static void keep_try(struct elf_object *object)
{
	struct elf_keep keep;

	if (object->layout.end - object->layout.begin > KEPT_BYTES_MAX ||
	    elf_keep_new(object, &keep) < 0)
		return;
	for (size_t i = 0; i < keep.run_count; i++)
		memset(keep.runs[i].to, 0x5a, keep.runs[i].bytes);
	elf_keep_restore(&keep);
	elf_keep_free(&keep);
}

int fuzz_object(const uint8_t *bytes, size_t size)
{
	const struct elf_source source = {
		.bytes = bytes, .size = size, .name = "fuzz", .fd = -1, .unrun = true
	};
	unsigned int mode = size ? (bytes[size - 1] + (unsigned int)size) % 3 : 0;
	struct elf_object *object = NULL;
	struct err err = { "" };
	int r;

	file_read(bytes, size);
	r = elf_object_load(arena_of(mode), &source, &object, NULL, &err);
	if (r < 0) {
		must(err.text[0] != '\0', "a refusal says why");
		must(!object, "a refusal leaves the output alone");
		return 0;
	}
	symbols_try(object);
	keep_try(object);
	must(elf_object_unload(object) == ELF_UNLOADED, "what did not run is not pinned");
	return 1;
}
