/* Telling builds, objects and loaders apart. See side.h. */
#include "bench/side.h"

#include "base/file.h"
#include "loaders/elf/file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

const char *side_kind_word(enum side_kind kind)
{
	static const char *const words[] = { "loader", "object", "build" };

	return words[kind];
}

static bool is_elf(const struct file_bytes *file)
{
	return file->size > SELFMAG && memcmp(file->bytes, ELFMAG, SELFMAG) == 0;
}

/* What `word` names, without opening a loader; -ENOENT or -ENOEXEC in words. */
static int side_kind_of(const char *word, enum side_kind *ret_kind, struct err *err)
{
	struct file_bytes file = { 0 };
	struct elf_file elf;
	bool object, program;
	int r;

	*ret_kind = SIDE_LOADER;
	if (!strchr(word, '/'))
		return 0;
	r = file_load(word, &file, err);
	if (r < 0)
		return r;
	object = elf_file_check(&elf, file.bytes, file.size, NULL) == 0;
	program = object && (elf.interpreter || (elf.dynamic.flags_1 & DF_1_PIE));
	/* One that is linked to a fixed address is no object, but may be a build. A wrapper script
	 * is one, too. */
	if (!object && access(word, X_OK) == 0)
		program = true;
	if (!object && !program && !is_elf(&file))
		r = err_set(err, ENOEXEC,
			    "%s: neither a build of soload nor a shared object, and no loader's "
			    "name has a slash",
			    word);
	else if (!object && !program)
		r = err_set(err, ENOEXEC,
			    "%s: no 64-bit shared object, and not executable as a build would be",
			    word);
	else
		*ret_kind = program ? SIDE_BUILD : SIDE_OBJECT;
	file_unload(&file);
	return r;
}

int side_kind_both(const char *a, const char *b, enum side_kind *ret_kind, struct err *err)
{
	enum side_kind first, second;
	int r = side_kind_of(a, &first, err);

	if (r == 0)
		r = side_kind_of(b, &second, err);
	if (r < 0)
		return r;
	if (first != second)
		return err_set(err, EINVAL, "'%s' is a %s and '%s' a %s: both must be of one kind",
			       a, side_kind_word(first), b, side_kind_word(second));
	*ret_kind = first;
	return 0;
}
