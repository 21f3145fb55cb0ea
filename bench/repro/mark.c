/* Writing marks into objects. See mark.h. */
#include "bench/repro/mark.h"

#include "device/abi.h"
#include "loaders/elf/file.h"
#include "loaders/elf/symbols.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define CODE_BYTES_MAX 8

/* Returns the length of a function that returns `answer`, or 0 for an unknown machine. */
static size_t code_make(uint16_t machine, int32_t answer, unsigned char *ret_code)
{
	uint32_t words[2];

	if (machine == EM_X86_64) {
		ret_code[0] = 0xb8; /* mov eax, answer */
		memcpy(ret_code + 1, &answer, sizeof(answer));
		ret_code[5] = 0xc3; /* ret */
		return 6;
	}
	if (machine != EM_AARCH64)
		return 0;
	words[0] = 0x12800000u | ((uint32_t)~answer & 0xffffu) << 5; /* movn w0, #~answer */
	words[1] = 0xd65f03c0u;					     /* ret */
	memcpy(ret_code, words, sizeof(words));
	return sizeof(words);
}

/* Views are const because loaders only read: these are the caller's own bytes. */
static unsigned char *writable(void *bytes, const struct elf_file *file, const void *view)
{
	return (unsigned char *)bytes + ((const unsigned char *)view - file->bytes);
}

static int code_mark(void *bytes, const struct elf_file *file, unsigned int number, struct err *err)
{
	const elf_sym *symbol = elf_symbol_find(file, ABI_CONFIG_SYMBOL);
	unsigned char code[CODE_BYTES_MAX];
	size_t length = code_make(file->machine, mark_answer(number), code);
	const void *place;

	if (!symbol)
		return 0;
	place = length ? elf_bytes_at(file, symbol->st_value, length) : NULL;
	if (!place || symbol->st_size < length)
		return err_set(err, ENOTSUP, ABI_CONFIG_SYMBOL " has no room for a mark");
	memcpy(writable(bytes, file, place), code, length);
	return 1;
}

static bool build_id_mark(void *bytes, const struct elf_file *file, unsigned int number)
{
	const unsigned char *id = NULL;
	size_t length = elf_build_id(file, &id);
	uint32_t word = number;

	if (length < sizeof(word))
		return false;
	memcpy(writable(bytes, file, id + length - sizeof(word)), &word, sizeof(word));
	return true;
}

int mark_object(void *bytes, size_t size, unsigned int number, struct err *err)
{
	struct elf_file file;
	bool named;
	int r = elf_file_check(&file, bytes, size, err);

	if (r == 0 && number >= MARK_MAX)
		return err_set(err, EINVAL, "marks go from 0 to %d", MARK_MAX - 1);
	if (r < 0)
		return r;
	named = build_id_mark(bytes, &file, number);
	r = code_mark(bytes, &file, number, err);
	if (r == 0 && !named)
		return err_set(err, ENOTSUP,
			       "neither " ABI_CONFIG_SYMBOL
			       " nor a build-id: copies could not be told apart");
	return r;
}
