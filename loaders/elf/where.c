/* The nearest symbol before an address, in the object the registry knows for it. See where.h. */
#include "loaders/elf/where.h"

#include "loaders/elf/object.h"
#include "loaders/elf/registry.h"
#include "loaders/elf/symbols.h"

static bool symbol_stands(const elf_sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return elf_symbol_defined(symbol) && symbol->st_shndx != SHN_ABS &&
	       (type == STT_FUNC || type == STT_OBJECT || type == STT_GNU_IFUNC);
}

/* Exported ones; of several at one address the first. */
static const elf_sym *symbol_before(const struct elf_file *file, uint64_t at)
{
	const elf_sym *symbols = file->dynamic.symbols, *found = NULL;
	size_t count = elf_symbol_count(file);

	for (size_t i = 1; i < count; i++) {
		if (symbol_stands(&symbols[i]) && symbols[i].st_value <= at &&
		    (!found || symbols[i].st_value > found->st_value))
			found = &symbols[i];
	}
	return found;
}

bool elf_where(uintptr_t address, struct elf_where *ret_where)
{
	const struct elf_object *object;
	struct elf_mapped mapped;
	const elf_sym *symbol;

	if (!elf_registry_find(address, &mapped))
		return false;
	object = mapped.object;
	*ret_where = (struct elf_where){ .base = object->base, .object = object->name };
	symbol = object->committed ? symbol_before(&object->file, address - object->base) : NULL;
	if (symbol) {
		ret_where->symbol = elf_string(&object->file, symbol->st_name);
		ret_where->symbol_address = object->base + symbol->st_value;
	}
	return true;
}
