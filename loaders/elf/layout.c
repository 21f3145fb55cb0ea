/*
 * Segments to page runs. The boundaries of all segments and of RELRO, rounded to pages, cut the
 * object into intervals; what touches an interval decides its protection.
 */
#include "loaders/elf/layout.h"

#include <errno.h>

#define CUTS_MAX (2 * ELF_LOADS_MAX + 2)

static uint64_t page_floor(uint64_t address, uint64_t page)
{
	return address & ~(page - 1);
}

static uint64_t page_ceil(uint64_t address, uint64_t page)
{
	return (address + page - 1) & ~(page - 1);
}

/* Insertion into a short, almost sorted list. */
static size_t cut_add(uint64_t *cuts, size_t count, uint64_t cut)
{
	size_t at = count;

	while (at > 0 && cuts[at - 1] > cut)
		at--;
	if (at > 0 && cuts[at - 1] == cut)
		return count;
	for (size_t i = count; i > at; i--)
		cuts[i] = cuts[i - 1];
	cuts[at] = cut;
	return count + 1;
}

/* The protection one interval needs; ELF_RUN_HOLE when no segment touches it, -1 when it would have
 * to be writable and executable. */
static int interval_kind(const struct elf_file *file, uint64_t page, struct elf_run interval,
			 const struct elf_run *relro)
{
	bool code = false, write = false, any = false;

	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];

		if (page_ceil(load->address + load->memory_bytes, page) <= interval.begin)
			continue;
		if (page_floor(load->address, page) >= interval.end)
			break;
		any = true;
		code |= (load->flags & PF_X) != 0;
		write |= (load->flags & PF_W) != 0;
	}
	if (!any)
		return ELF_RUN_HOLE;
	if (write && interval.begin >= relro->begin && interval.end <= relro->end)
		return code ? ELF_RUN_CODE : ELF_RUN_RELRO;
	if (write)
		return code ? -1 : ELF_RUN_WRITE;
	return code ? ELF_RUN_CODE : ELF_RUN_READ;
}

static int runs_cut(const struct elf_file *file, const struct elf_run *relro,
		    struct elf_layout *layout, struct err *err)
{
	uint64_t page = layout->page, cuts[CUTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];

		if (load->flags & PF_W && load->flags & PF_X)
			return err_set(err, ENOEXEC,
				       "the segment at 0x%llx is writable and executable",
				       (unsigned long long)load->address);
		count = cut_add(cuts, count, page_floor(load->address, page));
		count = cut_add(cuts, count, page_ceil(load->address + load->memory_bytes, page));
	}
	layout->begin = page_floor(file->begin, page);
	layout->end = page_ceil(file->end, page);
	if (relro->begin < relro->end) {
		count = cut_add(cuts, count, relro->begin);
		if (relro->end < layout->end)
			count = cut_add(cuts, count, relro->end);
	}
	for (size_t i = 0; i + 1 < count; i++) {
		struct elf_run run = { cuts[i], cuts[i + 1], ELF_RUN_HOLE };
		struct elf_run *last = &layout->runs[layout->run_count];
		int kind = interval_kind(file, page, run, relro);

		if (kind < 0)
			return err_set(
				err, ENOEXEC,
				"code and variables share the page at 0x%llx (pages of %llu KB; "
				"link with -z max-page-size of at least that)",
				(unsigned long long)run.begin, (unsigned long long)page / 1024);
		run.kind = (enum elf_run_kind)kind;
		if (layout->run_count && last[-1].kind == run.kind)
			last[-1].end = run.end;
		else
			layout->runs[layout->run_count++] = run;
	}
	return 0;
}

/* Where everything before is never written after the load, and everything after is variables. */
static void border_find(struct elf_layout *layout, const struct elf_run *relro)
{
	uint64_t border = layout->end;

	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		if (run->kind == ELF_RUN_WRITE && border == layout->end)
			border = run->begin;
		else if (run->kind != ELF_RUN_WRITE && run->kind != ELF_RUN_HOLE &&
			 border != layout->end)
			return;
	}
	layout->border = border;
	layout->relro = relro->begin < relro->end && relro->begin < border ? relro->begin : border;
}

int elf_layout_plan(const struct elf_file *file, uint64_t page, struct elf_layout *ret_layout,
		    struct err *err)
{
	struct elf_run relro = { 0, 0, ELF_RUN_RELRO };
	int r;

	ret_layout->page = page;
	ret_layout->align = file->align > page ? file->align : page;
	ret_layout->border = 0;
	ret_layout->relro = 0;
	ret_layout->run_count = 0;
	ret_layout->guarded = false;
	ret_layout->wanted = 0;
	if (file->relro.bytes) {
		/* As in ld.so: the page in which RELRO ends stays writable. */
		relro.begin = page_floor(file->relro.address, page);
		relro.end = page_floor(file->relro.address + file->relro.bytes, page);
	}
	r = runs_cut(file, &relro, ret_layout, err);
	if (r < 0)
		return r;
	if (ret_layout->end - ret_layout->begin > ELF_IMAGE_MAX ||
	    ret_layout->align > ELF_IMAGE_MAX)
		return err_set(err, ENOEXEC,
			       "the object wants %llu bytes of memory aligned to %llu",
			       (unsigned long long)(ret_layout->end - ret_layout->begin),
			       (unsigned long long)ret_layout->align);
	if (relro.end > ret_layout->end)
		relro.end = ret_layout->end;
	if (relro.end > relro.begin && relro.end - relro.begin > ELF_RELRO_MAX)
		return err_set(err, ENOEXEC, "the object wants %llu bytes of RELRO",
			       (unsigned long long)(relro.end - relro.begin));
	border_find(ret_layout, &relro);
	ret_layout->closed_begin =
		relro.begin > ret_layout->begin ? relro.begin : ret_layout->begin;
	ret_layout->closed_end = relro.end < ret_layout->end ? relro.end : ret_layout->end;
	return 0;
}
