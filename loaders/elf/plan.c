/* A short list of plans, looked through from the first: by a key of sizes, then byte by byte. */
#include "loaders/elf/plan.h"

#include <stdlib.h>
#include <string.h>

#define PLANS_MAX 64
#define KEPT_BYTES_MAX (4 << 20)
#define ASKED_MIN 8
#define BYTES_PER_NAME 128 /* looking a name up costs what comparing some hundred bytes does */
#define BYTES_FREE 4096
#define STALE_LOADS 256 /* a plan nobody needed meanwhile makes room for another */

/* The first word of a symbol is all that is asked about it: name, type, binding, visibility, and
 * whether it is defined. Its value and size are each object's own. */
_Static_assert(offsetof(Elf64_Sym, st_value) == 8, "a symbol's head is its first eight bytes");

/* What of an object the answers depend on. */
struct tables {
	const unsigned char *strings, *versions, *needs, *defs;
	size_t string_bytes, version_bytes, need_bytes, def_bytes;
};

struct kept {
	struct elf_plan plan;
	uint32_t scope;
	bool symbolic;
	uint64_t used; /* the load that used it last */
	size_t bytes;
	struct tables tables;
	uint64_t *heads;
};

static struct {
	struct kept *kept[PLANS_MAX];
	size_t count, bytes;
	uint64_t loads, moves;
} plans = { .moves = 1 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool heads_equal(const uint64_t *heads, const elf_sym *symbols, size_t count)
{
	uint64_t head, differing = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(&head, &symbols[i], sizeof(head));
		differing |= head ^ heads[i];
	}
	return differing == 0;
}

static bool bytes_equal(const void *a, const void *b, size_t bytes)
{
	return bytes == 0 || memcmp(a, b, bytes) == 0;
}

/* Of a table that may be longer than what is read of it. Where the kept object had none there must
 * be none: what it would say of the names is not in the answers. */
static bool table_fits(size_t kept_bytes, size_t bytes)
{
	return kept_bytes ? kept_bytes <= bytes : bytes == 0;
}

static bool kept_fits(const struct kept *kept, const struct elf_file *file)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	const struct tables *tables = &kept->tables;
	size_t count = kept->plan.count;

	return tables->string_bytes == dynamic->string_bytes && count <= dynamic->symbol_max &&
	       tables->version_bytes == 2 * smaller(dynamic->version_max, count) &&
	       table_fits(tables->need_bytes, dynamic->version_need_bytes) &&
	       table_fits(tables->def_bytes, dynamic->version_def_bytes) &&
	       heads_equal(kept->heads, dynamic->symbols, count) &&
	       bytes_equal(tables->strings, dynamic->strings, tables->string_bytes) &&
	       bytes_equal(tables->versions, dynamic->versions, tables->version_bytes) &&
	       bytes_equal(tables->needs, dynamic->version_needs, tables->need_bytes) &&
	       bytes_equal(tables->defs, dynamic->version_defs, tables->def_bytes);
}

void elf_plans_load(void)
{
	plans.loads++;
}

bool elf_plans_moved(uint64_t *stamp)
{
	bool moved = *stamp != plans.moves;

	*stamp = plans.moves;
	return moved;
}

struct elf_plan *elf_plan_find(const struct elf_file *file, const struct elf_scope *scope)
{
	for (size_t i = 0; i < plans.count; i++) {
		struct kept *kept = plans.kept[i];

		if (kept->scope == scope->id && kept->symbolic == file->dynamic.symbolic &&
		    kept_fits(kept, file)) {
			kept->used = plans.loads;
			return &kept->plan;
		}
	}
	return NULL;
}

/* Where the next plan goes, with room for so many bytes; PLANS_MAX = nowhere. */
static size_t place_find(size_t bytes)
{
	size_t oldest = 0;

	if (plans.count < PLANS_MAX && plans.bytes + bytes <= KEPT_BYTES_MAX)
		return plans.count;
	for (size_t i = 1; i < plans.count; i++) {
		if (plans.kept[i]->used < plans.kept[oldest]->used)
			oldest = i;
	}
	if (plans.count == 0 || plans.loads - plans.kept[oldest]->used < STALE_LOADS ||
	    plans.bytes - plans.kept[oldest]->bytes + bytes > KEPT_BYTES_MAX)
		return PLANS_MAX;
	return oldest;
}

static void kept_put(size_t at, struct kept *kept)
{
	if (at == plans.count)
		plans.count++;
	else
		plans.bytes -= plans.kept[at]->bytes;
	free(plans.kept[at]);
	plans.kept[at] = kept;
	plans.bytes += kept->bytes;
	plans.moves++;
}

/* What the answers depend on, of this object; its versions' tables must be whole. */
static int tables_view(const struct elf_file *file, size_t count, struct tables *ret_tables)
{
	const struct elf_dynamic *dynamic = &file->dynamic;

	*ret_tables = (struct tables){
		.strings = (const unsigned char *)dynamic->strings,
		.string_bytes = dynamic->string_bytes,
		.versions = (const unsigned char *)dynamic->versions,
		.version_bytes = 2 * smaller(dynamic->version_max, count),
		.needs = dynamic->version_needs,
		.defs = dynamic->version_defs,
	};
	return elf_versions_span(file, &ret_tables->need_bytes, &ret_tables->def_bytes);
}

static const unsigned char *copied(unsigned char **at, const unsigned char *from, size_t bytes)
{
	unsigned char *to = *at;

	if (bytes)
		memcpy(to, from, bytes);
	*at += bytes;
	return to;
}

/* One piece of memory: the plan, its answers, its symbols' heads, copies of the tables. */
static struct kept *kept_make(const struct elf_file *file, const struct tables *tables,
			      size_t count, size_t bytes)
{
	struct kept *kept = calloc(1, bytes);
	unsigned char *at;

	if (!kept)
		return NULL;
	kept->plan.count = count;
	kept->plan.answers = (struct elf_answer *)(kept + 1);
	kept->heads = (uint64_t *)(kept->plan.answers + count);
	for (size_t i = 0; i < count; i++)
		memcpy(&kept->heads[i], &file->dynamic.symbols[i], sizeof(uint64_t));
	at = (unsigned char *)(kept->heads + count);
	kept->tables = *tables;
	kept->tables.strings = copied(&at, tables->strings, tables->string_bytes);
	kept->tables.versions = copied(&at, tables->versions, tables->version_bytes);
	kept->tables.needs = copied(&at, tables->needs, tables->need_bytes);
	kept->tables.defs = copied(&at, tables->defs, tables->def_bytes);
	kept->bytes = bytes;
	return kept;
}

struct elf_plan *elf_plan_make(const struct elf_file *file, const struct elf_scope *scope,
			       size_t count, size_t asked)
{
	const size_t worth = asked * BYTES_PER_NAME + BYTES_FREE;
	struct tables tables;
	size_t compared, bytes, place;
	struct kept *kept;

	if (asked < ASKED_MIN || count > worth || tables_view(file, count, &tables) < 0)
		return NULL;
	compared = count * sizeof(uint64_t) + tables.string_bytes + tables.version_bytes +
		   tables.need_bytes + tables.def_bytes;
	bytes = sizeof(*kept) + count * sizeof(struct elf_answer) + compared;
	if (compared > worth || bytes > KEPT_BYTES_MAX)
		return NULL;
	place = place_find(bytes);
	kept = place < PLANS_MAX ? kept_make(file, &tables, count, bytes) : NULL;
	if (!kept)
		return NULL;
	kept->scope = scope->id;
	kept->symbolic = file->dynamic.symbolic;
	kept->used = plans.loads;
	kept_put(place, kept);
	return &kept->plan;
}

void elf_plans_forget(void)
{
	for (size_t i = 0; i < plans.count; i++) {
		free(plans.kept[i]);
		plans.kept[i] = NULL;
	}
	plans.count = 0;
	plans.bytes = 0;
	plans.moves++;
}
