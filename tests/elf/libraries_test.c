/*
 * Real libraries: each that dlopen() accepts is loaded in a process of its own, its constructors
 * run, and every symbol it exports must be at the same offset as the dynamic linker says. Arguments
 * or SOLOAD_LIBRARIES (a file with a path per line) name the libraries; without, a sample that
 * every Debian system has, and what the build needs.
 */
#include "base/file.h"
#include "loaders/elf/object.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANGS_AFTER_S 60
#define SYMBOLS_MAX 20000 /* compared per library, evenly spread */

static const char *const sample[] = {
	"libz.so.1",
	"libm.so.6",
	"libstdc++.so.6",
	"libgcc_s.so.1",
	"libcrypto.so.3",
	"libssl.so.3",
	"libelf.so.1",
	"libjansson.so.4",
	"libxxhash.so.0",
	"libcmocka.so.0",
	"libsqlite3.so.0",
	"liblzma.so.5",
	"libbz2.so.1.0",
	"libzstd.so.1",
	"libexpat.so.1",
	"libffi.so.8",
	"libpcre2-8.so.0",
	"libselinux.so.1",
	"libmount.so.1",
	"libblkid.so.1",
	"libuuid.so.1",
	"libcap.so.2",
	"libacl.so.1",
	"libattr.so.1",
	"libaudit.so.1",
	"libpam.so.0",
	"libcrypt.so.1",
	"libdb-5.3.so",
	"libgmp.so.10",
	"libmpfr.so.6",
	"libmpc.so.3",
	"libisl.so.23",
	"libreadline.so.8",
	"libncursesw.so.6",
	"libtinfo.so.6",
	"libgomp.so.1",
	"libatomic.so.1",
	"libquadmath.so.0",
	"libbfd-2.40-system.so",
	"libctf.so.0",
	"libdw.so.1",
	"libbpf.so.1",
	"libglib-2.0.so.0",
	"libsystemd.so.0",
	"libudev.so.1",
	"libresolv.so.2",
	"librt.so.1",
	"libutil.so.1",
	"libcurl.so.4",
	"libpython3.11.so.1.0",
	"libperl.so.5.36",
	"libLLVM-14.so.1",
};
#define SAMPLE (sizeof(sample) / sizeof(sample[0]))

enum verdict { ABSENT, SAME, REFUSED, WRONG };

#define NOWHERE UINT64_MAX /* not a symbol to compare */

/* What the two children find; shared memory. One asks the dynamic linker, the other this loader:
 * two copies of one library in a process may not get along. */
static struct report {
	bool known; /* dlopen took it */
	char path[PATH_MAX];
	uint64_t offsets[SYMBOLS_MAX]; /* of symbols 1 + i * step */
	enum verdict verdict;
	unsigned long symbols;
	struct err err;
} * report;

static size_t symbol_step(const struct elf_file *file)
{
	return elf_symbol_count(file) / SYMBOLS_MAX + 1;
}

/* Thread-local and indirect symbols answer with addresses that have no offset, absolute ones with a
 * number. */
static const char *symbol_name(const struct elf_file *file, size_t i)
{
	const elf_sym *symbol = &file->dynamic.symbols[i];
	const char *name = elf_string(file, symbol->st_name);

	if (!name || !name[0] || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS ||
	    ELF64_ST_TYPE(symbol->st_info) == STT_TLS ||
	    ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		return NULL;
	return name;
}

static void linker_ask(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL), *address;
	struct link_map *map = NULL;
	struct file_bytes bytes;
	struct elf_file file;
	Dl_info where;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 ||
	    !realpath(map->l_name, report->path) || file_load(report->path, &bytes, NULL) < 0 ||
	    elf_file_check(&file, bytes.bytes, bytes.size, &report->err) < 0)
		return;
	for (size_t i = 0; i < SYMBOLS_MAX; i++)
		report->offsets[i] = NOWHERE;
	for (size_t i = 1, at = 0; i < elf_symbol_count(&file); i += symbol_step(&file), at++) {
		const char *name = symbol_name(&file, i);

		address = name ? dlsym(handle, name) : NULL;
		/* A hidden version is not found; a library it needs may have one of that name. */
		if (address && dladdr(address, &where) &&
		    (uintptr_t)where.dli_fbase == map->l_addr + (file.begin & ~UINT64_C(4095)))
			report->offsets[at] = (uintptr_t)address - map->l_addr;
	}
	report->known = true;
}

/* The library's symbols one by one. */
static int symbols_compare(struct elf_object *object)
{
	const struct elf_file *file = &object->file;

	for (size_t i = 1, at = 0; i < elf_symbol_count(file); i += symbol_step(file), at++) {
		const char *name = symbol_name(file, i);
		void *address;

		if (!name || report->offsets[at] == NOWHERE)
			continue;
		if (elf_object_symbol(object, name, &address, &report->err) < 0)
			return -1;
		if ((uintptr_t)address - object->base != report->offsets[at])
			return err_set(&report->err, EINVAL, "%s is at 0x%lx, expected 0x%lx", name,
				       (unsigned long)((uintptr_t)address - object->base),
				       (unsigned long)report->offsets[at]);
		report->symbols++;
	}
	return 0;
}

static void loader_ask(const char *path)
{
	const struct elf_arena_options options = { .slots = 1 };
	struct elf_source source = { .fd = -1, .name = path };
	struct elf_object *object;
	struct elf_arena *arena;
	struct file_bytes file;

	if (elf_arena_new(&arena, &options, &report->err) < 0 ||
	    file_load(path, &file, &report->err) < 0)
		return;
	source.bytes = file.bytes;
	source.size = file.size;
	report->verdict = REFUSED;
	if (elf_object_load(arena, &source, &object, NULL, &report->err) < 0)
		return;
	report->verdict = symbols_compare(object) < 0 ? WRONG : SAME;
	(void)elf_object_unload(object);
}

/* In words, or NULL when the child ended by itself. */
static const char *child_run(void (*ask)(const char *path), const char *path)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		alarm(HANGS_AFTER_S);
		ask(path);
		exit(0); /* what was loaded ends as in any program */
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return "no process";
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status));
	return WEXITSTATUS(status) ? "ends the process" : NULL;
}

static unsigned int counts[WRONG + 1], crashes;
static unsigned long symbols;

static void library_judge(const char *path)
{
	const char *end;

	memset(report, 0, offsetof(struct report, offsets));
	report->verdict = ABSENT;
	report->symbols = 0;
	end = child_run(linker_ask, path);
	if (!report->known || end) {
		counts[ABSENT]++;
		return;
	}
	end = child_run(loader_ask, report->path);
	if (end) {
		printf("not ok %s: %s\n", path, end);
		crashes++;
		return;
	}
	counts[report->verdict]++;
	symbols += report->symbols;
	if (report->verdict == REFUSED)
		printf("# %s: refused: %s\n", path, report->err.text);
	if (report->verdict == WRONG)
		printf("not ok %s: %s\n", path, report->err.text);
}

static int list_judge(const char *list)
{
	FILE *file = fopen(list, "r");
	char path[PATH_MAX];

	if (!file) {
		perror(list);
		return -1;
	}
	while (fgets(path, sizeof(path), file)) {
		path[strcspn(path, "\n")] = '\0';
		library_judge(path);
	}
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	const char *list = getenv("SOLOAD_LIBRARIES");

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 1;
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			library_judge(argv[i]);
	} else if (list) {
		if (list_judge(list) < 0)
			return 1;
	} else {
		for (size_t i = 0; i < SAMPLE; i++)
			library_judge(sample[i]);
	}
	printf("%u libraries the same (%lu symbols), %u refused, %u wrong, %u crashed, %u that "
	       "dlopen does not have\n",
	       counts[SAME], symbols, counts[REFUSED], counts[WRONG], crashes, counts[ABSENT]);
	return counts[WRONG] || crashes || !counts[SAME];
}
