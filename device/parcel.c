/* Packing and opening parcels. See parcel.h. */
#include "device/parcel.h"

#include "loaders/elf/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

size_t parcel_bytes_max(size_t object_bytes)
{
	/* Two pieces are at least PARCEL_ZEROS_MIN bytes apart, more than naming one takes. */
	return sizeof(struct parcel_head) + sizeof(struct parcel_piece) + object_bytes;
}

/* What a loader needs, copied: sections are named by nobody any more, and what lies between the
 * segments is zero. Returns its length. */
static size_t object_trim(const void *object, size_t size, uint8_t *ret_trimmed)
{
	struct elf_file file;
	Elf64_Ehdr header;
	size_t end;

	if (elf_file_check(&file, object, size, NULL) < 0) {
		memcpy(ret_trimmed, object, size);
		return size;
	}
	end = elf_loadable_bytes(&file);
	memset(ret_trimmed, 0, end);
	for (size_t i = 0; i < file.header_count; i++) {
		const elf_phdr *part = &file.headers[i];

		if (part->p_type != PT_NULL && part->p_offset <= end &&
		    part->p_filesz <= end - part->p_offset)
			memcpy(ret_trimmed + part->p_offset, file.bytes + part->p_offset,
			       part->p_filesz);
	}
	memcpy(ret_trimmed + ((const unsigned char *)file.headers - file.bytes), file.headers,
	       file.header_count * sizeof(*file.headers));
	memcpy(&header, object, sizeof(header));
	header.e_shoff = 0;
	header.e_shnum = 0;
	header.e_shstrndx = SHN_UNDEF;
	memcpy(ret_trimmed, &header, sizeof(header));
	return end;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Where the next piece begins, from `at` on, and where it ends: at a long run of zeros. */
static size_t piece_next(const uint8_t *bytes, size_t size, size_t at, size_t *ret_end)
{
	size_t begin, zeros = 0;

	while (size - at >= PARCEL_ZEROS_MIN && is_zero(bytes + at, PARCEL_ZEROS_MIN))
		at += PARCEL_ZEROS_MIN;
	while (at < size && bytes[at] == 0)
		at++;
	begin = at;
	for (; at < size && zeros < PARCEL_ZEROS_MIN; at++)
		zeros = bytes[at] == 0 ? zeros + 1 : 0;
	*ret_end = at - zeros;
	return begin;
}

static void pieces_copy(const uint8_t *bytes, size_t size, uint8_t *parcel, size_t *ret_bytes)
{
	struct parcel_head head = { .magic = PARCEL_MAGIC, .object_bytes = size };
	struct parcel_piece piece;
	uint8_t *at;
	size_t end = 0;

	for (size_t begin = 0; (begin = piece_next(bytes, size, begin, &end)) < size; begin = end) {
		piece = (struct parcel_piece){ .offset = begin, .bytes = end - begin };
		memcpy(parcel + sizeof(head) + head.piece_count++ * sizeof(piece), &piece,
		       sizeof(piece));
	}
	memcpy(parcel, &head, sizeof(head));
	at = parcel + sizeof(head) + head.piece_count * sizeof(piece);
	for (uint32_t i = 0; i < head.piece_count; i++) {
		memcpy(&piece, parcel + sizeof(head) + i * sizeof(piece), sizeof(piece));
		memcpy(at, bytes + piece.offset, piece.bytes);
		at += piece.bytes;
	}
	*ret_bytes = (size_t)(at - parcel);
}

int parcel_pack(const void *object, size_t size, void *parcel, struct parcel_size *ret_size,
		struct err *err)
{
	uint8_t *trimmed = malloc(size ? size : 1);

	if (!trimmed)
		return err_set(err, ENOMEM, "no memory to trim an object of %zu bytes", size);
	ret_size->object_bytes = object_trim(object, size, trimmed);
	pieces_copy(trimmed, ret_size->object_bytes, parcel, &ret_size->bytes);
	free(trimmed);
	return 0;
}

static int parcel_broken(const char *what, struct err *err)
{
	return err_set(err, EBADMSG, "the parcel is damaged: %s", what);
}

/* Each figure is read once, checked, and only then used. */
static int pieces_open(const uint8_t *pieces, uint32_t count, size_t left, uint8_t *object,
		       size_t object_bytes)
{
	const uint8_t *from = pieces + (size_t)count * sizeof(struct parcel_piece);
	size_t done = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct parcel_piece piece;

		memcpy(&piece, pieces + i * sizeof(piece), sizeof(piece));
		if (piece.offset < done || piece.offset > object_bytes ||
		    piece.bytes > object_bytes - piece.offset || piece.bytes > left)
			return -EBADMSG;
		memset(object + done, 0, piece.offset - done);
		memcpy(object + piece.offset, from, piece.bytes);
		from += piece.bytes;
		left -= piece.bytes;
		done = piece.offset + piece.bytes;
	}
	memset(object + done, 0, object_bytes - done);
	return left == 0 ? 0 : -EBADMSG;
}

int parcel_unpack(const void *parcel, size_t bytes, void *object, size_t object_bytes,
		  struct err *err)
{
	struct parcel_head head;

	if (bytes < sizeof(head))
		return parcel_broken("it is shorter than its head", err);
	memcpy(&head, parcel, sizeof(head));
	if (head.magic != PARCEL_MAGIC)
		return parcel_broken("it is none", err);
	if (head.object_bytes != object_bytes)
		return parcel_broken("it holds an object of another size", err);
	bytes -= sizeof(head);
	if (head.piece_count > bytes / sizeof(struct parcel_piece))
		return parcel_broken("its list of pieces is longer than itself", err);
	if (pieces_open((const uint8_t *)parcel + sizeof(head), head.piece_count,
			bytes - head.piece_count * sizeof(struct parcel_piece), object,
			object_bytes) < 0)
		return parcel_broken("its pieces do not fit", err);
	return 0;
}
