/* Two children, one answer sheet each, in memory they share with the judge. See judge.h. */
#include "tests/libraries/judge.h"

#include "base/file.h"
#include "loaders/elf/arch.h"
#include "loaders/elf/file.h"
#include "loaders/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
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

enum stage { STAGE_STARTED, STAGE_REFUSED, STAGE_LOADED, STAGE_COLLECTED, STAGE_UNLOADED };

/* What one child found out. */
struct sheet {
	volatile uint32_t stage;
	uint32_t changed; /* words of its own data that are neither as in the file nor relocated */
	char reason[512];
	uint64_t answers[]; /* symbols, then slots */
};

struct library {
	const char *path;
	struct file_bytes file;
	struct elf_file elf;
	uint32_t *symbols; /* indices of the exported ones */
	uint64_t *slots;   /* addresses relocated words have */
	uint32_t symbol_count, slot_count;
	unsigned char *relocated; /* one bit per word of the object's addresses */
	size_t sheet_bytes;
};

const char *judgement_name(enum judgement judgement)
{
	static const char *const names[JUDGEMENTS] = { "same",	  "declined", "refused",
						       "differs", "crashed",  "hung" };

	return names[judgement];
}

/* Exported under its plain name: no thread-local (its address depends on the thread), no version
 * node, no old version of a name. */
static bool symbol_is_comparable(const struct elf_file *elf, size_t i)
{
	const elf_sym *symbol = &elf->dynamic.symbols[i];
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);
	unsigned int binding = ELF64_ST_BIND(symbol->st_info);
	unsigned int visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || type == STT_TLS)
		return false;
	if (binding == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL)
		return false;
	if (elf->dynamic.versions && i < elf->dynamic.version_max &&
	    ((elf->dynamic.versions[i] & 0x8000) || elf->dynamic.versions[i] == 0))
		return false;
	return elf_string(elf, symbol->st_name) != NULL;
}

static void slot_add(struct library *library, uint64_t address, bool compare)
{
	uint64_t word = (address - library->elf.begin) / 8;

	if (!elf_load_at(&library->elf, address, 8))
		return;
	library->relocated[word / 8] |= (unsigned char)(1u << (word % 8));
	if (compare)
		library->slots[library->slot_count++] = address;
}

/* Writable data may be changed by whoever runs; what RELRO covers and the GOT may not. */
static bool slot_is_constant(const struct elf_file *elf, const elf_rela *rela, enum reloc kind)
{
	if (kind == RELOC_SLOT || kind == RELOC_INDIRECT)
		return true;
	return (kind == RELOC_RELATIVE || kind == RELOC_ADDRESS) &&
	       rela->r_offset >= elf->relro.address &&
	       rela->r_offset + 8 <= elf->relro.address + elf->relro.bytes;
}

/* What the ELF loader answers itself, so that unloading, unwinding and thread-local storage work.
 */
static bool import_is_replaced(const struct elf_file *elf, const elf_rela *rela)
{
	static const char *const names[] = { "__cxa_atexit",	    "__cxa_finalize",
					     "__tls_get_addr",	    "__cxa_thread_atexit_impl",
					     "__cxa_thread_atexit", "_dl_find_object",
					     "dl_iterate_phdr" };
	uint64_t index = ELF64_R_SYM(rela->r_info);
	const char *name;

	if (index == 0 || index >= elf->dynamic.symbol_max)
		return false;
	if (ELF64_ST_BIND(elf->dynamic.symbols[index].st_info) == STB_GNU_UNIQUE)
		return true;
	name = elf_string(elf, elf->dynamic.symbols[index].st_name);
	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void rela_scan(struct library *library, const elf_rela *rela, size_t count)
{
	for (size_t i = 0; i < count; i++, rela++) {
		enum reloc kind =
			elf_arch_reloc(elf_arch_native(), (uint32_t)ELF64_R_TYPE(rela->r_info));

		slot_add(library, rela->r_offset,
			 slot_is_constant(&library->elf, rela, kind) &&
				 !import_is_replaced(&library->elf, rela));
		if (kind == RELOC_TLS_DESC)
			slot_add(library, rela->r_offset + 8, false);
	}
}

static void relr_scan(struct library *library)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	uint64_t at = 0;

	for (size_t i = 0; i < dynamic->relr_count; i++) {
		uint64_t entry = dynamic->relr[i];

		if (!(entry & 1)) {
			slot_add(library, entry, false);
			at = entry + 8;
			continue;
		}
		for (unsigned int bit = 1; bit < 64; bit++) {
			if (entry >> bit & 1)
				slot_add(library, at + 8 * (bit - 1), false);
		}
		at += 63 * 8;
	}
}

/* The dynamic linker keeps addresses of its own in the dynamic section and at the head of the GOT.
 */
static void linker_words_skip(struct library *library)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	uint64_t offset = (uint64_t)((const unsigned char *)dynamic->entries - library->elf.bytes);

	for (size_t i = 0; i < library->elf.load_count; i++) {
		const struct elf_segment *load = &library->elf.loads[i];

		if (offset < load->offset || offset >= load->offset + load->file_bytes)
			continue;
		for (uint64_t at = 0; at < (dynamic->count + 1) * sizeof(elf_dyn); at += 8)
			slot_add(library, load->address + (offset - load->offset) + at, false);
	}
	for (size_t i = 0; i < dynamic->count; i++) {
		for (uint64_t at = 0; dynamic->entries[i].d_tag == DT_PLTGOT && at < 24; at += 8)
			slot_add(library, dynamic->entries[i].d_un.d_ptr + at, false);
	}
}

static int library_open(struct library *library, const char *path, struct err *err)
{
	const struct elf_dynamic *dynamic = &library->elf.dynamic;
	size_t symbols, words;
	int r;

	*library = (struct library){ .path = path };
	r = file_load(path, &library->file, err);
	if (r == 0)
		r = elf_file_check(&library->elf, library->file.bytes, library->file.size, err);
	if (r < 0)
		return r;
	symbols = elf_symbol_count(&library->elf);
	words = (size_t)(library->elf.end - library->elf.begin) / 8 + 2;
	library->symbols = calloc(symbols + 1, sizeof(*library->symbols));
	library->slots =
		calloc(dynamic->rela_count + dynamic->plt_rela_count + 1, sizeof(*library->slots));
	library->relocated = calloc(words / 8 + 1, 1);
	if (!library->symbols || !library->slots || !library->relocated)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 1; i < symbols; i++) {
		if (symbol_is_comparable(&library->elf, i))
			library->symbols[library->symbol_count++] = (uint32_t)i;
	}
	rela_scan(library, dynamic->rela, dynamic->rela_count);
	rela_scan(library, dynamic->plt_rela, dynamic->plt_rela_count);
	relr_scan(library);
	linker_words_skip(library);
	library->sheet_bytes =
		sizeof(struct sheet) + 8 * ((size_t)library->symbol_count + library->slot_count);
	return 0;
}

static void library_close(struct library *library)
{
	free(library->symbols);
	free(library->slots);
	free(library->relocated);
	file_unload(&library->file);
}

static const char *symbol_name(const struct library *library, uint32_t i)
{
	const elf_sym *symbol = &library->elf.dynamic.symbols[library->symbols[i]];

	return elf_string(&library->elf, symbol->st_name);
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
static uint32_t changed_count(const struct library *library, uint64_t base)
{
	uint32_t changed = 0;

	for (size_t i = 0; i < library->elf.load_count; i++) {
		const struct elf_segment *load = &library->elf.loads[i];
		uint64_t at = (load->address + 7) & ~7ull;

		for (; load->flags & PF_W && at + 8 <= load->address + load->memory_bytes;
		     at += 8) {
			const void *bytes = elf_bytes_at(&library->elf, at, 8);
			uint64_t word = (at - library->elf.begin) / 8, initial = 0;

			if (library->relocated[word / 8] >> (word % 8) & 1)
				continue;
			if (bytes)
				memcpy(&initial, bytes, sizeof(initial));
			else if (at < load->address + load->file_bytes)
				continue; /* the end of the file's part lies inside the word */
			changed += word_at(base + at) != initial;
		}
	}
	return changed;
}

static void collect(const struct library *library, struct sheet *sheet, uint64_t base)
{
	static struct modules modules;
	uint64_t *answer = sheet->answers + library->symbol_count;

	dl_iterate_phdr(module_take, &modules);
	for (uint32_t i = 0; i < library->slot_count; i++)
		*answer++ = token_of(library, &modules, base, word_at(base + library->slots[i]));
	sheet->changed = changed_count(library, base);
}

static uint64_t answer_of(const void *address, uint64_t base)
{
	return (uint64_t)(uintptr_t)address - base;
}

static void child_dlopen(const struct library *library, struct sheet *sheet)
{
	void *handle = dlopen(library->path, RTLD_NOW | RTLD_LOCAL);
	struct link_map *map;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0) {
		snprintf(sheet->reason, sizeof(sheet->reason), "%s", dlerror());
		sheet->stage = STAGE_REFUSED;
		return;
	}
	sheet->stage = STAGE_LOADED;
	for (uint32_t i = 0; i < library->symbol_count; i++) {
		void *address = dlsym(handle, symbol_name(library, i));

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
		if (image_symbol(image, symbol_name(library, i), &address, &err) == 0)
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
				    symbol_name(library, i), (unsigned long long)got->answers[i],
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
	if (differ == 0 && expected->changed && !got->changed)
		verdict_set(verdict, JUDGED_DIFFERS,
			    "constructors changed %u words of its data, and now none",
			    expected->changed);
	else if (differ == 0)
		verdict_set(verdict, JUDGED_SAME, "%s", "");
}

static void library_compare(const struct library *library, const char *spec,
			    struct sheet *const *sheets, struct verdict *verdict)
{
	int status = child_run(library, NULL, sheets[0]);

	if (!child_survived(status, sheets[0], verdict) || sheets[0]->stage != STAGE_UNLOADED) {
		if (sheets[0]->stage == STAGE_REFUSED)
			verdict_set(verdict, JUDGED_DECLINED, "%s", sheets[0]->reason);
		verdict->judgement = JUDGED_DECLINED;
		return;
	}
	status = child_run(library, spec, sheets[1]);
	if (!child_survived(status, sheets[1], verdict))
		return;
	if (sheets[1]->stage == STAGE_REFUSED)
		verdict_set(verdict, JUDGED_REFUSED, "%s", sheets[1]->reason);
	else
		sheets_compare(library, sheets[0], sheets[1], verdict);
}

void library_judge(const char *path, const char *loader, struct verdict *ret_verdict)
{
	struct library library;
	struct sheet *sheets[2];
	struct err err = { "" };

	memset(ret_verdict, 0, sizeof(*ret_verdict));
	if (library_open(&library, path, &err) < 0) {
		verdict_set(ret_verdict, JUDGED_REFUSED, "%s", err.text);
		library_close(&library);
		return;
	}
	for (int i = 0; i < 2; i++) {
		sheets[i] = mmap(NULL, library.sheet_bytes, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (sheets[i] == MAP_FAILED)
			abort();
	}
	library_compare(&library, loader, sheets, ret_verdict);
	for (int i = 0; i < 2; i++)
		munmap(sheets[i], library.sheet_bytes);
	library_close(&library);
}
