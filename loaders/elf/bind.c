/*
 * Symbol to address, in the order of the ELF global scope: what the process offers first, then the
 * object's own definition, then the libraries it needs. Own definitions come first only where the
 * object says so: local, protected, hidden, or linked with -Bsymbolic.
 */
#include "loaders/elf/bind.h"

#include "loaders/elf/imports.h"
#include "loaders/elf/symbols.h"

#include <errno.h>
#include <string.h>

static int version_visit(void *context, const struct elf_version *version)
{
	struct bind *bind = context;

	if (version->index >= BIND_VERSIONS || version->base)
		return 0;
	if (bind->versions[version->index]) /* an object names each of its versions once */
		return 0;
	bind->versions[version->index] = elf_version_keep(version->name);
	/* A name that is not kept serves as well, it only cannot be cached. */
	if (!bind->versions[version->index])
		bind->versions[version->index] = version->name;
	return 0;
}

int bind_begin(struct bind *bind, struct elf_object *object, struct err *err)
{
	bind->object = object;
	bind->file = &object->file;
	bind->hint = 0;
	bind->memo_symbol = UINT32_MAX;
	bind->memo_indirect = false;
	bind->memo_address = 0;
	memset(bind->versions, 0, sizeof(bind->versions));
	if (!bind->file->dynamic.versions)
		return 0;
	return elf_versions(bind->file, version_visit, bind, err);
}

struct wanted {
	uint16_t index;
	const char *found;
};

static int wanted_visit(void *context, const struct elf_version *version)
{
	struct wanted *wanted = context;

	if (version->index != wanted->index || version->base)
		return 0;
	wanted->found = version->name;
	return 1;
}

static inline const char *version_of(const struct bind *bind, uint32_t symbol)
{
	const struct elf_dynamic *dynamic = &bind->file->dynamic;
	struct wanted wanted = { 0, NULL };

	if (symbol >= dynamic->version_max)
		return NULL;
	wanted.index = dynamic->versions[symbol] & 0x7fff;
	if (wanted.index < 2) /* local, global */
		return NULL;
	if (wanted.index < BIND_VERSIONS)
		return bind->versions[wanted.index];
	elf_versions(bind->file, wanted_visit, &wanted, NULL);
	return wanted.found;
}

/* Whether the object's own definition is the one that counts, whatever others define. */
static bool own_only(const struct bind *bind, const elf_sym *symbol)
{
	return ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ||
	       ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT ||
	       (bind->file->dynamic.symbolic && symbol->st_shndx != SHN_UNDEF);
}

static inline int symbol_get(const struct bind *bind, uint32_t index, const elf_sym **ret_symbol,
			     struct elf_name *ret_name, struct err *err)
{
	const elf_sym *symbol;

	if (index >= bind->file->dynamic.symbol_max)
		return err_set(err, ENOEXEC, "a relocation names symbol %u of %zu", index,
			       bind->file->dynamic.symbol_max);
	symbol = &bind->file->dynamic.symbols[index];
	ret_name->text = elf_string(bind->file, symbol->st_name);
	if (!ret_name->text)
		return err_set(err, ENOEXEC, "the name of symbol %u is outside the string table",
			       index);
	ret_name->room = bind->file->dynamic.string_bytes - symbol->st_name;
	ret_name->version = version_of(bind, index);
	*ret_symbol = symbol;
	return 0;
}

static int own_address(const struct bind *bind, const elf_sym *symbol, uintptr_t *ret_address,
		       bool *ret_indirect, struct err *err)
{
	const struct elf_file *file = bind->file;

	if (symbol->st_shndx == SHN_ABS) {
		*ret_address = symbol->st_value;
		return 0;
	}
	/* Linkers put marks like _end right behind the last byte. */
	if (symbol->st_value > file->end)
		return err_set(err, ENOEXEC, "symbol '%s' is defined outside the object",
			       elf_string(file, symbol->st_name));
	*ret_address = bind->object->base + symbol->st_value;
	*ret_indirect = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
	return 0;
}

static int name_missing(const struct elf_name *name, struct err *err)
{
	return err_set(err, ENOENT, "undefined symbol '%.200s%s%.100s'", name->text,
		       name->version ? "@" : "", name->version ? name->version : "");
}

static inline int address_find(struct bind *bind, uint32_t index, uintptr_t *ret_address,
			       bool *ret_indirect, struct err *err)
{
	const elf_sym *symbol = NULL;
	struct elf_name name;
	uintptr_t address = 0;
	enum elf_found found;
	int r = symbol_get(bind, index, &symbol, &name, err);

	if (r < 0)
		return r;
	*ret_indirect = false;
	if (own_only(bind, symbol) && symbol->st_shndx != SHN_UNDEF)
		return own_address(bind, symbol, ret_address, ret_indirect, err);
	found = elf_import_find(bind->object->scope, &name, &bind->hint, &address);
	if (found == ELF_IN_GLOBAL || (found == ELF_IN_NEEDED && symbol->st_shndx == SHN_UNDEF)) {
		*ret_address = address;
		return 0;
	}
	if (symbol->st_shndx != SHN_UNDEF)
		return own_address(bind, symbol, ret_address, ret_indirect, err);
	if (ELF64_ST_BIND(symbol->st_info) != STB_WEAK)
		return name_missing(&name, err);
	*ret_address = 0;
	return 0;
}

__attribute__((flatten)) int bind_address(struct bind *bind, uint32_t symbol,
					  uintptr_t *ret_address, bool *ret_indirect,
					  struct err *err)
{
	int r;

	if (symbol == 0) { /* the symbol that is none stands for address 0 of the object */
		*ret_address = bind->object->base;
		*ret_indirect = false;
		return 0;
	}
	if (symbol != bind->memo_symbol) {
		r = address_find(bind, symbol, &bind->memo_address, &bind->memo_indirect, err);
		bind->memo_symbol = r < 0 ? UINT32_MAX : symbol;
		if (r < 0)
			return r;
	}
	*ret_address = bind->memo_address;
	*ret_indirect = bind->memo_indirect;
	return 0;
}

static int own_tls(const struct bind *bind, uint64_t offset, struct bind_tls *ret_tls,
		   struct err *err)
{
	if (!bind->object->tls_module || offset > bind->file->tls.memory_bytes)
		return err_set(err, ENOEXEC,
			       "a thread-local variable lies outside the object's PT_TLS");
	ret_tls->module = bind->object->tls_module;
	ret_tls->offset = offset;
	return 0;
}

int bind_tls(struct bind *bind, uint32_t index, struct bind_tls *ret_tls, struct err *err)
{
	const elf_sym *symbol = NULL;
	struct elf_name name;
	enum elf_found found;
	int r;

	*ret_tls = (struct bind_tls){ 0, 0, 0 };
	if (index == 0)
		return own_tls(bind, 0, ret_tls, err);
	r = symbol_get(bind, index, &symbol, &name, err);
	if (r < 0)
		return r;
	if (own_only(bind, symbol) && symbol->st_shndx != SHN_UNDEF)
		return own_tls(bind, symbol->st_value, ret_tls, err);
	found = elf_import_find_tls(bind->object->scope, &name, &ret_tls->foreign,
				    &ret_tls->offset);
	if (found == ELF_IN_GLOBAL || (found == ELF_IN_NEEDED && symbol->st_shndx == SHN_UNDEF))
		return 0;
	*ret_tls = (struct bind_tls){ 0, 0, 0 };
	if (symbol->st_shndx != SHN_UNDEF)
		return own_tls(bind, symbol->st_value, ret_tls, err);
	if (ELF64_ST_BIND(symbol->st_info) != STB_WEAK)
		return name_missing(&name, err);
	return 0;
}
