/* soload inspect for people. See inspect_print.h. */
#include "bench/inspect_print.h"

#include "base/text.h"
#include "bench/prospects.h"
#include "bench/reloc_names.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 200
#define NEEDED_SHOWN 64

static void label(FILE *out, const char *text)
{
	fprintf(out, "  %-14s ", text);
}

/* A name of the object's, made harmless for a terminal. */
static void name_print(FILE *out, const char *before, const char *name)
{
	char text[NAME_BYTES];

	fprintf(out, "%s%s", before, anatomy_printable(name, text, sizeof(text)));
}

static void sizes_print(const struct anatomy *a, FILE *out)
{
	char file[16], load[16], memory[16];

	label(out, "size");
	fprintf(out, "%s file, %s of it loadable (%.1f %%), %s of address space\n",
		text_bytes(a->elf.size, file, sizeof(file)),
		text_bytes(a->load_bytes, load, sizeof(load)),
		100.0 * (double)a->load_bytes / (double)a->elf.size,
		text_bytes(a->memory_bytes, memory, sizeof(memory)));
	if (a->loadable_bytes < a->elf.size) {
		label(out, "");
		fprintf(out, "the first %zu bytes are enough to load it\n",
			(size_t)a->loadable_bytes);
	}
}

static void segments_print(const struct elf_file *elf, FILE *out)
{
	label(out, "segments");
	fprintf(out, "%10s %12s %12s %8s  %s\n", "offset", "in file", "in memory", "align", "may");
	for (size_t i = 0; i < elf->load_count; i++) {
		const struct elf_segment *s = &elf->loads[i];

		label(out, "");
		fprintf(out, "%#10" PRIx64 " %12" PRIu64 " %12" PRIu64 " %8" PRIu64 "  %s%s%s\n",
			s->offset, s->file_bytes, s->memory_bytes, s->align,
			s->flags & PF_R ? "r" : "-", s->flags & PF_W ? "w" : "-",
			s->flags & PF_X ? "x" : "-");
	}
	label(out, "page alignment");
	fprintf(out, "%" PRIu64 " bytes; pages of this machine have %ld\n", elf->align,
		sysconf(_SC_PAGESIZE));
	if (elf->relro.bytes) {
		label(out, "relro");
		fprintf(out, "%" PRIu64 " bytes become read-only after relocation\n",
			elf->relro.bytes);
	}
}

static void relocs_print(const struct anatomy *a, FILE *out)
{
	label(out, "relocations");
	fprintf(out, "%" PRIu64 "%s\n", a->reloc_total,
		a->elf.dynamic.text_relocations ? ", some in code (DT_TEXTREL)" : "");
	for (size_t i = 0; i < a->reloc_kinds; i++) {
		char name[32];

		label(out, "");
		fprintf(out, "%-28s %8" PRIu64 "\n",
			reloc_name(a->elf.machine, a->relocs[i].type, name, sizeof(name)),
			a->relocs[i].count);
	}
	if (a->relr_total) {
		label(out, "");
		fprintf(out, "%-28s %8" PRIu64 "\n", "relative, packed (DT_RELR)", a->relr_total);
	}
}

static void symbols_print(const struct anatomy *a, FILE *out)
{
	label(out, "symbols");
	fprintf(out, "%" PRIu64 " imports, %" PRIu64 " exports (%" PRIu64 " functions", a->imports,
		a->exports, a->functions);
	fprintf(out, a->ifuncs ? ", %" PRIu64 " of them chosen at load time)\n" : ")\n", a->ifuncs);
	label(out, "GNU-unique");
	fprintf(out, "%" PRIu64, a->unique);
	for (size_t i = 0; i < a->unique && i < ANATOMY_NAMES_MAX; i++)
		name_print(out, i ? ", " : ": ", a->unique_names[i]);
	fputs(a->unique > ANATOMY_NAMES_MAX ? ", ...\n" : "\n", out);
	label(out, "start and end");
	fprintf(out, "%" PRIu64 " constructors, %" PRIu64 " destructors\n", a->constructors,
		a->destructors);
}

static void names_print(const struct anatomy *a, enum anatomy_symbol kind, const char *title,
			FILE *out)
{
	for (uint64_t i = 0; i < a->symbols; i++) {
		const char *name;

		if (anatomy_symbol(a, i, &name) != kind)
			continue;
		label(out, title);
		name_print(out, "", name);
		fputc('\n', out);
		title = "";
	}
}

static void tls_print(const struct anatomy *a, FILE *out)
{
	static const struct {
		enum anatomy_tls model;
		const char *name;
	} models[] = {
		{ ANATOMY_TLS_GENERAL, "general-dynamic" },
		{ ANATOMY_TLS_DESC, "descriptors" },
		{ ANATOMY_TLS_INITIAL, "initial-exec" },
	};

	label(out, "thread-local");
	if (a->elf.tls.memory_bytes)
		fprintf(out, "%" PRIu64 " bytes, aligned to %" PRIu64, a->elf.tls.memory_bytes,
			a->elf.tls.align);
	else
		fputs("none of its own", out);
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		if (a->tls_models & models[i].model)
			fprintf(out, ", %s", models[i].name);
	}
	fputc('\n', out);
}

static void needs_print(const struct anatomy *a, FILE *out)
{
	const struct elf_dynamic *dynamic = &a->elf.dynamic;
	const unsigned char *id;
	size_t bytes = elf_build_id(&a->elf, &id);

	label(out, "needed");
	for (size_t i = 0; i < dynamic->needed_count && i < NEEDED_SHOWN; i++) {
		const char *name = elf_needed(&a->elf, i);

		name_print(out, i ? ", " : "", name ? name : "(outside of the string table)");
	}
	fputs(dynamic->needed_count > NEEDED_SHOWN ? ", ...\n"
	      : dynamic->needed_count		   ? "\n"
						   : "nothing\n",
	      out);
	if (a->libc_version[0]) {
		label(out, "");
		fprintf(out, "glibc %s or newer\n", a->libc_version);
	}
	if (dynamic->soname) {
		label(out, "soname");
		name_print(out, "", dynamic->soname);
		fputc('\n', out);
	}
	if (dynamic->runpath || dynamic->rpath) {
		label(out, "runpath");
		name_print(out, "", dynamic->runpath ? dynamic->runpath : dynamic->rpath);
		fputc('\n', out);
	}
	label(out, "build-id");
	for (size_t i = 0; i < bytes; i++)
		fprintf(out, "%02x", id[i]);
	fputs(bytes ? "\n" : "none\n", out);
}

static void prospect_print(void *context, const char *loader, enum prospect prospect,
			   const char *text)
{
	FILE *out = context;

	fprintf(out, "  %-14s %-8s %s\n", loader, prospect_name(prospect), text);
}

void inspect_print_text(const struct inspect_view *view, FILE *out)
{
	const struct anatomy *a = view->anatomy;
	char name[32];

	name_print(out, "", view->path);
	fputs("\n\n", out);
	label(out, "machine");
	fprintf(out, "%s\n", elf_machine_name(a->elf.machine, name, sizeof(name)));
	sizes_print(a, out);
	segments_print(&a->elf, out);
	relocs_print(a, out);
	symbols_print(a, out);
	if (view->symbols) {
		names_print(a, ANATOMY_SYMBOL_IMPORT, "imports", out);
		names_print(a, ANATOMY_SYMBOL_EXPORT, "exports", out);
	}
	tls_print(a, out);
	needs_print(a, out);
	fputs("\nWhat loaders will meet here:\n\n", out);
	prospects_visit(a, view->specs, prospect_print, out);
}
