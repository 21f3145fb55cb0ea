/* Real code is called: zlib, sqlite3, libcrypto and C++ through elf compute what they do through
 * dlopen. */
#include "base/clock.h"
#include "base/file.h"
#include "loaders/loader.h"
#include "tests/built.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A library opened both ways; `symbol` answers from the side that is asked. */
struct both {
	void *handle;
	struct file_bytes file;
	struct so so;
	struct loader *loader;
	struct image *image;
};

typedef uintptr_t (*lookup)(const struct both *both, const char *name);

static struct err err;

static uintptr_t by_dlopen(const struct both *both, const char *name)
{
	return (uintptr_t)dlsym(both->handle, name);
}

static uintptr_t by_elf(const struct both *both, const char *name)
{
	void *address = NULL;

	if (image_symbol(both->image, name, &address, &err) < 0)
		fail_msg("%s", err.text);
	return (uintptr_t)address;
}

/* The path of a library that dlopen finds by its name. */
static bool both_open(struct both *both, const char *name)
{
	Dl_info where = { 0 };
	void *any;

	*both = (struct both){ 0 };
	both->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!both->handle)
		return false;
	any = dlsym(both->handle, "_init");
	if (strchr(name, '/'))
		where.dli_fname = name;
	else
		for (const char *const *known =
			     (const char *const[]){ "zlibVersion", "sqlite3_open", "SHA256", NULL };
		     *known && !where.dli_fname; known++) {
			any = dlsym(both->handle, *known);
			if (any)
				dladdr(any, &where);
		}
	assert_non_null(where.dli_fname);
	assert_int_equal(file_load(where.dli_fname, &both->file, &err), 0);
	both->so = (struct so){ .bytes = both->file.bytes,
				.size = both->file.size,
				.fd = -1,
				.path = where.dli_fname };
	assert_int_equal(loader_open(&both->loader, "elf", &err), 0);
	both->image = image_new(both->loader);
	if (image_load(both->image, &both->so, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return true;
}

static void both_close(struct both *both)
{
	image_free(both->image);
	loader_close(both->loader);
	file_unload(&both->file);
	dlclose(both->handle);
}

/* Calls `use` on both sides: equal answers, which are not all zero. */
static void compared(const char *name, void (*use)(const struct both *, lookup, char *, size_t))
{
	char expected[4096] = { 0 }, got[4096] = { 0 };
	struct both both;

	if (!both_open(&both, name)) {
		print_message("%s is not installed\n", name);
		skip();
	}
	use(&both, by_dlopen, expected, sizeof(expected));
	use(&both, by_elf, got, sizeof(got));
	assert_true(expected[0] != 0);
	assert_memory_equal(expected, got, sizeof(got));
	both_close(&both);
}

static void use_zlib(const struct both *both, lookup find, char *out, size_t size)
{
	typedef int (*code)(unsigned char *, unsigned long *, const unsigned char *, unsigned long);
	typedef unsigned long (*sum)(unsigned long, const unsigned char *, unsigned int);
	unsigned char text[20000], back[20000];
	unsigned long packed = size - 8, unpacked = sizeof(back);

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i % 97 + i / 1000);
	assert_int_equal(((code)find(both, "compress"))((unsigned char *)out + 8, &packed, text,
							sizeof(text)),
			 0);
	assert_int_equal(
		((code)find(both, "uncompress"))(back, &unpacked, (unsigned char *)out + 8, packed),
		0);
	assert_int_equal(unpacked, sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	snprintf(out, 8, "%lx", ((sum)find(both, "crc32"))(0, text, sizeof(text)) & 0xffffff);
}

static int row_take(void *context, int columns, char **values, char **names)
{
	char *out = context;

	(void)names;
	for (int i = 0; i < columns; i++)
		strcat(strcat(out, values[i] ? values[i] : "NULL"), i + 1 < columns ? "|" : "\n");
	return 0;
}

static void use_sqlite(const struct both *both, lookup find, char *out, size_t size)
{
	typedef int (*row)(void *, int, char **, char **);
	int (*open)(const char *, void **) =
		(int (*)(const char *, void **))find(both, "sqlite3_open");
	int (*exec)(void *, const char *, row, void *, char **) =
		(int (*)(void *, const char *, row, void *, char **))find(both, "sqlite3_exec");
	int (*close)(void *) = (int (*)(void *))find(both, "sqlite3_close");
	void *database = NULL;

	(void)size;
	assert_int_equal(open(":memory:", &database), 0);
	assert_int_equal(
		exec(database,
		     "create table t(a integer primary key, b text, c real);"
		     "with recursive n(i) as (select 1 union all select i+1 from n where i<50)"
		     "insert into t select i, printf('row %04d', i * 7), i / 8.0 from n;"
		     "create index t_b on t(b);"
		     "select count(*), sum(a), max(b), round(avg(c), 3) from t where b like '%4%';"
		     "select b, c from t order by b desc limit 3;",
		     row_take, out, NULL),
		0);
	assert_int_equal(close(database), 0);
}

static void use_crypto(const struct both *both, lookup find, char *out, size_t size)
{
	unsigned char *(*sha256)(const void *, size_t, unsigned char *) =
		(unsigned char *(*)(const void *, size_t, unsigned char *))find(both, "SHA256");
	int (*pbkdf2)(const char *, int, const void *, int, int, const void *, int, void *) =
		(int (*)(const char *, int, const void *, int, int, const void *, int, void *))find(
			both, "PKCS5_PBKDF2_HMAC");
	const void *(*sha512)(void) = (const void *(*)(void))find(both, "EVP_sha512");
	static const unsigned char empty[] = { 0xe3, 0xb0, 0xc4, 0x42 }; /* FIPS 180-4 */

	assert_true(size > 100);
	sha256("", 0, (unsigned char *)out);
	assert_memory_equal(out, empty, sizeof(empty));
	assert_int_equal(pbkdf2("password", 8, "salt", 4, 1000, sha512(), 64, out + 32), 1);
}

static void use_words(const struct both *both, lookup find, char *out, size_t size)
{
	long (*report)(const char *, char *, unsigned long) =
		(long (*)(const char *, char *, unsigned long))find(both, "words_report");

	assert_int_equal(report("tensor 12 queue, block; nothing", out, size), 14);
	assert_string_equal(out, "block (no weight for nothing) queue tensor +14");
}

static void zlib(void **state)
{
	(void)state;
	compared("libz.so.1", use_zlib);
}

static void sqlite(void **state)
{
	(void)state;
	compared("libsqlite3.so.0", use_sqlite);
}

static void crypto(void **state)
{
	(void)state;
	compared("libcrypto.so.3", use_crypto);
}

static void cxx(void **state)
{
	(void)state;
	compared(built_path("objects/words.so"), use_words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zlib),
		cmocka_unit_test(sqlite),
		cmocka_unit_test(crypto),
		cmocka_unit_test(cxx),
	};

	clock_start();
	return cmocka_run_group_tests_name("libraries/called", tests, NULL, NULL);
}
