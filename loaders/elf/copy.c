/*
 * The object's bytes into memory: by memcpy where memory may be written, by one gathering system
 * call where it may not.
 */
#include "loaders/elf/arena.h"

#include <errno.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define PIECES_MAX 64
#define ZEROS_BYTES 4096
#define GAP_MAX (16 * ZEROS_BYTES) /* a longer gap between segments is skipped: nobody reads it */

static const unsigned char zeros[ZEROS_BYTES];

/* The part of a segment's bytes from `first` to `last` in [begin, end), empty when there is none.
 */
static struct elf_span part_clip(uint64_t first, uint64_t last, uint64_t begin, uint64_t end)
{
	uint64_t from = first > begin ? first : begin, to = last < end ? last : end;

	return (struct elf_span){ from, from < to ? to - from : 0 };
}

static struct elf_span file_part(const struct elf_segment *load, uint64_t begin, uint64_t end)
{
	return part_clip(load->address, load->address + load->file_bytes, begin, end);
}

/* What a segment has in memory and not in the file: zeroes. */
static struct elf_span zero_part(const struct elf_segment *load, uint64_t begin, uint64_t end)
{
	return part_clip(load->address + load->file_bytes, load->address + load->memory_bytes,
			 begin, end);
}

void elf_image_fill(const struct elf_file *file, uint64_t begin, uint64_t end, unsigned char *to,
		    enum elf_filled filled)
{
	uint64_t cursor = begin;

	if (begin == end)
		return;
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		struct elf_span part = file_part(load, begin, end), zero;

		if (filled == ELF_SEGMENTS && load->memory_bytes > load->file_bytes) {
			zero = zero_part(load, begin, end);
			memset(to + (zero.address - begin), 0, zero.bytes);
		}
		if (!part.bytes)
			continue;
		if (filled == ELF_ALL)
			memset(to + (cursor - begin), 0, part.address - cursor);
		memcpy(to + (part.address - begin),
		       file->bytes + load->offset + (part.address - load->address), part.bytes);
		cursor = part.address + part.bytes;
	}
	if (filled == ELF_ALL)
		memset(to + (cursor - begin), 0, end - cursor);
}

/* Pieces that follow each other in the file, written together. */
struct gather {
	const struct elf_output *output;
	uint64_t begin, end; /* addresses collected */
	int count;
	struct iovec pieces[PIECES_MAX];
};

static int gather_flush(struct gather *gather, struct err *err)
{
	struct iovec *piece = gather->pieces;
	uint64_t at = gather->begin - gather->output->zero;
	int count = gather->count;
	ssize_t n;

	while (count > 0) {
		n = pwritev(gather->output->fd, piece, count, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "write the object into its memory file");
		at += (uint64_t)n;
		for (; count > 0 && (size_t)n >= piece->iov_len; piece++, count--)
			n -= (ssize_t)piece->iov_len;
		if (count > 0) {
			piece->iov_base = (unsigned char *)piece->iov_base + n;
			piece->iov_len -= (size_t)n;
		}
	}
	gather->begin = gather->end;
	gather->count = 0;
	return 0;
}

static int gather_add(struct gather *gather, const void *bytes, uint64_t size, struct err *err)
{
	int r = gather->count == PIECES_MAX ? gather_flush(gather, err) : 0;

	if (r < 0 || size == 0)
		return r;
	gather->pieces[gather->count++] =
		(struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	gather->end += size;
	return 0;
}

static int gather_zeros(struct gather *gather, uint64_t to, struct err *err)
{
	int r = 0;

	for (uint64_t left = to - gather->end; left > 0 && r == 0; left = to - gather->end)
		r = gather_add(gather, zeros, left < ZEROS_BYTES ? left : ZEROS_BYTES, err);
	return r;
}

static int gather_gap(struct gather *gather, uint64_t to, struct err *err)
{
	int r;

	if (to - gather->end <= GAP_MAX)
		return gather_zeros(gather, to, err);
	r = gather_flush(gather, err);
	gather->begin = gather->end = to;
	return r;
}

static int gather_segment(struct gather *gather, const struct elf_file *file,
			  const struct elf_segment *load, uint64_t end, struct err *err)
{
	const struct elf_output *output = gather->output;
	struct elf_span part = file_part(load, output->begin, end);
	struct elf_span zero = zero_part(load, output->begin, end);
	int r = 0;

	if (part.bytes) {
		r = gather_gap(gather, part.address, err);
		if (r == 0)
			r = gather_add(gather,
				       file->bytes + load->offset + (part.address - load->address),
				       part.bytes, err);
	}
	if (r < 0 || output->zeroed || !zero.bytes)
		return r;
	r = gather_gap(gather, zero.address, err);
	return r < 0 ? r : gather_zeros(gather, zero.address + zero.bytes, err);
}

int elf_image_write(const struct elf_file *file, const struct elf_output *output, struct err *err)
{
	uint64_t code_end = output->scratch ? output->scratch_begin : output->end;
	struct gather gather;
	int r = 0;

	gather.output = output;
	gather.begin = gather.end = output->begin;
	gather.count = 0;
	for (size_t i = 0; i < file->load_count && r == 0; i++)
		r = gather_segment(&gather, file, &file->loads[i], code_end, err);
	if (r == 0)
		r = gather_gap(&gather, code_end, err);
	if (r == 0)
		r = gather_add(&gather, output->scratch, output->end - code_end, err);
	return r < 0 ? r : gather_flush(&gather, err);
}

bool elf_memory_refused(int r)
{
	return r == -ENOSYS || r == -EPERM || r == -EACCES || r == -EFBIG;
}

int elf_memory_file(uint64_t bytes, int *ret_fd, struct err *err)
{
	/* Mapping does not look at the mode bits, so "never to be executed by exec" is the right
	 * flag for a shared object, also under vm.memfd_noexec=2. Kernels before 6.3 do not know
	 * it. */
	int fd = memfd_create("soload", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	int r;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("soload", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "memfd_create");
	/* It counts for memory files too, and who goes beyond it gets a signal. */
	(void)getrlimit(RLIMIT_FSIZE, &limit);
	if (bytes > limit.rlim_cur)
		r = err_set(err, EFBIG, "a memory file of %llu bytes: RLIMIT_FSIZE allows %llu",
			    (unsigned long long)bytes, (unsigned long long)limit.rlim_cur);
	else if (ftruncate(fd, (off_t)bytes) < 0)
		r = err_sys(err, "size a memory file to %llu bytes", (unsigned long long)bytes);
	else
		r = 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
