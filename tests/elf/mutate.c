/* The mutator: where a field is, is found through the project's own views before the first damage.
 */
#include "tests/elf/mutate.h"

#include "base/random.h"
#include "loaders/elf/file.h"

#include <string.h>

struct mutator {
	struct elf_file file;
	unsigned char *bytes;
	size_t *size;
	uint64_t state;
};

static uint64_t below(struct mutator *mutator, uint64_t bound)
{
	return bound ? random_next(&mutator->state) % bound : 0;
}

/* A value of the kind that breaks loaders: extremes, near misses, other parts of the file. */
static uint64_t nasty(struct mutator *mutator, uint64_t old)
{
	static const uint64_t extremes[] = {
		0,
		1,
		7,
		8,
		0x7f,
		0xff,
		0xfff,
		0x1000,
		0xffff,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffffff,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xfffffffffffff000,
		0xfffffffffffffff8,
		0xffffffffffffffff,
	};
	const struct elf_file *file = &mutator->file;

	switch (below(mutator, 8)) {
	case 0:
		return extremes[below(mutator, sizeof(extremes) / sizeof(extremes[0]))];
	case 1:
		return old + below(mutator, 33) - 16;
	case 2:
		return old ^ UINT64_C(1) << below(mutator, 64);
	case 3:
		return below(mutator, file->end + 4096);
	case 4:
		return file->size - below(mutator, 64);
	case 5:
		return old + (UINT64_C(1) << below(mutator, 40));
	case 6:
		return old - (UINT64_C(1) << below(mutator, 40));
	default:
		return random_next(&mutator->state);
	}
}

static void field_damage(struct mutator *mutator, size_t offset, size_t bytes)
{
	uint64_t value = 0;

	if (offset > *mutator->size || bytes > *mutator->size - offset)
		return;
	memcpy(&value, mutator->bytes + offset, bytes);
	value = nasty(mutator, value);
	memcpy(mutator->bytes + offset, &value, bytes);
}

/* A word of a table that starts at a pointer into the bytes. */
static void table_damage(struct mutator *mutator, const void *table, size_t bytes, size_t word)
{
	size_t offset = (size_t)((const unsigned char *)table - mutator->bytes);

	if (table && bytes >= word)
		field_damage(mutator, offset + below(mutator, bytes / word) * word, word);
}

static void header_damage(struct mutator *mutator)
{
	static const unsigned char fields[][2] = { { 4, 1 },  { 5, 1 },	 { 16, 2 }, { 18, 2 },
						   { 20, 4 }, { 32, 8 }, { 54, 2 }, { 56, 2 } };
	size_t i = below(mutator, sizeof(fields) / sizeof(fields[0]));

	field_damage(mutator, fields[i][0], fields[i][1]);
}

static void segment_damage(struct mutator *mutator)
{
	size_t offset = (size_t)((const unsigned char *)mutator->file.headers - mutator->bytes);
	size_t field = below(mutator, 8);

	offset += below(mutator, mutator->file.header_count) * sizeof(Elf64_Phdr);
	if (field < 2)
		field_damage(mutator, offset + field * 4, 4); /* type, flags */
	else
		field_damage(mutator, offset + field * 8 - 8, 8);
}

static void dynamic_damage(struct mutator *mutator)
{
	const struct elf_dynamic *dynamic = &mutator->file.dynamic;

	table_damage(mutator, dynamic->entries, (dynamic->count + 1) * sizeof(Elf64_Dyn), 8);
}

static void relocation_damage(struct mutator *mutator)
{
	const struct elf_dynamic *dynamic = &mutator->file.dynamic;

	switch (below(mutator, 3)) {
	case 0:
		table_damage(mutator, dynamic->rela, dynamic->rela_count * sizeof(Elf64_Rela), 8);
		break;
	case 1:
		table_damage(mutator, dynamic->plt_rela,
			     dynamic->plt_rela_count * sizeof(Elf64_Rela), 8);
		break;
	default:
		table_damage(mutator, dynamic->relr, dynamic->relr_count * 8, 8);
	}
}

static void symbol_damage(struct mutator *mutator)
{
	const struct elf_dynamic *dynamic = &mutator->file.dynamic;
	size_t count = elf_symbol_count(&mutator->file);

	switch (below(mutator, 5)) {
	case 0:
		table_damage(mutator, dynamic->versions, count * 2, 2);
		break;
	case 1:
		table_damage(mutator, dynamic->version_needs,
			     dynamic->version_need_bytes < 256 ? dynamic->version_need_bytes : 256,
			     4);
		break;
	case 2:
		table_damage(mutator, dynamic->strings, dynamic->string_bytes, 1);
		break;
	default:
		table_damage(mutator, dynamic->symbols, count * sizeof(Elf64_Sym),
			     below(mutator, 2) ? 4 : 8);
	}
}

static void hash_damage(struct mutator *mutator)
{
	const struct elf_dynamic *dynamic = &mutator->file.dynamic;
	const struct elf_hash_gnu *gnu = &dynamic->gnu_hash;

	if (gnu->bucket_count && below(mutator, 2))
		table_damage(mutator, (const unsigned char *)gnu->bloom - 16,
			     16 + 8 * ((size_t)gnu->bloom_mask + 1) + 4 * (size_t)gnu->bucket_count,
			     4);
	else if (dynamic->hash.bucket_count)
		table_damage(
			mutator, (const unsigned char *)dynamic->hash.buckets - 8,
			8 + 4 * ((size_t)dynamic->hash.bucket_count + dynamic->hash.chain_count),
			4);
}

static void noise_damage(struct mutator *mutator)
{
	field_damage(mutator, below(mutator, *mutator->size), 1);
}

static void truncate_damage(struct mutator *mutator)
{
	*mutator->size = below(mutator, *mutator->size);
}

void elf_mutate(unsigned char *bytes, size_t *size, uint64_t seed)
{
	static void (*const damages[])(struct mutator *) = {
		header_damage,	   segment_damage, segment_damage, segment_damage,
		dynamic_damage,	   dynamic_damage, dynamic_damage, relocation_damage,
		relocation_damage, symbol_damage,  symbol_damage,  hash_damage,
		hash_damage,	   noise_damage,   segment_damage, relocation_damage,
	};
	struct mutator mutator = { .bytes = bytes, .size = size, .state = seed };
	uint64_t times = 1 + below(&mutator, 4);

	if (elf_file_check(&mutator.file, bytes, *size, NULL) < 0)
		return;
	for (; times; times--)
		damages[below(&mutator, sizeof(damages) / sizeof(damages[0]))](&mutator);
	if (below(&mutator, 16) == 0)
		truncate_damage(&mutator);
}
