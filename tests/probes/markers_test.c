/*
 * soload's own markers, as any tool finds them: notes in the program that name provider, marker and
 * three arguments each, and the nop at every one of their places.
 */
#include "probes/names.h"
#include "tests/built.h"

#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENTS 3 /* label, object, argument */
#define SDT_NOTE 3  /* n_type of a .note.stapsdt */

static Elf_Data *notes_find(Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t strings;

	assert_int_equal(elf_getshdrstrndx(elf, &strings), 0);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		assert_non_null(gelf_getshdr(section, &header));
		if (strcmp(elf_strptr(elf, strings, header.sh_name), ".note.stapsdt") == 0)
			return elf_getdata(section, NULL);
	}
	return NULL;
}

/* "8@%rax -4@%edx": each is a size, an @ and where it is. */
static unsigned int arguments_count(const char *text)
{
	unsigned int count = 0;

	for (; *text; text++)
		count += *text == '@';
	return count;
}

static void nop_check(const struct names_file *file, uint64_t address)
{
#ifdef __x86_64__
	static const unsigned char nop[] = { 0x90 };
#else
	static const unsigned char nop[] = { 0x1f, 0x20, 0x03, 0xd5 };
#endif
	uint64_t offset;
	size_t left;

	assert_int_equal(names_offset(file, address, &offset, &left), 0);
	assert_true(left >= sizeof(nop));
	assert_memory_equal((const unsigned char *)file->bytes.bytes + offset, nop, sizeof(nop));
}

/* `text` is provider, name and arguments, each with its NUL. */
static unsigned int note_check(const struct names_file *file, uint64_t address, const char *text)
{
	const char *name = text + strlen(text) + 1, *arguments = name + strlen(name) + 1;

	if (strcmp(text, "soload") != 0)
		return 0;
	assert_string_equal(name, "phase");
	assert_int_equal(arguments_count(arguments), ARGUMENTS);
	nop_check(file, address);
	return 1;
}

/* A phase is entered in many places, since entering one is inline: each has its note. */
static void every_phase_is_marked(void **state)
{
	struct names_file file;
	struct err err = { "" };
	unsigned int found = 0;
	size_t name, desc, at = 0;
	GElf_Nhdr note;
	Elf_Data *notes;

	(void)state;
#ifndef HAVE_SDT
	print_message("left out: built without sys/sdt.h\n");
	skip();
#endif
	assert_int_equal(names_open(&file, built_path("soload"), &err), 0);
	notes = notes_find(file.elf);
	assert_non_null(notes);
	while ((at = gelf_getnote(notes, at, &note, &name, &desc)) > 0) {
		const char *bytes = (const char *)notes->d_buf + desc;
		uint64_t address;

		assert_int_equal(note.n_type, SDT_NOTE);
		assert_true(note.n_descsz > 3 * sizeof(address));
		memcpy(&address, bytes, sizeof(address));
		found += note_check(&file, address, bytes + 3 * sizeof(address));
	}
	/* timeline_begin() alone would be one: loaders and device have theirs. */
	assert_true(found >= 10);
	names_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_phase_is_marked) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
