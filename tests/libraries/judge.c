/*
 * Two children, one answer sheet each, in memory they share with the judge. See judge.h. Where what
 * constructors left differs, a third child tells by dlopen which of it is never the same twice:
 * process numbers, times, random keys.
 */
#include "tests/libraries/judge.h"

#include "tests/libraries/library.h"

#include "loaders/elf/sound.h"
#include "loaders/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 20000
#define ABSENT UINT64_MAX
#define MODULES_MAX 512
#define CHANGES_MAX (1u << 17) /* more are counted, not compared */

/* What two processes need not agree on, though two of dlopen may: places in tables by the hash of
 * an address, what the heap held before. */
#define NOISE_WORDS 2
#define NOISE_SHARE 16 /* one in so many */
#define NOISE_TRIES 4

enum stage { STAGE_STARTED, STAGE_REFUSED, STAGE_LOADED, STAGE_COLLECTED, STAGE_UNLOADED };

/* A word of the library's data that is neither as in the file nor relocated. */
struct change {
	uint64_t address, token;
};

/* What one child found out. */
struct sheet {
	volatile uint32_t stage;
	uint32_t changed;
	char reason[512];
	struct change changes[CHANGES_MAX]; /* by address */
	uint64_t answers[];		    /* symbols, then slots */
};

const char *judgement_name(enum judgement judgement)
{
	static const char *const names[JUDGEMENTS] = { "same",	  "declined", "refused",
						       "differs", "crashed",  "hung" };

	return names[judgement];
}

/* The objects of a process, for saying what an address refers to whatever the layout is. */
struct module {
	uint64_t begin, end, base, name_hash;
};

struct modules {
	struct module list[MODULES_MAX];
	unsigned int count;
};

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

static int module_take(struct dl_phdr_info *object, size_t size, void *context)
{
	struct modules *modules = context;
	const char *slash = strrchr(object->dlpi_name, '/');

	(void)size;
	for (int i = 0; i < object->dlpi_phnum && modules->count < MODULES_MAX; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		uint64_t begin = object->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_LOAD)
			modules->list[modules->count++] =
				(struct module){ begin, begin + header->p_memsz, object->dlpi_addr,
						 hash_text(slash ? slash + 1 : object->dlpi_name) };
	}
	return 0;
}

/* Equal tokens: the same place of the same object. */
static uint64_t token_of(const struct library *library, const struct modules *modules,
			 uint64_t base, uint64_t value)
{
	if (value >= base + library->elf.begin && value <= base + library->elf.end)
		return value - base;
	for (unsigned int i = 0; i < modules->count; i++) {
		const struct module *module = &modules->list[i];

		if (value >= module->begin && value < module->end)
			return (module->name_hash ^
				((value - module->base) * 0x9e3779b97f4a7c15u)) |
			       1ull << 63;
	}
	return value < 65536 ? value | 1ull << 62 : 1ull << 61; /* small numbers; anywhere else */
}

static uint64_t word_at(uint64_t address)
{
	uint64_t word;

	memcpy(&word, (const void *)(uintptr_t)address, sizeof(word));
	return word;
}

/* Words of writable data that somebody other than the relocations has changed. */
static void changes_collect(const struct library *library, const struct modules *modules,
			    struct sheet *sheet, uint64_t base)
{
	for (size_t i = 0; i < library->elf.load_count; i++) {
		const struct elf_segment *load = &library->elf.loads[i];
		uint64_t at = (load->address + 7) & ~7ull;

		for (; load->flags & PF_W && at + 8 <= load->address + load->memory_bytes;
		     at += 8) {
			const void *bytes = elf_bytes_at(&library->elf, at, 8);
			uint64_t word = (at - library->elf.begin) / 8, initial = 0, now;

			if (library->relocated[word / 8] >> (word % 8) & 1)
				continue;
			if (bytes)
				memcpy(&initial, bytes, sizeof(initial));
			else if (at < load->address + load->file_bytes)
				continue; /* the end of the file's part lies inside the word */
			now = word_at(base + at);
			if (now == initial)
				continue;
			if (sheet->changed < CHANGES_MAX)
				sheet->changes[sheet->changed] =
					(struct change){ at,
							 token_of(library, modules, base, now) };
			sheet->changed++;
		}
	}
}

static void collect(const struct library *library, struct sheet *sheet, uint64_t base)
{
	static struct modules modules;
	uint64_t *answer = sheet->answers + library->symbol_count;

	dl_iterate_phdr(module_take, &modules);
	for (uint32_t i = 0; i < library->slot_count; i++)
		*answer++ = token_of(library, &modules, base, word_at(base + library->slots[i]));
	changes_collect(library, &modules, sheet, base);
}

static uint64_t answer_of(const void *address, uint64_t base)
{
	return (uint64_t)(uintptr_t)address - base;
}

static void child_dlopen(const struct library *library, struct sheet *sheet)
{
	struct link_map *map;
	pthread_key_t key;
	void *handle;

	/* The in-memory loader takes one for thread-local variables, and libraries keep the numbers
	 * of theirs. */
	if (library->elf.tls.memory_bytes)
		(void)pthread_key_create(&key, NULL);
	handle = dlopen(library->path, RTLD_NOW | RTLD_LOCAL);
	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0) {
		snprintf(sheet->reason, sizeof(sheet->reason), "%s", dlerror());
		sheet->stage = STAGE_REFUSED;
		return;
	}
	sheet->stage = STAGE_LOADED;
	for (uint32_t i = 0; i < library->symbol_count; i++) {
		void *address = dlsym(handle, library_symbol(library, i));

		sheet->answers[i] = address ? answer_of(address, map->l_addr) : ABSENT;
	}
	collect(library, sheet, map->l_addr);
	sheet->stage = STAGE_COLLECTED;
	dlclose(handle);
	sheet->stage = STAGE_UNLOADED;
}

static void child_loader(const struct library *library, const char *spec, struct sheet *sheet)
{
	struct so so = { .bytes = library->file.bytes,
			 .size = library->file.size,
			 .fd = -1,
			 .path = library->path };
	struct loader *loader = NULL;
	struct image *image = NULL;
	struct err err = { "" };

	if (loader_open(&loader, spec, &err) == 0)
		image = image_new(loader);
	if (!image || image_load(image, &so, NULL, &err) < 0) {
		snprintf(sheet->reason, sizeof(sheet->reason), "%s", err.text);
		sheet->stage = STAGE_REFUSED;
		return;
	}
	sheet->stage = STAGE_LOADED;
	for (uint32_t i = 0; i < library->symbol_count; i++) {
		void *address = NULL;

		sheet->answers[i] = ABSENT;
		if (image_symbol(image, library_symbol(library, i), &address, &err) == 0)
			sheet->answers[i] = answer_of(address, image->report.base);
	}
	collect(library, sheet, image->report.base);
	sheet->stage = STAGE_COLLECTED;
	image_unload(image);
	image_free(image);
	loader_close(loader);
	sheet->stage = STAGE_UNLOADED;
}

/* Libraries print, and read; nobody is to see or feed that. */
static void child_quiet(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setpgid(0, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
}

/* The wait status of the child, or -1 when it had to be killed. */
static int child_wait(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	int status;

	for (int ms2 = 0; ms2 < 2 * TIMEOUT_MS; ms2++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&pause, NULL);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static int child_run(const struct library *library, const char *spec, struct sheet *sheet)
{
	pid_t pid;

	memset(sheet, 0, sizeof(*sheet));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		child_quiet();
		if (spec)
			child_loader(library, spec, sheet);
		else
			child_dlopen(library, sheet);
		exit(0); /* with all exit handlers: those of what was unloaded are gone */
	}
	return child_wait(pid);
}

static const char *stage_words(uint32_t stage)
{
	static const char *const words[] = { "while it was loaded", "after it was refused",
					     "while symbols were looked up",
					     "while it was unloaded", "at exit" };

	return words[stage];
}

static void verdict_set(struct verdict *verdict, enum judgement judgement, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void verdict_set(struct verdict *verdict, enum judgement judgement, const char *format, ...)
{
	va_list args;

	verdict->judgement = judgement;
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

/* Whether the child came through; if not, the verdict says how it ended. */
static bool child_survived(int status, const struct sheet *sheet, struct verdict *verdict)
{
	if (status == -1)
		verdict_set(verdict, JUDGED_HUNG, "no end within %d s, %s", TIMEOUT_MS / 1000,
			    stage_words(sheet->stage));
	else if (WIFSIGNALED(status))
		verdict_set(verdict, JUDGED_CRASHED, "SIG%s %s", sigabbrev_np(WTERMSIG(status)),
			    stage_words(sheet->stage));
	else if (status != 0 || sheet->stage == STAGE_STARTED)
		verdict_set(verdict, JUDGED_CRASHED, "ended by itself with %d %s",
			    WEXITSTATUS(status), stage_words(sheet->stage));
	else
		return true;
	return false;
}

/* dlopen takes the first GNU-unique definition of the whole process, which may be of a dependency;
 * the loader gives every object its own. */
static bool unique_is_own(const struct library *library, uint32_t i, uint64_t answer)
{
	const elf_sym *symbol = &library->elf.dynamic.symbols[library->symbols[i]];

	return ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE && answer == symbol->st_value;
}

static void sheets_compare(const struct library *library, const struct sheet *expected,
			   const struct sheet *got, struct verdict *verdict)
{
	uint32_t symbols = library->symbol_count, differ = 0;

	verdict->symbols = symbols;
	verdict->slots = library->slot_count;
	for (uint32_t i = 0; i < symbols; i++) {
		if (got->answers[i] != expected->answers[i] &&
		    !unique_is_own(library, i, got->answers[i]) && differ++ == 0)
			verdict_set(verdict, JUDGED_DIFFERS, "symbol %s is at %#llx, not at %#llx",
				    library_symbol(library, i), (unsigned long long)got->answers[i],
				    (unsigned long long)expected->answers[i]);
	}
	for (uint32_t i = symbols; i < symbols + library->slot_count; i++) {
		if (got->answers[i] != expected->answers[i] && differ++ == 0)
			verdict_set(verdict, JUDGED_DIFFERS,
				    "the slot at %#llx refers elsewhere: %#llx, not %#llx",
				    (unsigned long long)library->slots[i - symbols],
				    (unsigned long long)got->answers[i],
				    (unsigned long long)expected->answers[i]);
	}
	if (differ == 0)
		verdict_set(verdict, JUDGED_SAME, "%s", "");
}

/* Which of several definitions of a GNU-unique variable is used depends on the loader, see
 * unique_is_own(): the others keep what they had. */
static bool word_is_unique(const struct library *library, uint64_t address)
{
	size_t count = elf_symbol_count(&library->elf);

	for (size_t i = 1; i < count; i++) {
		const elf_sym *symbol = &library->elf.dynamic.symbols[i];

		if (ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE &&
		    symbol->st_shndx != SHN_UNDEF && address + 8 > symbol->st_value &&
		    address < symbol->st_value + symbol->st_size)
			return true;
	}
	return false;
}

struct changes {
	const struct change *at, *end;
};

static struct changes changes_of(const struct sheet *sheet)
{
	uint32_t count = sheet->changed < CHANGES_MAX ? sheet->changed : CHANGES_MAX;

	return (struct changes){ sheet->changes, sheet->changes + count };
}

/* What that word is, 0 = as in the file. Addresses asked for ascend. */
static uint64_t change_at(struct changes *changes, uint64_t address)
{
	while (changes->at < changes->end && changes->at->address < address)
		changes->at++;
	return changes->at < changes->end && changes->at->address == address ? changes->at->token
									     : 0;
}

/* Words that two children found different; of these, `but_for` (or NULL) leaves out those that
 * `one` and it find different too. The first one's address in `ret_first`. */
static uint32_t changes_compare(const struct library *library, const struct sheet *one,
				const struct sheet *other, const struct sheet *but_for,
				uint64_t *ret_first)
{
	struct changes a = changes_of(one), b = changes_of(other), c = changes_of(one);
	uint32_t differ = 0;

	if (but_for)
		c = changes_of(but_for);
	while (a.at < a.end || b.at < b.end) {
		uint64_t address = a.at < a.end ? a.at->address : UINT64_MAX, expected, got;

		if (b.at < b.end && b.at->address < address)
			address = b.at->address;
		expected = change_at(&a, address);
		got = change_at(&b, address);
		if (expected != got && (!but_for || change_at(&c, address) == expected) &&
		    !word_is_unique(library, address) && differ++ == 0)
			*ret_first = address;
		a.at += a.at < a.end && a.at->address == address;
		b.at += b.at < b.end && b.at->address == address;
	}
	return differ;
}

/* How many words both ways of loading leave different, beyond what two dlopens do. */
static uint32_t changes_judge(const struct library *library, struct sheet *const *sheets,
			      uint64_t *ret_first)
{
	uint32_t differ;

	if (changes_compare(library, sheets[0], sheets[1], NULL, ret_first) == 0 ||
	    child_run(library, NULL, sheets[2]) != 0)
		return 0;
	differ = changes_compare(library, sheets[0], sheets[1], sheets[2], ret_first);
	return differ > NOISE_WORDS && differ > sheets[0]->changed / NOISE_SHARE ? differ : 0;
}

static void library_compare(const struct library *library, const char *spec,
			    struct sheet *const *sheets, struct verdict *verdict)
{
	int status = child_run(library, NULL, sheets[0]);
	struct err err = { "" };
	uint64_t first = 0;
	uint32_t differ;

	if (!child_survived(status, sheets[0], verdict) || sheets[0]->stage != STAGE_UNLOADED) {
		if (sheets[0]->stage == STAGE_REFUSED)
			verdict_set(verdict, JUDGED_DECLINED, "%s", sheets[0]->reason);
		verdict->judgement = JUDGED_DECLINED;
		return;
	}
	if (elf_sound_check(&library->elf, &err) < 0) {
		verdict_set(verdict, JUDGED_DIFFERS, "dlopen takes it, auto would not ask: %s",
			    err.text);
		return;
	}
	status = child_run(library, spec, sheets[1]);
	if (!child_survived(status, sheets[1], verdict))
		return;
	if (sheets[1]->stage == STAGE_REFUSED) {
		verdict_set(verdict, JUDGED_REFUSED, "%s", sheets[1]->reason);
		return;
	}
	sheets_compare(library, sheets[0], sheets[1], verdict);
	verdict->changed = sheets[0]->changed;
	if (verdict->judgement != JUDGED_SAME)
		return;
	/* Threads of constructors write when they please: what a loader does wrong, it always does.
	 */
	differ = changes_judge(library, sheets, &first);
	for (int again = 0; differ && again < NOISE_TRIES; again++) {
		if (child_run(library, NULL, sheets[0]) || child_run(library, spec, sheets[1]))
			break;
		differ = changes_judge(library, sheets, &first);
	}
	if (differ)
		verdict_set(verdict, JUDGED_DIFFERS,
			    "of %u words constructors left changed, %u are not as with dlopen, "
			    "the first at %#llx",
			    sheets[0]->changed, differ, (unsigned long long)first);
}

void library_judge(const char *path, const char *loader, struct verdict *ret_verdict)
{
	struct library library;
	struct sheet *sheets[3];
	struct err err = { "" };
	size_t bytes;

	memset(ret_verdict, 0, sizeof(*ret_verdict));
	if (library_open(&library, path, &err) < 0) {
		verdict_set(ret_verdict, JUDGED_REFUSED, "%s", err.text);
		library_close(&library);
		return;
	}
	bytes = sizeof(struct sheet) + 8 * ((size_t)library.symbol_count + library.slot_count);
	for (int i = 0; i < 3; i++) {
		sheets[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				 -1, 0);
		if (sheets[i] == MAP_FAILED)
			abort();
	}
	library_compare(&library, loader, sheets, ret_verdict);
	for (int i = 0; i < 3; i++)
		munmap(sheets[i], bytes);
	library_close(&library);
}
