/* Loading two objects and comparing what they became. See verify.h. */
#include "bench/trim/verify.h"

#include "loaders/elf/file.h"
#include "loaders/loader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#define PATIENCE_S 60
#define WORD_ELSEWHERE UINT64_C(0xe15e77e4e0000001) /* stands for an address that is chance */

static const char *const loaders[] = { "memfd", "elf" };

/* What a child found; shared memory. */
struct found {
	int code; /* 1: it did not get to an answer */
	struct err err;
	uint64_t symbols, bytes;
	XXH64_hash_t places, content;
};

static bool is_inside(const struct elf_file *file, uintptr_t base, uint64_t value)
{
	return value - base >= file->begin && value - base < file->end;
}

/* A word, or what is left of the segment, as it is apart from where the object happens to lie and
 * what it was bound to. */
static uint64_t word_normal(const struct elf_file *file, const struct elf_segment *segment,
			    uintptr_t base, uint64_t offset)
{
	uint64_t rest = segment->file_bytes - offset, now = 0, before = 0;
	size_t size = rest < sizeof(now) ? rest : sizeof(now);

	memcpy(&now, (const void *)(base + segment->address + offset), size);
	if (!(segment->flags & PF_W))
		return now;
	memcpy(&before, file->bytes + segment->offset + offset, size);
	if (is_inside(file, base, now))
		return now - base;
	return now == before ? now : WORD_ELSEWHERE;
}

static void segments_hash(const struct elf_file *file, uintptr_t base, struct found *found)
{
	XXH64_hash_t hash = 0;

	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *segment = &file->loads[i];

		if (!(segment->flags & PF_R))
			continue;
		/* The file's header is no part of the image: trimmed, it names no sections. */
		for (uint64_t offset = segment->offset ? 0 : sizeof(Elf64_Ehdr);
		     offset < segment->file_bytes; offset += sizeof(uint64_t)) {
			uint64_t word = word_normal(file, segment, base, offset);

			hash = XXH64(&word, sizeof(word), hash);
		}
		found->bytes += segment->file_bytes;
	}
	found->content = hash;
}

static bool symbol_counts(const elf_sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS &&
	       (type == STT_FUNC || type == STT_OBJECT || type == STT_GNU_IFUNC);
}

static void symbols_hash(const struct elf_file *file, struct image *image, struct found *found)
{
	size_t count = elf_symbol_count(file);
	uintptr_t base = image->report.base;

	for (size_t i = 0; i < count; i++) {
		const elf_sym *symbol = &file->dynamic.symbols[i];
		const char *name = elf_string(file, symbol->st_name);
		uint64_t place = WORD_ELSEWHERE;
		void *address = NULL;

		if (!symbol_counts(symbol) || !name || !name[0])
			continue;
		if (image_symbol(image, name, &address, NULL) < 0)
			place = 0;
		else if (is_inside(file, base, (uintptr_t)address))
			place = (uintptr_t)address - base;
		found->places = XXH64(name, strlen(name), found->places);
		found->places = XXH64(&place, sizeof(place), found->places);
		found->symbols++;
	}
}

static int child_load(const char *spec, const struct trim_bytes *object, struct found *found)
{
	struct so so = { .bytes = object->bytes,
			 .size = object->size,
			 .path = object->path,
			 .fd = -1,
			 .id = 1,
			 .generation = 1 };
	struct loader *loader = NULL;
	struct elf_file file;
	struct image *image;
	int r = elf_file_check(&file, object->bytes, object->size, &found->err);

	if (r == 0)
		r = loader_open(&loader, spec, &found->err);
	if (r < 0)
		return r;
	image = image_new(loader);
	if (!image)
		return err_set(&found->err, ENOMEM, "out of memory");
	r = image_load(image, &so, NULL, &found->err);
	if (r == 0 && image->report.base == 0)
		r = err_set(&found->err, ENOTSUP, "%s does not say where the object lies", spec);
	if (r == 0) {
		segments_hash(&file, image->report.base, found);
		symbols_hash(&file, image, found);
	}
	return r;
}

/* A constructor may do anything: it does it in a process of its own. */
static void child_run(const char *spec, const struct trim_bytes *object, struct found *found)
{
	int status = 0;
	pid_t pid;

	memset(found, 0, sizeof(*found));
	found->code = 1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		alarm(PATIENCE_S);
		found->code = child_load(spec, object, found);
		_exit(0);
	}
	if (pid < 0) {
		found->code = err_sys(&found->err, "fork");
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (found->code != 1)
		return;
	if (WIFSIGNALED(status))
		found->code = err_set(&found->err, EPIPE, "loading it ended with SIG%s",
				      sigabbrev_np(WTERMSIG(status)));
	else
		found->code = err_set(&found->err, EPIPE, "loading it ended the process");
}

static int difference(const char *spec, const struct found *whole, const struct found *trimmed,
		      struct err *err)
{
	if (trimmed->code < 0)
		return err_set(err, EILSEQ, "%s loads the original, but not the trimmed object: %s",
			       spec, trimmed->err.text);
	if (whole->symbols != trimmed->symbols || whole->places != trimmed->places)
		return err_set(err, EILSEQ, "%s: symbols of the trimmed object lie elsewhere",
			       spec);
	if (whole->bytes != trimmed->bytes || whole->content != trimmed->content)
		return err_set(err, EILSEQ, "%s: the trimmed object's memory differs", spec);
	return 0;
}

static int compare(struct found *found, const struct trim_bytes *whole,
		   const struct trim_bytes *trimmed, struct trim_verdict *verdict, struct err *err)
{
	char why[ERR_TEXT_BYTES] = "";

	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++) {
		size_t length = strlen(verdict->loaders);
		int r;

		child_run(loaders[i], whole, &found[0]);
		if (found[0].code < 0) {
			if (!why[0])
				snprintf(why, sizeof(why), "%s", found[0].err.text);
			continue;
		}
		child_run(loaders[i], trimmed, &found[1]);
		r = difference(loaders[i], &found[0], &found[1], err);
		if (r < 0)
			return r;
		snprintf(verdict->loaders + length, sizeof(verdict->loaders) - length, "%s%s",
			 length ? ", " : "", loaders[i]);
		verdict->symbols = found[0].symbols;
		verdict->bytes = found[0].bytes;
	}
	if (!verdict->loaders[0])
		return err_set(err, ENOEXEC, "it cannot be loaded here: %.400s", why);
	return 0;
}

int trim_verify(const struct trim_bytes *whole, const struct trim_bytes *trimmed,
		struct trim_verdict *ret_verdict, struct err *err)
{
	struct trim_verdict verdict = { .loaders = "" };
	struct found *found = mmap(NULL, 2 * sizeof(*found), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (found == MAP_FAILED)
		return err_sys(err, "shared memory for the comparison");
	r = compare(found, whole, trimmed, &verdict, err);
	munmap(found, 2 * sizeof(*found));
	if (r == 0)
		*ret_verdict = verdict;
	return r;
}
