/*
 * One hostile object through the loader: check, map, relocate, remember, put back, look symbols
 * up, unload; in a slot written through the memory file, through the writable alias, in a mapping
 * of its own, in one of the file it came in, or relocated ahead for a slot, as its last bytes say.
 */
#include "tests/fuzz/target.h"

#include "loaders/elf/keep.h"
#include "loaders/elf/object.h"
#include "loaders/elf/prelink.h"
#include "loaders/elf/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SYMBOLS_TRIED 8
#define KEPT_BYTES_MAX (UINT64_C(8) << 20)
#define TLS_BYTES_MAX (UINT64_C(1) << 20) /* each look-up of a variable makes a block of them */

enum mode { MODE_STRICT, MODE_DUALMAP, MODE_FRESH, MODE_MAP, MODE_AHEAD };

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static struct elf_arena *arena_of(unsigned int mode)
{
	static struct elf_arena *arenas[FUZZ_MODES];
	const struct elf_arena_options options = { .slots = 2,
						   .dualmap = mode == MODE_DUALMAP,
						   .fresh = mode == MODE_FRESH };
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

/* A file with these bytes; the same one every time. */
static int file_of(const uint8_t *bytes, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size,
	     "the bytes are in a file");
	return fd;
}

/* Relocates a copy for the first slot, as far as that goes: what became of a copy that was given up
 * is handed on as well, and so is a base it was never relocated for. The caller frees the copy. */
static uint8_t *relocate_ahead(struct elf_source *source, const struct elf_arena *arena)
{
	uint8_t *copy = malloc(source->size + 1);
	struct elf_prelink_target target, given;
	uint64_t base = 0, nowhere;
	struct elf_file file;
	size_t words;

	must(copy && elf_prelink_target(arena, 1, &target, NULL) == 0, "slots are told");
	memcpy(copy, source->bytes, source->size);
	source->bytes = copy;
	source->linked_at = target.slot_begin;
	if (elf_file_check(&file, copy, source->size, NULL) < 0)
		return copy;
	if (elf_prelink_base(&file, &target, 0, &base, NULL) == 0) {
		(void)elf_prelink(&file, base, copy, &words, NULL);
		source->linked_at = base;
	}
	if (source->size >= sizeof(given)) { /* figures from the other side may be anything, too */
		memcpy(&given, copy + source->size - sizeof(given), sizeof(given));
		(void)elf_prelink_base(&file, &given, 0, &nowhere, NULL);
	}
	return copy;
}

static void symbol_try(struct elf_object *object, const char *name)
{
	const elf_sym *symbol = elf_symbol_find(&object->file, name);
	uint64_t tls_bytes = object->file.tls.memory_bytes;
	void *address;

	if (symbol && ELF64_ST_TYPE(symbol->st_info) == STT_TLS) {
		if (tls_bytes > TLS_BYTES_MAX || object->file.tls.align > TLS_BYTES_MAX)
			return;
		if (elf_object_symbol(object, name, &address, NULL) == 0 &&
		    symbol->st_value < tls_bytes)
			*(volatile unsigned char *)address ^= 1; /* a sanitizer watches */
		return;
	}
	(void)elf_object_symbol(object, name, &address, NULL);
}

static void symbols_try(struct elf_object *object)
{
	const struct elf_file *file = &object->file;
	size_t count = elf_symbol_count(file);

	symbol_try(object, "probe");
	for (size_t i = 1; i < count && i <= SYMBOLS_TRIED; i++) {
		const char *name = elf_string(file, file->dynamic.symbols[i].st_name);

		if (name)
			symbol_try(object, name);
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
	struct elf_source source = {
		.bytes = bytes, .size = size, .name = "fuzz", .fd = -1, .unrun = true
	};
	unsigned int mode = size ? (bytes[size - 1] + (unsigned int)size) % FUZZ_MODES : 0;
	struct elf_object *object = NULL;
	struct err err = { "" };
	uint8_t *copy = NULL;
	int r;

	file_read(bytes, size);
	source.map = mode == MODE_MAP;
	if (source.map)
		source.fd = file_of(bytes, size);
	if (mode == MODE_AHEAD)
		copy = relocate_ahead(&source, arena_of(mode));
	r = elf_object_load(arena_of(mode), &source, &object, NULL, &err);
	free(copy); /* not needed any more, or a sanitizer knows */
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
