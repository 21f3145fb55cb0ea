/* Freshness: what is compared, what cannot be, and that a judge never dies of what it judges. */
#include "base/clock.h"
#include "loaders/freshness.h"
#include "tests/loaders/fixture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static struct image *loaded(const char *spec, const struct so *so)
{
	struct image *image = image_new(fixture_loader(spec));
	struct err err = { { 0 } };

	if (image_load(image, so, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return image;
}

static void released(struct image *image)
{
	struct loader *loader = image->loader;

	image_free(image);
	loader_close(loader);
}

static enum freshness judged(const struct image *image, struct freshness_verdict *verdict)
{
	memset(verdict, 0xaa, sizeof(*verdict));
	freshness_check(image, verdict);
	assert_true(strlen(verdict->reason) > 10);
	assert_true(strlen(verdict->reason) < sizeof(verdict->reason));
	return verdict->freshness;
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(freshness_name(FRESHNESS_FRESH), "fresh");
	assert_string_equal(freshness_name(FRESHNESS_REUSED), "reused");
	assert_string_equal(freshness_name(FRESHNESS_STALE), "stale");
	assert_string_equal(freshness_name(FRESHNESS_UNKNOWN), "unknown");
}

static void fresh_by_bytes_and_by_file(void **state)
{
	static const char *const specs[] = { "tmpfs", "tmpfs:trim", "memfd", "memfd:trim",
					     "memfd:naive" };
	static const char *const objects[] = { "answer_1", "answer_1_packed", "throws", "tls",
					       "nounique_1" };
	struct freshness_verdict verdict;

	(void)state;
	for (int i = 0; i < 25; i++) {
		struct image *image = loaded(specs[i / 5], fixture_so(objects[i % 5]));

		assert_int_equal(judged(image, &verdict), FRESHNESS_FRESH);
		assert_true(verdict.compared_bytes > 200);
		assert_true(verdict.mapped_ino == image->report.staged_ino);
		freshness_check_quick(image, &verdict);
		assert_int_equal(verdict.freshness, FRESHNESS_FRESH);
		assert_int_equal(verdict.compared_bytes, 0);
		released(image);
	}
}

static void nothing_mapped_is_unknown(void **state)
{
	struct image *image = loaded("null", fixture_so("answer_1"));
	struct freshness_verdict verdict;

	(void)state;
	assert_int_equal(judged(image, &verdict), FRESHNESS_UNKNOWN);
	image_unload(image);
	assert_int_equal(judged(image, &verdict), FRESHNESS_UNKNOWN);
	released(image);
}

/* One byte of a constant is enough; a byte of writable data is not seen, as the header says. */
static void one_byte_is_enough(void **state)
{
	const struct so *given = fixture_so("answer_1");
	struct image *image = loaded("memfd", given);
	struct freshness_verdict verdict;
	unsigned char *bytes = malloc(given->size);
	struct so other = *given;
	const int constant = 1000;
	unsigned char *at;

	(void)state;
	memcpy(bytes, given->bytes, given->size);
	other.bytes = bytes;
	image->so = &other;
	assert_int_equal(judged(image, &verdict), FRESHNESS_FRESH);
	at = memmem(bytes, given->size, &constant, sizeof(constant));
	assert_non_null(at);
	at[0]++;
	assert_int_equal(judged(image, &verdict), FRESHNESS_STALE);
	at[0]--;
	assert_int_equal(judged(image, &verdict), FRESHNESS_FRESH);
	image->so = given;
	free(bytes);
	released(image);
}

/* The object that was sent is larger than the old image that answers: nothing is read beyond it. */
static void larger_object_against_smaller_image(void **state)
{
	struct image *image = loaded("memfd", fixture_so("answer_1"));
	struct freshness_verdict verdict;

	(void)state;
	image->so = fixture_so("throws");
	assert_int_equal(judged(image, &verdict), FRESHNESS_STALE);
	image->so = fixture_so("answer_1");
	image->report.base = 4096; /* nothing is mapped there */
	assert_int_equal(judged(image, &verdict), FRESHNESS_STALE);
	assert_int_equal(verdict.mapped_ino, 0);
	released(image);
}

static void text_relocations(void **state)
{
	struct image *image = loaded("memfd", fixture_so("textrel"));
	struct freshness_verdict verdict;

	(void)state;
	assert_int_equal(judged(image, &verdict), FRESHNESS_FRESH);
	assert_non_null(strstr(verdict.reason, "text relocations"));
	image->report.staged_ino = 0; /* nothing says which file was written */
	assert_int_equal(judged(image, &verdict), FRESHNESS_UNKNOWN);
	image->report.known_before = true;
	assert_int_equal(judged(image, &verdict), FRESHNESS_STALE);
	released(image);
}

static void unreadable_object_is_unknown(void **state)
{
	struct image *image = loaded("memfd", fixture_so("answer_1"));
	struct so garbage = { .bytes = "garbage", .size = 8, .fd = -1 };
	struct freshness_verdict verdict;

	(void)state;
	image->so = &garbage;
	assert_int_equal(judged(image, &verdict), FRESHNESS_UNKNOWN);
	released(image);
}

/* overlayfs and btrfs show other numbers in /proc/self/maps: then the bytes decide. */
static void inode_alone_is_no_proof_against(void **state)
{
	struct image *image = loaded("tmpfs", fixture_so("answer_1"));
	struct freshness_verdict verdict;

	(void)state;
	image->report.staged_ino++;
	freshness_check_quick(image, &verdict);
	assert_int_equal(verdict.freshness, FRESHNESS_FRESH);
	assert_true(verdict.compared_bytes > 0);
	image->so = fixture_so("answer_2");
	freshness_check_quick(image, &verdict);
	assert_int_equal(verdict.freshness, FRESHNESS_STALE);
	released(image);
}

static int refused_body(void *argument)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct image *image = loaded("memfd", fixture_so("answer_1"));
	struct freshness_verdict verdict;
	int r = fixture_filter(program, sizeof(program) / sizeof(program[0]));
	uintptr_t base;

	(void)argument;
	if (r != 0)
		return r;
	EXPECT(judged(image, &verdict) == FRESHNESS_FRESH);
	EXPECT(verdict.compared_bytes > 200);
	image->so = fixture_so("answer_2");
	EXPECT(judged(image, &verdict) == FRESHNESS_STALE);
	image->so = fixture_so("throws"); /* larger than what is mapped: nothing is read beyond */
	EXPECT(judged(image, &verdict) == FRESHNESS_STALE);
	image->so = fixture_so("answer_1");
	base = image->report.base;
	image->report.base = 4096;
	EXPECT(judged(image, &verdict) == FRESHNESS_STALE);
	image->report.base = base;
	released(image);
	return 0;
}

/* As in a container without CAP_SYS_PTRACE, or under an emulator that has no such call. */
static void works_without_process_vm_readv(void **state)
{
	(void)state;
	fixture_passes(refused_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(fresh_by_bytes_and_by_file),
		cmocka_unit_test(nothing_mapped_is_unknown),
		cmocka_unit_test(one_byte_is_enough),
		cmocka_unit_test(larger_object_against_smaller_image),
		cmocka_unit_test(text_relocations),
		cmocka_unit_test(unreadable_object_is_unknown),
		cmocka_unit_test(inode_alone_is_no_proof_against),
		cmocka_unit_test(works_without_process_vm_readv),
	};

	clock_start();
	return cmocka_run_group_tests_name("loaders: freshness", tests, NULL, NULL);
}
