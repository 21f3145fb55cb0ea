/* Conformance, the bad day: what cannot be loaded, and a process that runs out of what loading
 * takes. Always an error in words, nothing half done left behind, and the next load works. */
#include "tests/loaders/fixture.h"
#include "tests/loaders/leaks.h"
#include "tests/loaders/trial.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define BYTES_MAX (1 << 20)

/* Writes a bad object to `bytes`, which holds the good `answer_1` of `size` bytes; returns its
 * size. */
struct bad {
	const char *name;
	size_t (*make)(unsigned char *bytes, size_t size);
};

static size_t bad_empty(unsigned char *bytes, size_t size)
{
	(void)bytes;
	(void)size;
	return 0;
}

static size_t bad_garbage(unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	return size;
}

static size_t bad_script(unsigned char *bytes, size_t size)
{
	static const char script[] = "#!/bin/sh\necho no object\n";

	(void)size;
	memcpy(bytes, script, sizeof(script));
	return sizeof(script);
}

static size_t bad_magic_only(unsigned char *bytes, size_t size)
{
	(void)bytes;
	(void)size;
	return SELFMAG;
}

static size_t bad_header_only(unsigned char *bytes, size_t size)
{
	(void)bytes;
	(void)size;
	return sizeof(Elf64_Ehdr);
}

static size_t bad_cut_in_half(unsigned char *bytes, size_t size)
{
	(void)bytes;
	return size / 2;
}

static size_t bad_machine(unsigned char *bytes, size_t size)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)bytes;

	header->e_machine = header->e_machine == EM_X86_64 ? EM_AARCH64 : EM_X86_64;
	return size;
}

static size_t bad_class(unsigned char *bytes, size_t size)
{
	bytes[EI_CLASS] = ELFCLASS32;
	return size;
}

static size_t bad_byte_order(unsigned char *bytes, size_t size)
{
	bytes[EI_DATA] = ELFDATA2MSB;
	return size;
}

static size_t bad_type(unsigned char *bytes, size_t size)
{
	((Elf64_Ehdr *)(void *)bytes)->e_type = ET_REL;
	return size;
}

static size_t copy_fixture(unsigned char *bytes, const char *name)
{
	const struct so *so = fixture_so(name);

	memcpy(bytes, so->bytes, so->size < BYTES_MAX ? so->size : BYTES_MAX);
	return so->size;
}

static size_t bad_unresolved(unsigned char *bytes, size_t size)
{
	(void)size;
	return copy_fixture(bytes, "unresolved_data");
}

static size_t bad_needs_absent(unsigned char *bytes, size_t size)
{
	(void)size;
	return copy_fixture(bytes, "needs_absent");
}

static const struct bad bads[] = {
	{ "an empty object", bad_empty },
	{ "garbage", bad_garbage },
	{ "a script", bad_script },
	{ "four bytes", bad_magic_only },
	{ "only a header", bad_header_only },
	{ "an object cut in half", bad_cut_in_half },
	{ "another machine", bad_machine },
	{ "32 bits", bad_class },
	{ "another byte order", bad_byte_order },
	{ "a relocatable file", bad_type },
	{ "an undefined symbol", bad_unresolved },
	{ "a library that is not there", bad_needs_absent },
};

static int works(struct image *image)
{
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0 && result == 1);
	image_unload(image);
	return 0;
}

struct held {
	struct leaks leaks;
	unsigned int files;
};

static struct held held_now(const struct trial *trial)
{
	return (struct held){ leaks_now(), leaks_files(trial->folder) };
}

static int nothing_left(const struct trial *trial, struct image *image, const struct held *before)
{
	struct err err = { { 0 } };
	void *address;

	EXPECT(!image->loaded);
	EXPECT(image_symbol(image, "answer", &address, &err) == -EINVAL);
	EXPECT(leaks_none(&before->leaks) == 0);
	EXPECT(leaks_files(trial->folder) == before->files);
	return 0;
}

struct attempt {
	struct trial *trial;
	const struct bad *bad;
};

/* Twice, so that what a first failure leaves shows in the second. */
static int attempt_body(void *argument)
{
	static _Alignas(16) unsigned char bytes[BYTES_MAX];
	struct attempt *attempt = argument;
	const struct so *good = fixture_so("answer_1");
	struct image *image = image_new(attempt->trial->loader);
	struct so so = *good;
	struct held before;

	so.bytes = bytes;
	so.fd = -1;
	so.id = 4711;
	for (int i = 0; i < 2; i++) {
		struct err err = { { 0 } };

		memcpy(bytes, good->bytes, good->size);
		so.size = attempt->bad->make(bytes, good->size);
		before = held_now(attempt->trial);
		EXPECT(image_load(image, &so, NULL, &err) < 0);
		EXPECT(strlen(err.text) > 10);
		EXPECT(i == 0 || nothing_left(attempt->trial, image, &before) == 0);
	}
	/* policy=first keeps nothing of what failed either. */
	EXPECT(works(image) == 0);
	image_free(image);
	return 0;
}

/* Whoever is faithful to a flawed original hands the linker what kills it, as the original did. */
static bool may_crash(const struct trial *trial)
{
	unsigned int careful = LOADER_FRESH_EVERY_LOAD | LOADER_MANY_IMAGES;

	return !(trial->loader->caps & careful);
}

static int case_bad_objects(struct trial *trial)
{
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct attempt attempt = { trial, &bads[i] };
		int r = fixture_child(attempt_body, &attempt);

		if (may_crash(trial) && (r == -SIGBUS || r == -SIGSEGV))
			continue;
		if (r != 0)
			fprintf(stderr, "%s: %s: %d\n", trial->spec, bads[i].name, r);
		EXPECT(r == 0);
	}
	return 0;
}

struct limit {
	__rlimit_resource_t resource;
	rlim_t value;
};

static int under_limit(struct trial *trial, const struct limit *limit)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	struct rlimit old, low;
	struct held before;
	int r;

	fixture_so("answer_1");
	for (int i = 0; i < 3; i++)
		EXPECT(works(image) == 0);
	before = held_now(trial);
	EXPECT(getrlimit(limit->resource, &old) == 0);
	low = (struct rlimit){ .rlim_cur = limit->value, .rlim_max = old.rlim_max };
	EXPECT(setrlimit(limit->resource, &low) == 0);
	r = image_load(image, fixture_so("answer_1"), NULL, &err);
	EXPECT(setrlimit(limit->resource, &old) == 0);
	EXPECT(r == 0 || strlen(err.text) > 10);
	image_unload(image);
	EXPECT(nothing_left(trial, image, &before) == 0);
	EXPECT(works(image) == 0);
	image_free(image);
	return 0;
}

static int case_no_descriptor(struct trial *trial)
{
	int lowest = dup(0);
	struct limit limit = { RLIMIT_NOFILE, (rlim_t)lowest };

	EXPECT(lowest >= 0);
	close(lowest);
	return under_limit(trial, &limit);
}

static int case_no_file_space(struct trial *trial)
{
	struct limit limit = { RLIMIT_FSIZE, 4096 };

	signal(SIGXFSZ, SIG_IGN);
	EXPECT(under_limit(trial, &limit) == 0);
	limit.value = 0;
	return under_limit(trial, &limit);
}

static int case_no_address_space(struct trial *trial)
{
	struct limit limit = { RLIMIT_AS, 1 << 20 }; /* less than there is: every mmap() fails */

	if (SANITIZED) {
		fprintf(stderr, "skipped: a sanitizer cannot run out of address space\n");
		return CASE_SKIPPED;
	}
	return under_limit(trial, &limit);
}

static const struct trial_case cases[] = {
	{ "bad_objects", LOADER_EXECUTES, case_bad_objects },
	{ "no_descriptor", LOADER_EXECUTES, case_no_descriptor },
	{ "no_file_space", LOADER_EXECUTES, case_no_file_space },
	{ "no_address_space", LOADER_EXECUTES, case_no_address_space },
	{ 0 },
};

int main(void)
{
	return trial_run("loaders: failures", cases);
}
