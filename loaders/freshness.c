/* Judging whether the bytes that were sent are the ones that answer. See freshness.h. */
#include "loaders/freshness.h"

#include "loaders/elf/file.h"
#include "loaders/own_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAPS_BYTES 8192 /* holds the longest line of /proc/self/maps */
#define COMPARE_BYTES OWN_MEMORY_BYTES_MAX

const char *freshness_name(enum freshness freshness)
{
	static const char *const names[] = { "fresh", "reused", "stale", "unknown" };

	return names[freshness];
}

/* One line of /proc/self/maps: true when it holds the address. */
static bool line_holds(const char *line, uintptr_t address, dev_t *ret_dev, ino_t *ret_ino)
{
	unsigned long begin, end, ino;
	unsigned int major_number, minor_number;

	if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", &begin, &end, &major_number, &minor_number,
		   &ino) != 5)
		return false;
	if (address < begin || address >= end)
		return false;
	*ret_dev = makedev(major_number, minor_number);
	*ret_ino = ino;
	return true;
}

/* Whole lines of `text`, in place; returns how many bytes of an unfinished one are left at its
 * front. */
static size_t lines_look(char *text, size_t size, uintptr_t address,
			 struct freshness_verdict *verdict, bool *ret_found)
{
	char *line = text, *end;

	text[size] = '\0';
	while (!*ret_found && (end = strchr(line, '\n'))) {
		*end = '\0';
		*ret_found = line_holds(line, address, &verdict->mapped_dev, &verdict->mapped_ino);
		line = end + 1;
	}
	size -= (size_t)(line - text);
	memmove(text, line, size);
	return size;
}

/* What is mapped at `address`. False when nothing is, or /proc cannot be read. */
static bool mapping_find(uintptr_t address, struct freshness_verdict *verdict)
{
	char text[MAPS_BYTES + 1];
	bool found = false;
	size_t kept = 0;
	ssize_t n = 1;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (!found && n > 0 && kept < MAPS_BYTES) {
		do
			n = read(fd, text + kept, MAPS_BYTES - kept);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			kept = lines_look(text, kept + (size_t)n, address, verdict, &found);
	}
	close(fd);
	return found;
}

/*
 * Reads this process's memory through the kernel: where an older, smaller image answers, or the
 * mapped file was cut short, an ordinary read would be a SIGSEGV or a SIGBUS.
 */
static int memory_equal(uintptr_t address, const unsigned char *expected, uint64_t size,
			uint64_t *compared)
{
	unsigned char here[COMPARE_BYTES];

	while (size > 0) {
		size_t step = size < sizeof(here) ? (size_t)size : sizeof(here);
		ssize_t n = own_memory_read(address, here, step);

		if (n < 0 && errno != EFAULT)
			return -errno;
		if (n != (ssize_t)step || memcmp(here, expected, step) != 0)
			return 0;
		*compared += step;
		address += step;
		expected += step;
		size -= step;
	}
	return 1;
}

/* The parts of a file that must be equal: all but where its ELF header names the section headers,
 * which nobody maps and a trimmed object does not have. */
static const struct {
	uint64_t begin, end;
} file_parts[] = {
	{ 0, offsetof(Elf64_Ehdr, e_shoff) },
	{ offsetof(Elf64_Ehdr, e_flags), offsetof(Elf64_Ehdr, e_shentsize) },
	{ sizeof(Elf64_Ehdr), UINT64_MAX },
};

/* 1 equal, 0 not, or a negative errno: could not be read. */
static int segment_equal(uintptr_t base, const struct elf_file *file,
			 const struct elf_segment *load, uint64_t *compared)
{
	for (size_t i = 0; i < sizeof(file_parts) / sizeof(file_parts[0]); i++) {
		uint64_t begin = load->offset, end = load->offset + load->file_bytes;
		int r;

		if (begin < file_parts[i].begin)
			begin = file_parts[i].begin;
		if (end > file_parts[i].end)
			end = file_parts[i].end;
		if (begin >= end)
			continue;
		r = memory_equal(base + load->address + (begin - load->offset), file->bytes + begin,
				 end - begin, compared);
		if (r != 1)
			return r;
	}
	return 1;
}

static int object_equal(const struct image *image, const struct elf_file *file,
			struct freshness_verdict *verdict)
{
	for (size_t i = 0; i < file->load_count; i++) {
		int r;

		if (file->loads[i].flags & PF_W)
			continue;
		r = segment_equal(image->report.base, file, &file->loads[i],
				  &verdict->compared_bytes);
		if (r != 1)
			return r;
	}
	return 1;
}

static void verdict_set(struct freshness_verdict *verdict, enum freshness freshness,
			const char *reason)
{
	verdict->freshness = freshness;
	snprintf(verdict->reason, sizeof(verdict->reason), "%.*s", (int)sizeof(verdict->reason) - 1,
		 reason);
}

static bool file_matches(const struct image *image, const struct freshness_verdict *verdict)
{
	const struct image_report *report = &image->report;

	return report->staged_ino && report->staged_ino == verdict->mapped_ino &&
	       report->staged_dev == verdict->mapped_dev;
}

/*
 * An inode that does not match proves nothing by itself: overlayfs and btrfs show one number to
 * fstat() and another in /proc/self/maps. Bytes decide then.
 */
static void judge_bytes(const struct image *image, const struct elf_file *file,
			struct freshness_verdict *verdict)
{
	const struct image_report *report = &image->report;
	int equal = object_equal(image, file, verdict);

	if (equal == 0)
		verdict->answers_bytes = (uint32_t)mapped_build_id(
			report->base, report->base + file->loads[0].address, verdict->answers);
	if (equal < 0)
		verdict_set(verdict, FRESHNESS_UNKNOWN, "this process may not read its own memory");
	else if (report->known_before && !report->hit)
		verdict_set(verdict, FRESHNESS_STALE,
			    equal ? "the dynamic linker knew the object and gave back its old "
				    "image: same bytes, old state"
				  : "the dynamic linker knew the object and gave back its old "
				    "image: other bytes answer");
	else if (!equal)
		verdict_set(verdict, FRESHNESS_STALE,
			    report->hit ? "a kept image of other bytes answers"
					: "what is mapped differs from the bytes that were sent");
	else if (report->hit)
		verdict_set(verdict, FRESHNESS_REUSED, "a kept image of the same bytes answers");
	else
		verdict_set(verdict, FRESHNESS_FRESH, "code and constants equal the bytes sent");
}

/* The linker wrote into the code, so it cannot equal the file. */
static void judge_by_file(const struct image *image, struct freshness_verdict *verdict)
{
	const struct image_report *report = &image->report;

	if (report->known_before && !report->hit)
		verdict_set(verdict, FRESHNESS_STALE,
			    "the dynamic linker knew the object and gave back its old image");
	else if (file_matches(image, verdict))
		verdict_set(verdict, FRESHNESS_FRESH,
			    "the file written for this load is mapped (text relocations: code was "
			    "not compared)");
	else
		verdict_set(verdict, FRESHNESS_UNKNOWN,
			    "text relocations: the code in memory cannot equal the object's");
}

static void judge(const struct image *image, struct freshness_verdict *verdict, bool quick)
{
	struct elf_file file;
	struct err err = { { 0 } };

	*verdict = (struct freshness_verdict){ 0 };
	if (!image->loaded || image->report.base == 0) {
		verdict_set(verdict, FRESHNESS_UNKNOWN,
			    "nothing was mapped: there is no image to judge");
		return;
	}
	if (elf_file_check(&file, image->so->bytes, image->so->size, &err) < 0) {
		verdict_set(verdict, FRESHNESS_UNKNOWN, err.text);
		return;
	}
	mapping_find(image->report.base + file.loads[0].address, verdict);
	if (quick && !image->report.known_before && file_matches(image, verdict))
		verdict_set(verdict, FRESHNESS_FRESH, "the file written for this load is mapped");
	else if (file.dynamic.text_relocations)
		judge_by_file(image, verdict);
	else
		judge_bytes(image, &file, verdict);
}

void freshness_check(const struct image *image, struct freshness_verdict *ret_verdict)
{
	judge(image, ret_verdict, false);
}

void freshness_check_quick(const struct image *image, struct freshness_verdict *ret_verdict)
{
	judge(image, ret_verdict, true);
}
