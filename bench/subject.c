/* Reading an object under test and choosing what to call in it. See subject.h. */
#include "bench/subject.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 4096 /* considered for "did you mean" */

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#define HOST_MACHINE EM_NONE
#endif

/* The name of a function that others can look up, or NULL. */
static const char *function_name(const struct elf_file *elf, size_t i)
{
	const elf_sym *symbol = &elf->dynamic.symbols[i];
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);
	unsigned int binding = ELF64_ST_BIND(symbol->st_info);
	const char *name;

	if (symbol->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) ||
	    binding == STB_LOCAL || ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT)
		return NULL;
	name = elf_string(elf, symbol->st_name);
	return name && *name ? name : NULL;
}

/* The function called `wanted`, or the first one when it is NULL; NULL when there is none. */
static const char *function_find(const struct elf_file *elf, const char *wanted)
{
	size_t count = elf_symbol_count(elf);

	for (size_t i = 0; i < count; i++) {
		const char *name = function_name(elf, i);

		if (name && (!wanted || strcmp(name, wanted) == 0))
			return name;
	}
	return NULL;
}

static int symbol_missing(const struct subject *subject, const char *symbol, struct err *err)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	size_t symbols = elf_symbol_count(&subject->elf), count = 0;
	char hint[ERR_TEXT_BYTES];

	for (size_t i = 0; i < symbols && count < NAMES_MAX; i++) {
		names[count] = function_name(&subject->elf, i);
		count += names[count] != NULL;
	}
	names[count] = NULL;
	text_suggest(symbol, strlen(symbol), names, hint, sizeof(hint));
	return err_set(err, ENOENT, "%s: exports no function '%s'%s", subject->path, symbol,
		       hint[0] ? hint : " (see: soload inspect)");
}

static int symbol_choose(struct subject *subject, const char *symbol, bool call, struct err *err)
{
	const char *found = function_find(&subject->elf, symbol ? symbol : SUBJECT_ENTRY);

	if (symbol && !found)
		return symbol_missing(subject, symbol, err);
	subject->call = found && call;
	if (!found)
		found = function_find(&subject->elf, NULL);
	subject->symbol = found ? found : "";
	return 0;
}

static int machine_check(const struct subject *subject, struct err *err)
{
	char name[32];

	if (HOST_MACHINE == EM_NONE || subject->elf.machine == HOST_MACHINE)
		return 0;
	return err_set(err, ENOEXEC,
		       "%s: for %s, which this machine cannot run (see: soload inspect)",
		       subject->path, elf_machine_name(subject->elf.machine, name, sizeof(name)));
}

int subject_open(struct subject *subject, const char *path, const char *symbol, bool call,
		 struct err *err)
{
	int r;

	*subject = (struct subject){ .path = path, .label = path };
	r = file_load(path, &subject->file, err);
	if (r < 0)
		return r;
	r = elf_file_check(&subject->elf, subject->file.bytes, subject->file.size, err);
	if (r < 0)
		r = err_prefix(err, r, "%s", path);
	else
		r = machine_check(subject, err);
	if (r == 0)
		r = symbol_choose(subject, symbol, call, err);
	if (r < 0)
		subject_close(subject);
	return r;
}

void subject_close(struct subject *subject)
{
	file_unload(&subject->file);
}

int subject_beside(const char *program, char *path, size_t size, struct err *err)
{
	const char *slash = strrchr(program, '/');
	int n = snprintf(path, size, "%.*s/%s", slash ? (int)(slash - program) : 1,
			 slash ? program : ".", SUBJECT_DEFAULT);

	return n > 0 && (size_t)n < size
		       ? 0
		       : err_set(err, ENAMETOOLONG, "%s: too long a path", program);
}

int subject_default(char *path, size_t size, struct err *err)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		return err_sys(err, "where this program is; name an object with --so");
	self[length] = '\0';
	return subject_beside(self, path, size, err);
}
