/* By program headers alone, in whole pages: a mapping has no other borders. */
#include "bench/pieces.h"

#include "loaders/elf/file.h"

#include <unistd.h>

struct pieces {
	struct probe_piece *list;
	size_t count;
	uint64_t page;
};

static void piece_add(struct pieces *pieces, uint64_t begin, uint64_t end, enum smaps_part part)
{
	if (begin < end && pieces->count < PIECES_MAX)
		pieces->list[pieces->count++] = (struct probe_piece){ begin, end, part };
}

static uint64_t page_down(const struct pieces *pieces, uint64_t address)
{
	return address & ~(pieces->page - 1);
}

static uint64_t page_up(const struct pieces *pieces, uint64_t address)
{
	return page_down(pieces, address + pieces->page - 1);
}

/* RELRO first, which ld.so protects in whole pages; then what the file has, then zeros. */
static void writable_add(struct pieces *pieces, const struct elf_file *file,
			 const struct elf_segment *load)
{
	uint64_t begin = page_down(pieces, load->address);
	uint64_t filled = page_up(pieces, load->address + load->file_bytes);
	uint64_t end = page_up(pieces, load->address + load->memory_bytes);
	const struct elf_span *relro = &file->relro;

	if (relro->bytes && page_down(pieces, relro->address) == begin) {
		uint64_t until = page_down(pieces, relro->address + relro->bytes);

		piece_add(pieces, begin, until, SMAPS_RELRO);
		begin = until > begin ? until : begin;
	}
	piece_add(pieces, begin, filled, SMAPS_DATA);
	piece_add(pieces, filled > begin ? filled : begin, end, SMAPS_BSS);
}

size_t pieces_of(const struct so *so, struct probe_piece *ret_pieces)
{
	struct pieces pieces = { .list = ret_pieces, .page = (uint64_t)sysconf(_SC_PAGESIZE) };
	enum smaps_part constant = SMAPS_HEAD;
	struct elf_file file;

	if (elf_file_check(&file, so->bytes, so->size, NULL) < 0)
		return 0;
	for (size_t i = 0; i < file.load_count; i++) {
		const struct elf_segment *load = &file.loads[i];
		uint64_t begin = page_down(&pieces, load->address);
		uint64_t end = page_up(&pieces, load->address + load->memory_bytes);

		if (load->flags & PF_X) {
			piece_add(&pieces, begin, end, SMAPS_TEXT);
			constant = SMAPS_RODATA;
		} else if (load->flags & PF_W) {
			writable_add(&pieces, &file, load);
		} else {
			piece_add(&pieces, begin, end, constant);
		}
	}
	return pieces.count;
}
