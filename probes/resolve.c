/* Names of functions in an ELF file, and the offsets to probe. Untrusted bytes go through libelf.
 */
#include "probes/resolve.h"

#include "base/file.h"
#include "probes/names.h"
#include "probes/probe.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUG_ROOT "/usr/lib/debug"

#ifdef __x86_64__
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

bool resolve_emulated(const unsigned char *bytes, size_t size)
{
#ifdef __x86_64__
	unsigned char first;

	if (size < 2)
		return false;
	first = bytes[0] == 0x40 || bytes[0] == 0x41 ? bytes[1] : bytes[0];
	if (first >= 0x50 && first <= 0x57) /* push */
		return true;
	return bytes[0] == 0x90 || bytes[0] == 0xe8 || bytes[0] == 0xe9 || bytes[0] == 0xeb;
#else
	(void)bytes;
	return size >= 4;
#endif
}

/* An address becomes a file offset, and its first bytes are looked at. endbr64 is no instruction
 * the kernel emulates; what comes behind it may be. */
static void site_set(struct resolve_site *site, const struct names_file *file, uint64_t address,
		     enum resolve_source source)
{
	static const unsigned char endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const unsigned char *first;
	uint64_t offset;
	size_t left;

	if (names_offset(file, address, &offset, &left) < 0)
		return;
	first = (const unsigned char *)file->bytes.bytes + offset;
	*site = (struct resolve_site){ .address = address, .offset = offset, .source = source };
	site->stepped = !resolve_emulated(first, left);
	if (site->stepped && left > sizeof(endbr64) &&
	    memcmp(first, endbr64, sizeof(endbr64)) == 0 &&
	    resolve_emulated(first + sizeof(endbr64), left - sizeof(endbr64))) {
		site->offset += sizeof(endbr64);
		site->stepped = false;
	}
}

/* GCC renames the copies it makes of a function: x.constprop.0, x.isra.1. What it moves out of one
 * because it is seldom run (.part.0, .cold) is not the function. */
static bool name_matches(const char *symbol, const char *function)
{
	size_t length = strlen(function);

	if (strncmp(symbol, function, length) != 0)
		return false;
	symbol += length;
	if (strstr(symbol, ".cold") || strstr(symbol, ".part."))
		return false;
	return symbol[0] == '\0' || strncmp(symbol, ".constprop.", 11) == 0 ||
	       strncmp(symbol, ".isra.", 6) == 0;
}

struct step_search {
	const struct names_file *file;
	struct resolved *resolved;
	enum resolve_source source;
};

static void step_symbol(void *to, const char *name, uint64_t address)
{
	struct step_search *search = to;

	for (int step = 0; step < STEP_COUNT; step++) {
		const char *function = step_function((enum step)step);

		if (function[0] && name_matches(name, function) &&
		    search->resolved->sites[step].source < search->source)
			site_set(&search->resolved->sites[step], search->file, address,
				 search->source);
	}
}

/* What the markers of ld.so mean (glibc elf/rtld-debugger-interface.txt): coarser than functions.
 */
static void step_marker(void *to, const char *name, uint64_t address)
{
	static const struct {
		const char *marker;
		enum step step;
	} markers[] = {
		{ "map_start", STEP_FIND },
		{ "map_complete", STEP_BIND },
		{ "reloc_complete", STEP_INIT },
		{ "unmap_start", STEP_UNMAP },
	};
	struct step_search *search = to;

	for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++) {
		if (strcmp(name, markers[i].marker) == 0)
			site_set(&search->resolved->sites[markers[i].step], search->file, address,
				 RESOLVE_STAPSDT);
	}
}

static int debug_file_search(struct step_search *search, const char *root)
{
	const char *id = search->resolved->build_id;
	struct names_file file;
	char path[PATH_MAX], found[sizeof(search->resolved->build_id)];
	int r;

	if (strlen(id) < 3)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", root, id, id + 2);
	r = names_open(&file, path, NULL);
	if (r < 0)
		return r;
	names_build_id(&file, found, sizeof(found));
	if (strcmp(found, id) == 0)
		r = names_symbols(&file, SHT_SYMTAB, step_symbol, search);
	else
		r = -ESTALE;
	names_close(&file);
	return r;
}

static bool names_known(const struct resolved *resolved)
{
	return resolved->sites[STEP_OPEN].offset && resolved->sites[STEP_RELOCATE].offset;
}

static void steps_search(struct step_search *search, const char *root)
{
	const struct names_file *file = search->file;

	names_markers(file, "rtld", step_marker, search);
	search->source = RESOLVE_SYMTAB;
	names_symbols(file, SHT_SYMTAB, step_symbol, search);
	search->source = RESOLVE_DEBUGDATA;
	if (!names_known(search->resolved))
		names_debugdata(file, step_symbol, search);
	search->source = RESOLVE_DEBUG_FILE;
	if (!names_known(search->resolved))
		debug_file_search(search, root);
}

/* Where functions can be watched, the coarse markers would only cut their steps in two. */
static void steps_settle(struct resolved *resolved)
{
	bool fine = names_known(resolved) && !resolved->sites[STEP_RELOCATE].stepped;

	for (int step = 0; step < STEP_COUNT; step++) {
		struct resolve_site *site = &resolved->sites[step];

		if (fine && site->source == RESOLVE_STAPSDT)
			*site = (struct resolve_site){ 0 };
		resolved->stepped += site->offset && site->stepped;
		resolved->found += site->offset && !site->stepped;
	}
}

int resolve_steps(const char *path, const char *debug_root, struct resolved *ret_resolved,
		  struct err *err)
{
	struct names_file file;
	struct step_search search = { .file = &file, .resolved = ret_resolved };
	int r = names_open(&file, path, err);

	if (r < 0)
		return r;
	*ret_resolved = (struct resolved){ 0 };
	snprintf(ret_resolved->path, sizeof(ret_resolved->path), "%s", path);
	if (file.machine != MACHINE) {
		names_close(&file);
		return err_set(err, ENOEXEC, "%s is for another machine than this one", path);
	}
	names_build_id(&file, ret_resolved->build_id, sizeof(ret_resolved->build_id));
	steps_search(&search, debug_root ? debug_root : DEBUG_ROOT);
	steps_settle(ret_resolved);
	names_close(&file);
	return 0;
}

struct export_search {
	const struct names_file *file;
	const char *name;
	struct resolve_site *site;
};

static void export_symbol(void *to, const char *name, uint64_t address)
{
	struct export_search *search = to;

	if (strcmp(name, search->name) == 0)
		site_set(search->site, search->file, address, RESOLVE_DYNSYM);
}

int resolve_export(const char *path, const char *name, struct resolve_site *ret_site,
		   struct err *err)
{
	struct names_file file;
	struct export_search search = { .file = &file, .name = name, .site = ret_site };
	int r = names_open(&file, path, err);

	if (r < 0)
		return r;
	*ret_site = (struct resolve_site){ 0 };
	names_symbols(&file, SHT_DYNSYM, export_symbol, &search);
	names_close(&file);
	if (!ret_site->offset)
		return err_set(err, ENOENT, "%s exports no %s", path, name);
	return 0;
}
