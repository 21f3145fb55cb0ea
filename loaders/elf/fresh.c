/*
 * A mapping of its own: one memory file for everything that is never written after the load, with
 * the exact protection of each run of pages, and private pages for variables. Nothing is ever
 * writable and executable, at once or in turn, so it works under PR_SET_MDWE too. The mapping is
 * private, so that a debugger can set breakpoints in it, which it can't in the shared pages of a
 * slot.
 *
 * Where a process may have no memory file (memfd_create refused, RLIMIT_FSIZE), all of it is plain
 * memory: written first, then made read-only or executable. Never both at once, but in turn, which
 * PR_SET_MDWE refuses.
 */
#include "loaders/elf/arena.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static int run_map(const struct elf_run *run, const struct elf_layout *layout,
		   const struct elf_place *place, struct err *err)
{
	void *at = (void *)(place->base + run->begin);
	size_t bytes = run->end - run->begin;
	int protection = PROT_READ;

	if (run->kind == ELF_RUN_HOLE)
		return 0;
	if (run->kind == ELF_RUN_WRITE) {
		if (mmap(at, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			return err_sys(err, "map %zu bytes of variables", bytes);
		return 0;
	}
	if (run->kind == ELF_RUN_CODE)
		protection |= PROT_EXEC | (layout->guarded ? PROT_BTI : 0);
	if (mmap(at, bytes, protection, MAP_PRIVATE | MAP_FIXED, place->fd - 1,
		 (off_t)(run->begin - layout->begin)) == MAP_FAILED)
		return err_sys(err, "map %zu bytes of code or constants", bytes);
	return 0;
}

int elf_place_reserve(const struct elf_layout *layout, struct elf_place *place, struct err *err)
{
	uint64_t slop = layout->align > layout->page ? layout->align : 0;
	uintptr_t begin;

	place->mapping_bytes = layout->end - layout->begin + slop;
	place->mapping = mmap(NULL, place->mapping_bytes, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (place->mapping == MAP_FAILED) {
		place->mapping = NULL;
		return err_sys(err, "reserve %zu bytes of addresses", place->mapping_bytes);
	}
	begin = (uintptr_t)place->mapping;
	begin += (layout->begin - begin) & (layout->align - 1);
	place->base = begin - layout->begin;
	return 0;
}

/* The pages of RELRO while they are computed, with what shares them: relocations write into them,
 * and nobody after. */
static int scratch_map(const struct elf_file *file, const struct elf_layout *layout,
		       struct elf_place *place, struct err *err)
{
	uint64_t begin = layout->closed_begin, end = layout->closed_end;

	if (begin >= end)
		return 0;
	place->scratch_bytes = end - begin;
	place->scratch = mmap(NULL, place->scratch_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (place->scratch == MAP_FAILED) {
		place->scratch = NULL;
		return err_sys(err, "map %zu bytes of scratch", place->scratch_bytes);
	}
	elf_image_fill(file, begin, end, place->scratch, ELF_BYTES);
	place->windows[place->window_count++] = (struct elf_window){
		.begin = begin, .end = end, .write = (uintptr_t)place->scratch - begin
	};
	return 0;
}

static int variables_fill(const struct elf_file *file, const struct elf_layout *layout,
			  struct elf_place *place, struct err *err)
{
	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		if (run->kind != ELF_RUN_WRITE)
			continue;
		if (place->window_count == ELF_WINDOWS_MAX)
			return err_set(err, ENOEXEC, "variables lie in more than %d places",
				       ELF_WINDOWS_MAX - 1);
		elf_image_fill(file, run->begin, run->end,
			       (unsigned char *)(place->base + run->begin), ELF_BYTES);
		place->windows[place->window_count++] = (struct elf_window){ .begin = run->begin,
									     .end = run->end,
									     .write = place->base };
	}
	return 0;
}

static int file_take(const struct elf_file *file, const struct elf_layout *layout,
		     struct elf_place *place, struct err *err)
{
	int fd, r = elf_memory_file(layout->end - layout->begin, &fd, err);

	if (r < 0)
		return r;
	place->fd = fd + 1;
	r = elf_place_reserve(layout, place, err);
	for (size_t i = 0; i < layout->run_count && r == 0; i++)
		r = run_map(&layout->runs[i], layout, place, err);
	if (r == 0)
		r = scratch_map(file, layout, place, err);
	if (r == 0)
		r = variables_fill(file, layout, place, err);
	if (r < 0)
		elf_place_release(NULL, place);
	return r;
}

static int plain_fill(const struct elf_file *file, const struct elf_run *run,
		      struct elf_place *place, struct err *err)
{
	elf_image_fill(file, run->begin, run->end, (unsigned char *)(place->base + run->begin),
		       ELF_BYTES);
	if (run->kind != ELF_RUN_RELRO && run->kind != ELF_RUN_WRITE)
		return 0;
	if (place->window_count == ELF_WINDOWS_MAX)
		return err_set(err, ENOEXEC, "variables lie in more than %d places",
			       ELF_WINDOWS_MAX);
	place->windows[place->window_count++] =
		(struct elf_window){ .begin = run->begin, .end = run->end, .write = place->base };
	return 0;
}

/* What relocations do not write has its last protection now; RELRO is closed when all is done. */
static int plain_protect(const struct elf_run *run, const struct elf_layout *layout,
			 const struct elf_place *place, struct err *err)
{
	int protection = PROT_READ;

	if (run->kind != ELF_RUN_CODE && run->kind != ELF_RUN_READ)
		return 0;
	if (run->begin < layout->closed_end && run->end > layout->closed_begin)
		return err_set(err, ENOEXEC,
			       "RELRO shares a page of %llu bytes with code or constants",
			       (unsigned long long)layout->page);
	if (run->kind == ELF_RUN_CODE)
		protection |= PROT_EXEC | (layout->guarded ? PROT_BTI : 0);
	if (mprotect((void *)(place->base + run->begin), run->end - run->begin, protection) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return err_set(err, errno,
			       "memory that was written may not become executable here "
			       "(PR_SET_MDWE, or a policy such as SELinux's execmem)");
	return err_sys(err, "protect %zu bytes of code or constants",
		       (size_t)(run->end - run->begin));
}

static int plain_take(const struct elf_file *file, const struct elf_layout *layout,
		      struct elf_place *place, struct err *err)
{
	int r = elf_place_reserve(layout, place, err);

	place->direct = true;
	place->window_count = 0;
	for (size_t i = 0; i < layout->run_count && r == 0; i++) {
		struct elf_run run = layout->runs[i];

		if (run.kind == ELF_RUN_HOLE)
			continue;
		run.kind = ELF_RUN_WRITE;
		r = run_map(&run, layout, place, err);
		if (r == 0)
			r = plain_fill(file, &layout->runs[i], place, err);
		if (r == 0)
			r = plain_protect(&layout->runs[i], layout, place, err);
	}
	if (r < 0)
		elf_place_release(NULL, place);
	return r;
}

int elf_fresh_take(const struct elf_file *file, const struct elf_layout *layout,
		   struct elf_place *place, struct err *err)
{
	struct err refused = { "" }, reason = { "" };
	int r = file_take(file, layout, place, &refused);

	if (r == 0)
		return 0;
	if (!elf_memory_refused(r))
		return err_set(err, -r, "%s", refused.text);
	r = plain_take(file, layout, place, &reason);
	if (r < 0)
		return err_set(err, -r, "%.240s; without one: %.240s", refused.text, reason.text);
	place->note = "no memory file may be had (memfd_create is refused, or RLIMIT_FSIZE): "
		      "plain memory, written before it became executable";
	return 0;
}

/* [begin, end) is all outside of RELRO, or ends in it. */
static int part_write(const struct elf_file *file, const struct elf_layout *layout,
		      const struct elf_place *place, struct elf_run part, struct err *err)
{
	struct elf_output output = {
		.fd = place->fd - 1,
		.zero = layout->begin,
		.begin = part.begin,
		.end = part.end,
		.zeroed = true,
	};
	uint64_t computed = layout->closed_begin;

	if (computed < part.begin)
		computed = part.begin;
	if (computed < part.end && part.end <= layout->closed_end) {
		output.scratch_begin = computed;
		output.scratch =
			(const unsigned char *)place->scratch + (computed - layout->closed_begin);
	}
	return elf_image_write(file, &output, err);
}

int elf_fresh_write(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_place *place, struct err *err)
{
	for (size_t i = 0; i < layout->run_count; i++) {
		struct elf_run run = layout->runs[i], head = run;
		int r = 0;

		if (run.kind == ELF_RUN_HOLE || run.kind == ELF_RUN_WRITE)
			continue;
		if (run.begin < layout->closed_end && run.end > layout->closed_end) {
			head.end = run.begin = layout->closed_end;
			r = part_write(file, layout, place, head, err);
		}
		if (r == 0)
			r = part_write(file, layout, place, run, err);
		if (r < 0)
			return r;
	}
	return 0;
}
