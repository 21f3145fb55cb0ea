/*
 * Map instead of copy: the caller's own file under the object's addresses. Cost follows the pages
 * that are touched, not the size. The file must not change while the object is loaded.
 */
#include "loaders/elf/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Whether the file holds that much behind its offset: a page behind its end is a signal. */
static bool file_holds(struct elf_backing backing, size_t bytes)
{
	struct stat status;

	return backing.offset >= 0 && fstat(backing.fd, &status) == 0 &&
	       status.st_size >= backing.offset &&
	       (uint64_t)(status.st_size - backing.offset) >= bytes;
}

/* Whether file pages and memory pages coincide, and no page is shared by two segments. */
static bool pages_coincide(const struct elf_file *file, const struct elf_layout *layout,
			   off_t offset)
{
	uint64_t page = layout->page, end = 0;

	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];

		if ((load->offset + (uint64_t)offset - load->address) & (page - 1) ||
		    (load->address & ~(page - 1)) < end)
			return false;
		if (load->memory_bytes > load->file_bytes && !(load->flags & PF_W))
			return false;
		end = (load->address + load->memory_bytes + page - 1) & ~(page - 1);
	}
	return true;
}

static int segment_map(const struct elf_segment *load, const struct elf_layout *layout,
		       struct elf_backing backing, struct elf_place *place, struct err *err)
{
	uint64_t page = layout->page, head = load->address & (page - 1);
	uintptr_t begin = place->base + load->address - head;
	uintptr_t file_end = place->base + load->address + load->file_bytes;
	uintptr_t page_end = (file_end + page - 1) & ~(page - 1);
	uintptr_t end = (place->base + load->address + load->memory_bytes + page - 1) & ~(page - 1);
	int protection = PROT_READ;

	if (load->flags & PF_W)
		protection |= PROT_WRITE;
	if (load->flags & PF_X)
		protection |= PROT_EXEC | (layout->guarded ? PROT_BTI : 0);
	if (load->file_bytes &&
	    mmap((void *)begin, page_end - begin, protection, MAP_PRIVATE | MAP_FIXED, backing.fd,
		 (off_t)(load->offset - head) + backing.offset) == MAP_FAILED) {
		place->note = "the file may not be mapped (how it was opened, a noexec mount, or "
			      "its file system): copied";
		return err_set(err, ENOTSUP, "%s", place->note);
	}
	if (!load->file_bytes)
		page_end = begin;
	if (end > page_end &&
	    mmap((void *)page_end, end - page_end, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return err_sys(err, "map the object's zeroed variables");
	if (load->flags & PF_W && load->file_bytes && page_end > file_end)
		memset((void *)file_end, 0, page_end - file_end);
	return 0;
}

int elf_direct_take(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_backing backing, struct elf_place *place, struct err *err)
{
	int r;

	place->note = NULL;
	if (!file_holds(backing, file->size))
		place->note = "the file to map is not as long as the object: copied";
	else if (!pages_coincide(file, layout, backing.offset))
		place->note = "its segments are not aligned to pages of the file: copied";
	if (place->note)
		return err_set(err, ENOTSUP, "%s", place->note);
	r = elf_place_reserve(layout, place, err);
	for (size_t i = 0; i < file->load_count && r == 0; i++) {
		r = segment_map(&file->loads[i], layout, backing, place, err);
		if (r < 0 || !(file->loads[i].flags & PF_W))
			continue;
		if (place->window_count == ELF_WINDOWS_MAX)
			r = err_set(err, ENOEXEC, "variables lie in more than %d segments",
				    ELF_WINDOWS_MAX);
		else
			place->windows[place->window_count++] = (struct elf_window){
				.begin = file->loads[i].address,
				.end = file->loads[i].address + file->loads[i].memory_bytes,
				.write = place->base,
			};
	}
	if (r < 0) {
		elf_place_release(NULL, place);
		place->window_count = 0;
	}
	place->direct = r == 0;
	return r;
}

int elf_direct_protect(const struct elf_layout *layout, struct elf_place *place, struct err *err)
{
	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		/* Takes a right away, which PR_SET_MDWE allows. */
		if (run->kind == ELF_RUN_RELRO && mprotect((void *)(place->base + run->begin),
							   run->end - run->begin, PROT_READ) < 0)
			return err_sys(err, "protect RELRO");
	}
	return 0;
}
