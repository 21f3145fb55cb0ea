/*
 * Symbol to address, in the order of the ELF global scope: what the process offers first, then the
 * object's own definition, then the libraries it needs. Own definitions come first only where the
 * object says so: local, protected, hidden, or linked with -Bsymbolic.
 */
#include "loaders/elf/bind.h"

#include "loaders/elf/arch.h"
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

static int versions_read(struct bind *bind, struct err *err)
{
	int r = 0;

	memset(bind->versions, 0, sizeof(bind->versions));
	if (bind->file->dynamic.versions)
		r = elf_versions(bind->file, version_visit, bind, err);
	bind->versions_read = r == 0;
	return r;
}

/* How many relocations of a table name symbols, and how many symbols there are up to the last.
 * Linkers put the RELATIVE entries, which may be a hundred thousand, before all others: from
 * behind. */
static void names_count(const struct elf_arch *arch, const elf_rela *table, size_t count,
			size_t *asked, size_t *symbols)
{
	while (count > 0 && table[count - 1].r_info != arch->relative) {
		size_t symbol = (size_t)(table[--count].r_info >> 32);

		*asked += symbol != 0;
		if (symbol >= *symbols)
			*symbols = symbol + 1;
	}
}

void bind_begin(struct bind *bind, struct elf_object *object)
{
	const struct elf_dynamic *dynamic = &object->file.dynamic;
	size_t asked = 0, symbols = 0;

	bind->object = object;
	bind->file = &object->file;
	bind->versions_read = false;
	bind->plan = NULL;
	bind->plans = 0;
	elf_plans_load();
	bind_again(bind);
	if (bind->plan)
		return;
	names_count(object->arch, dynamic->rela, dynamic->rela_count, &asked, &symbols);
	names_count(object->arch, dynamic->plt_rela, dynamic->plt_rela_count, &asked, &symbols);
	if (symbols <= dynamic->symbol_max)
		bind->plan = elf_plan_make(bind->file, object->scope, symbols, asked);
	(void)elf_plans_moved(&bind->plans); /* by this one */
}

void bind_again(struct bind *bind)
{
	if (elf_plans_moved(&bind->plans))
		bind->plan = elf_plan_find(bind->file, bind->object->scope);
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

static int version_of(struct bind *bind, uint32_t symbol, const char **ret_version, struct err *err)
{
	const struct elf_dynamic *dynamic = &bind->file->dynamic;
	struct wanted wanted = { 0, NULL };
	int r = bind->versions_read ? 0 : versions_read(bind, err);

	*ret_version = NULL;
	if (r < 0 || symbol >= dynamic->version_max)
		return r;
	wanted.index = dynamic->versions[symbol] & 0x7fff;
	if (wanted.index < 2) /* local, global */
		return 0;
	if (wanted.index < BIND_VERSIONS) {
		*ret_version = bind->versions[wanted.index];
		return 0;
	}
	r = elf_versions(bind->file, wanted_visit, &wanted, err);
	*ret_version = wanted.found;
	return r < 0 ? r : 0;
}

/* Whether the object's own definition is the one that counts, whatever others define. */
static bool own_only(const struct bind *bind, const elf_sym *symbol)
{
	return ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ||
	       ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT ||
	       (bind->file->dynamic.symbolic && symbol->st_shndx != SHN_UNDEF);
}

static int symbol_get(const struct bind *bind, uint32_t index, const elf_sym **ret_symbol,
		      struct err *err)
{
	if (index >= bind->file->dynamic.symbol_max)
		return err_set(err, ENOEXEC, "a relocation names symbol %u of %zu", index,
			       bind->file->dynamic.symbol_max);
	*ret_symbol = &bind->file->dynamic.symbols[index];
	return 0;
}

static int name_get(struct bind *bind, uint32_t index, struct elf_name *ret_name, struct err *err)
{
	const struct elf_dynamic *dynamic = &bind->file->dynamic;
	uint32_t at = dynamic->symbols[index].st_name;

	ret_name->text = elf_string(bind->file, at);
	if (!ret_name->text)
		return err_set(err, ENOEXEC, "the name of symbol %u is outside the string table",
			       index);
	ret_name->room = dynamic->string_bytes - at;
	return version_of(bind, index, &ret_name->version, err);
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

/* Whether another's definition counts, and not the object's own, should it have one. */
static bool is_elsewhere(enum elf_found found, const elf_sym *symbol)
{
	return found == ELF_IN_GLOBAL || (found == ELF_IN_NEEDED && symbol->st_shndx == SHN_UNDEF);
}

/* What others say of a name, and the plan from now on; but not what they said while libraries came
 * or went, and a later plan was made. */
static int name_look(struct bind *bind, uint32_t index, struct elf_answer *ret_answer,
		     struct err *err)
{
	const struct elf_scope *scope = bind->object->scope;
	struct elf_name name;
	const uint64_t since = elf_imports_since();
	enum elf_found found;
	int r = name_get(bind, index, &name, err);

	if (r < 0)
		return r;
	found = elf_import_find(scope, &name, &ret_answer->address);
	bind_again(bind);
	ret_answer->known = true;
	ret_answer->elsewhere = is_elsewhere(found, &bind->file->dynamic.symbols[index]);
	if (bind->plan && index < bind->plan->count && since == elf_imports_since())
		bind->plan->answers[index] = *ret_answer;
	return 0;
}

/* Of a symbol that others are asked for first, and do not have where the object does not either. */
static int name_absent(struct bind *bind, uint32_t index, uintptr_t *ret_address, struct err *err)
{
	struct elf_name name;
	int r = 0;

	if (ELF64_ST_BIND(bind->file->dynamic.symbols[index].st_info) != STB_WEAK) {
		r = name_get(bind, index, &name, err);
		return r < 0 ? r : name_missing(&name, err);
	}
	*ret_address = 0;
	return 0;
}

int bind_look(struct bind *bind, uint32_t index, uintptr_t *ret_address, bool *ret_indirect,
	      struct err *err)
{
	struct elf_answer answer = { .known = false };
	const elf_sym *symbol = NULL;
	int r;

	*ret_indirect = false;
	if (index == 0) { /* the symbol that is none stands for address 0 of the object */
		*ret_address = bind->object->base;
		return 0;
	}
	r = symbol_get(bind, index, &symbol, err);
	if (r < 0)
		return r;
	if (own_only(bind, symbol) && symbol->st_shndx != SHN_UNDEF)
		return own_address(bind, symbol, ret_address, ret_indirect, err);
	if (bind->plan && index < bind->plan->count)
		answer = bind->plan->answers[index];
	if (!answer.known)
		r = name_look(bind, index, &answer, err);
	if (r < 0)
		return r;
	if (answer.elsewhere) {
		*ret_address = answer.address;
		return 0;
	}
	if (symbol->st_shndx != SHN_UNDEF)
		return own_address(bind, symbol, ret_address, ret_indirect, err);
	return name_absent(bind, index, ret_address, err);
}

bool bind_own_indirect(const struct bind *bind, uint32_t index)
{
	const elf_sym *symbol = &bind->file->dynamic.symbols[index];

	return index < bind->file->dynamic.symbol_max && symbol->st_shndx != SHN_UNDEF &&
	       ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
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
	uintptr_t absent;
	int r;

	*ret_tls = (struct bind_tls){ 0, 0, 0 };
	if (index == 0)
		return own_tls(bind, 0, ret_tls, err);
	r = symbol_get(bind, index, &symbol, err);
	if (r == 0)
		r = name_get(bind, index, &name, err);
	if (r < 0)
		return r;
	if (own_only(bind, symbol) && symbol->st_shndx != SHN_UNDEF)
		return own_tls(bind, symbol->st_value, ret_tls, err);
	found = elf_import_find_tls(bind->object->scope, &name, &ret_tls->foreign,
				    &ret_tls->offset);
	bind_again(bind);
	if (is_elsewhere(found, symbol))
		return 0;
	*ret_tls = (struct bind_tls){ 0, 0, 0 };
	if (symbol->st_shndx != SHN_UNDEF)
		return own_tls(bind, symbol->st_value, ret_tls, err);
	return name_absent(bind, index, &absent, err);
}
