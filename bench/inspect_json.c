/* soload inspect for programs. See inspect_print.h. */
#include "bench/inspect_print.h"

#include "bench/prospects.h"
#include "bench/reloc_names.h"

#include <elf.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 1024

/* Names of the object's may be no UTF-8: they are escaped as in the text. */
static json_t *name_json(const char *name)
{
	char text[NAME_BYTES];

	return name ? json_string(anatomy_printable(name, text, sizeof(text))) : json_null();
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, number(value));
}

static json_t *segments_json(const struct elf_file *elf)
{
	json_t *array = json_array();

	for (size_t i = 0; i < elf->load_count; i++) {
		const struct elf_segment *s = &elf->loads[i];
		char flags[4] = { s->flags & PF_R ? 'r' : '-', s->flags & PF_W ? 'w' : '-',
				  s->flags & PF_X ? 'x' : '-' };
		json_t *segment = json_object();

		set(segment, "offset", s->offset);
		set(segment, "address", s->address);
		set(segment, "file_bytes", s->file_bytes);
		set(segment, "memory_bytes", s->memory_bytes);
		set(segment, "align", s->align);
		json_object_set_new(segment, "flags", json_string(flags));
		json_array_append_new(array, segment);
	}
	return array;
}

static json_t *relocs_json(const struct anatomy *a)
{
	json_t *object = json_object();

	for (size_t i = 0; i < a->reloc_kinds; i++) {
		char name[32];

		set(object, reloc_name(a->elf.machine, a->relocs[i].type, name, sizeof(name)),
		    a->relocs[i].count);
	}
	if (a->relr_total)
		set(object, "RELR", a->relr_total);
	return object;
}

static json_t *symbols_json(const struct anatomy *a)
{
	json_t *object = json_object(), *names = json_array();

	set(object, "imports", a->imports);
	set(object, "exports", a->exports);
	set(object, "functions", a->functions);
	set(object, "ifuncs", a->ifuncs);
	set(object, "gnu_unique", a->unique);
	for (size_t i = 0; i < a->unique && i < ANATOMY_NAMES_MAX; i++)
		json_array_append_new(names, name_json(a->unique_names[i]));
	json_object_set_new(object, "gnu_unique_names", names);
	return object;
}

static json_t *names_json(const struct anatomy *a, enum anatomy_symbol kind)
{
	json_t *array = json_array();

	for (uint64_t i = 0; i < a->symbols; i++) {
		const char *name;

		if (anatomy_symbol(a, i, &name) == kind)
			json_array_append_new(array, name_json(name));
	}
	return array;
}

static json_t *tls_json(const struct anatomy *a)
{
	json_t *object = json_object(), *models = json_array();

	set(object, "bytes", a->elf.tls.memory_bytes);
	set(object, "align", a->elf.tls.memory_bytes ? a->elf.tls.align : 0);
	if (a->tls_models & ANATOMY_TLS_GENERAL)
		json_array_append_new(models, json_string("general-dynamic"));
	if (a->tls_models & ANATOMY_TLS_DESC)
		json_array_append_new(models, json_string("descriptors"));
	if (a->tls_models & ANATOMY_TLS_INITIAL)
		json_array_append_new(models, json_string("initial-exec"));
	json_object_set_new(object, "models", models);
	return object;
}

static void needs_add(json_t *object, const struct anatomy *a)
{
	const struct elf_dynamic *dynamic = &a->elf.dynamic;
	const unsigned char *id;
	size_t bytes = elf_build_id(&a->elf, &id);
	json_t *needed = json_array();
	char hex[129] = "";

	for (size_t i = 0; i < dynamic->needed_count; i++)
		json_array_append_new(needed, name_json(elf_needed(&a->elf, i)));
	for (size_t i = 0; i < bytes && i < sizeof(hex) / 2; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	json_object_set_new(object, "needed", needed);
	json_object_set_new(object, "soname", name_json(dynamic->soname));
	json_object_set_new(object, "runpath",
			    name_json(dynamic->runpath ? dynamic->runpath : dynamic->rpath));
	json_object_set_new(object, "build_id", bytes ? json_string(hex) : json_null());
	json_object_set_new(object, "glibc",
			    a->libc_version[0] ? json_string(a->libc_version) : json_null());
}

static void prospect_add(void *context, const char *loader, enum prospect prospect,
			 const char *text)
{
	json_t *array = context, *object = json_object();

	json_object_set_new(object, "loader", json_string(loader));
	json_object_set_new(object, "prospect", json_string(prospect_name(prospect)));
	json_object_set_new(object, "text", name_json(text));
	json_array_append_new(array, object);
}

int inspect_print_json(const struct inspect_view *view, FILE *out)
{
	const struct anatomy *a = view->anatomy;
	json_t *object = json_object(), *prospects = json_array();
	char name[32];
	int r;

	json_object_set_new(object, "path", name_json(view->path));
	json_object_set_new(object, "machine",
			    json_string(elf_machine_name(a->elf.machine, name, sizeof(name))));
	set(object, "file_bytes", a->elf.size);
	set(object, "load_bytes", a->load_bytes);
	set(object, "loadable_bytes", a->loadable_bytes);
	set(object, "memory_bytes", a->memory_bytes);
	set(object, "align", a->elf.align);
	set(object, "page_bytes", (uint64_t)sysconf(_SC_PAGESIZE));
	set(object, "relro_bytes", a->elf.relro.bytes);
	json_object_set_new(object, "segments", segments_json(&a->elf));
	set(object, "relocation_count", a->reloc_total);
	json_object_set_new(object, "relocations", relocs_json(a));
	json_object_set_new(object, "text_relocations",
			    json_boolean(a->elf.dynamic.text_relocations));
	json_object_set_new(object, "symbols", symbols_json(a));
	if (view->symbols) {
		json_object_set_new(object, "imports", names_json(a, ANATOMY_SYMBOL_IMPORT));
		json_object_set_new(object, "exports", names_json(a, ANATOMY_SYMBOL_EXPORT));
	}
	json_object_set_new(object, "tls", tls_json(a));
	set(object, "constructors", a->constructors);
	set(object, "destructors", a->destructors);
	json_object_set_new(object, "nodelete", json_boolean(a->nodelete));
	json_object_set_new(object, "executable_stack", json_boolean(a->elf.stack_executable));
	needs_add(object, a);
	prospects_visit(a, view->specs, prospect_add, prospects);
	json_object_set_new(object, "loaders", prospects);
	r = json_dumpf(object, out, JSON_INDENT(2));
	json_decref(object);
	fputc('\n', out);
	return r < 0 ? -ENOMEM : 0;
}
