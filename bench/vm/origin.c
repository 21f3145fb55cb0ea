/* Kernel, emulator, object and C library of a count, as words. See origin.h. */
#include "bench/vm/origin.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static int file_hash(const char *path, uint64_t *ret_hash, struct err *err)
{
	struct file_bytes file;
	int r = file_load(path, &file, err);

	if (r < 0)
		return r;
	*ret_hash = XXH64(file.bytes, file.size, 0);
	file_unload(&file);
	return 0;
}

/* "QEMU emulator version 7.2.22 (Debian …)": the number. */
static int qemu_version(char *ret_version, size_t size, struct err *err)
{
	static const char before[] = "version ";
	char line[256] = "", *at;
	FILE *out = popen(GUEST_QEMU " --version", "re");

	if (!out)
		return err_sys(err, GUEST_QEMU);
	if (!fgets(line, sizeof(line), out))
		line[0] = '\0';
	pclose(out);
	at = strstr(line, before);
	if (!at)
		return err_set(err, EIO, GUEST_QEMU " --version names no version");
	at += strlen(before);
	snprintf(ret_version, size, "%.*s", (int)strcspn(at, " \n"), at);
	return 0;
}

int origin_find(struct origin *ret_origin, const struct guest_options *guest, const char *object,
		struct err *err)
{
	struct origin origin = { .object = 0 };
	char path[PATH_MAX];
	int r = qemu_version(origin.qemu, sizeof(origin.qemu), err);

	snprintf(path, sizeof(path), "%s/lib/libc.so.6", guest->parts);
	if (r == 0)
		r = file_hash(object, &origin.object, err);
	if (r == 0)
		r = file_hash(path, &origin.libc, err);
	if (r == 0)
		*ret_origin = origin;
	return r;
}

void origin_print(const struct origin *origin, FILE *out)
{
	fprintf(out, "kernel=%s qemu=%s object=%016" PRIx64 " libc=%016" PRIx64, origin->kernel,
		origin->qemu, origin->object, origin->libc);
}

/* The next word, without what follows; NULL = there is none. */
static const char *word_next(const char *at, size_t *ret_length)
{
	at += strspn(at, " ");
	*ret_length = strcspn(at, " ");
	return *ret_length ? at : NULL;
}

bool origin_differs(const char *its, const char *ours, char *ret_words, size_t size)
{
	size_t a, b;
	const char *x = word_next(its, &a), *y = word_next(ours, &b);

	for (; x && y; x = word_next(x + a, &a), y = word_next(y + b, &b)) {
		size_t name = strcspn(y, "= ");

		if (a == b && memcmp(x, y, a) == 0)
			continue;
		if (name < a && name < b && memcmp(x, y, name + 1) == 0)
			snprintf(ret_words, size, "its %.*s is %.*s, not %.*s", (int)name, y,
				 (int)(a - name - 1), x + name + 1, (int)(b - name - 1),
				 y + name + 1);
		else
			snprintf(ret_words, size, "it does not say its %.*s", (int)name, y);
		return true;
	}
	if (!x && !y)
		return false;
	snprintf(ret_words, size, "it does not say where it was counted");
	return true;
}
