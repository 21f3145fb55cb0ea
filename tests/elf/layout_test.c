/*
 * Segments to page runs, for kernels of 4, 16 and 64 KB pages whatever this one has: everything a
 * segment holds lies in a run with its rights, and what cannot be is refused by its page.
 */
#include "base/file.h"
#include "loaders/elf/layout.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct file_bytes probe_open(const char *name, struct elf_file *ret_file)
{
	struct file_bytes bytes = built_bytes("fixtures/elf/%s.so", name);
	struct err err = { "" };

	if (elf_file_check(ret_file, bytes.bytes, bytes.size, &err) < 0)
		fail_msg("%s", err.text);
	return bytes;
}

/* Whether RELRO has taken the right to write from all of a run, which it only does to whole pages.
 */
static bool closed(const struct elf_file *file, const struct elf_run *run)
{
	return file->relro.bytes && run->end <= file->relro.address + file->relro.bytes;
}

static void run_suits(const struct elf_file *file, const struct elf_run *run,
		      const struct elf_segment *load)
{
	assert_int_not_equal(run->kind, ELF_RUN_HOLE);
	if (load->flags & PF_X)
		assert_int_equal(run->kind, ELF_RUN_CODE);
	if (load->flags & PF_W)
		assert_true(run->kind == ELF_RUN_WRITE ||
			    (run->kind == ELF_RUN_RELRO && closed(file, run)));
}

static void runs_are_sound(const struct elf_file *file, const struct elf_layout *layout)
{
	uint64_t at = layout->begin;

	assert_true(layout->begin <= file->begin && layout->end >= file->end);
	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		assert_true(run->begin == at && run->end > at);
		assert_int_equal(run->end % layout->page, 0);
		at = run->end;
		for (size_t k = 0; k < file->load_count; k++) {
			const struct elf_segment *load = &file->loads[k];

			if (load->address < run->end &&
			    load->address + load->memory_bytes > run->begin)
				run_suits(file, run, load);
		}
	}
	assert_true(at == layout->end);
}

/* Below the border nothing is written by the object, above it nothing else lies. */
static void border_parts(const struct elf_layout *layout)
{
	for (size_t i = 0; layout->border && i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		if (run->end <= layout->border)
			assert_int_not_equal(run->kind, ELF_RUN_WRITE);
		else
			assert_true(run->kind == ELF_RUN_WRITE || run->kind == ELF_RUN_HOLE);
		if (run->kind == ELF_RUN_RELRO)
			assert_true(run->begin >= layout->relro);
	}
}

static void plan_for(const char *name, bool border, uint64_t page)
{
	struct elf_layout layout;
	struct elf_file file;
	struct file_bytes bytes = probe_open(name, &file);
	struct err err = { "" };

	if (elf_layout_plan(&file, page, &layout, &err) < 0)
		fail_msg("%s, pages of %llu: %s", name, (unsigned long long)page, err.text);
	assert_int_equal(layout.page, page);
	assert_int_equal(layout.begin % page, 0);
	assert_int_equal(layout.align % page, 0);
	assert_true(layout.align >= file.align);
	runs_are_sound(&file, &layout);
	border_parts(&layout);
	assert_int_equal(layout.border != 0, border);
	file_unload(&bytes);
}

static void every_page_size(void **state)
{
	(void)state;
	for (uint64_t page = 4096; page <= 65536; page *= 4) {
		plan_for("pages_64k", true, page);
		plan_for("pages_2m", true, page);
		plan_for("nobits", true, page);
		plan_for("shared_pages", false, page);
	}
	plan_for("plain", true, 4096);
	plan_for("bss", true, 4096);
	plan_for("relro", true, 4096);
	plan_for("relro_off", true, 4096);
}

/* RELRO of a page that another size of page would leave writable, or not. */
static void relro_follows_the_page(void **state)
{
	struct elf_layout small, large;
	struct elf_file file;
	struct file_bytes bytes = probe_open("shared_pages", &file);
	struct err err = { "" };

	(void)state;
	assert_int_equal(file.relro.bytes, 65536);
	file.relro.bytes = 65535; /* the page it ends in stays writable */
	assert_int_equal(elf_layout_plan(&file, 4096, &small, &err), 0);
	assert_int_equal(elf_layout_plan(&file, 65536, &large, &err), 0);
	for (size_t i = 0; i < small.run_count; i++) {
		if (small.runs[i].kind == ELF_RUN_RELRO)
			assert_int_equal(small.runs[i].end - small.runs[i].begin, 65536 - 4096);
	}
	for (size_t i = 0; i < large.run_count; i++)
		assert_int_not_equal(large.runs[i].kind, ELF_RUN_RELRO);
	file_unload(&bytes);
}

#if defined(__x86_64__)
/* Linked for pages of 4 KB, where a larger one holds code and variables. */
static void shared_page_is_refused(void **state)
{
	struct elf_layout layout;
	struct elf_file file;
	struct file_bytes bytes = probe_open("plain", &file);
	struct err err = { "" };

	(void)state;
	assert_true(file.align < 65536 && file.end < 65536);
	assert_int_equal(elf_layout_plan(&file, 65536, &layout, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "share the page at 0x0 (pages of 64 KB"));
	file_unload(&bytes);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_size),
		cmocka_unit_test(relro_follows_the_page),
#if defined(__x86_64__)
		cmocka_unit_test(shared_page_is_refused),
#endif
	};

	return cmocka_run_group_tests_name("elf/layout", tests, NULL, NULL);
}
