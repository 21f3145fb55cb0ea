/*
 * One file per process, jit-PID.dump. perf finds it by an executable mapping of it that is made
 * while perf records, and believes an entry from its time on. Every byte of an object's code gets
 * one: functions by the best symbol table there is, the rest under the object's name, so that
 * nothing of what lay there before shows through.
 */
#include "loaders/elf/jitdump.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define JITDUMP_MAGIC 0x4a695444u
#define JITDUMP_VERSION 1
#define JITDUMP_CODE_LOAD 0
#define PATH_BYTES 4096
#define NAME_BYTES_MAX 65536u

struct jitdump_header {
	uint32_t magic, version, total_bytes, machine, padding, process;
	uint64_t time, flags;
};

struct jitdump_load {
	uint32_t kind, total_bytes; /* name and code included */
	uint64_t time;
	uint32_t process, thread;
	uint64_t vma, address, bytes, index;
};

/* Symbols of the file in a table of its own (.symtab), or those for the dynamic linker. */
struct symbols {
	const elf_sym *entries;
	size_t count;
	const char *strings;
	size_t string_bytes;
};

struct function {
	uint64_t begin, end; /* in addresses of the object */
	const char *name;
};

static struct {
	pthread_mutex_t lock;
	FILE *file;
	pid_t process; /* whose file it is: a forked one needs its own */
	void *marker;
	uint64_t index;
} dump = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_once_t asked_once = PTHREAD_ONCE_INIT;
static const char *folder; /* NULL: not asked for */

static void folder_ask(void)
{
	const char *given = secure_getenv("SOLOAD_JITDUMP");

	folder = given && given[0] ? given : NULL;
}

static uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void dump_close(void)
{
	if (dump.file)
		fclose(dump.file);
	if (dump.marker)
		munmap(dump.marker, (size_t)sysconf(_SC_PAGESIZE));
	dump.file = NULL;
	dump.marker = NULL;
}

static bool dump_open(uint16_t machine)
{
	struct jitdump_header header = {
		.magic = JITDUMP_MAGIC,
		.version = JITDUMP_VERSION,
		.total_bytes = sizeof(header),
		.machine = machine,
		.process = (uint32_t)getpid(),
		.time = time_now(),
	};
	char path[PATH_BYTES];
	int fd;

	dump_close();
	dump.process = getpid();
	if (snprintf(path, sizeof(path), "%s/jit-%d.dump", folder, (int)dump.process) >= PATH_BYTES)
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	dump.marker = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE,
			   fd, 0);
	if (dump.marker == MAP_FAILED)
		dump.marker = NULL;
	dump.file = dump.marker ? fdopen(fd, "w") : NULL;
	if (!dump.file) {
		close(fd);
		dump_close();
		return false;
	}
	return fwrite(&header, sizeof(header), 1, dump.file) == 1;
}

/* A table of the file that section headers name: no loader looks at those, so nothing about them
 * has been checked. */
static const void *file_range(const struct elf_file *file, uint64_t offset, uint64_t bytes)
{
	return offset <= file->size && bytes <= file->size - offset ? file->bytes + offset : NULL;
}

static bool section_read(const struct elf_file *file, const Elf64_Ehdr *header, uint64_t index,
			 Elf64_Shdr *ret_section)
{
	const void *at = index < header->e_shnum ? file_range(file, header->e_shoff,
							      (index + 1) * sizeof(*ret_section))
						 : NULL;

	if (!at || header->e_shentsize != sizeof(*ret_section))
		return false;
	memcpy(ret_section, (const char *)at + index * sizeof(*ret_section), sizeof(*ret_section));
	return true;
}

static bool symbols_all(const struct elf_file *file, struct symbols *ret_symbols)
{
	Elf64_Shdr section, strings;
	Elf64_Ehdr header;

	memcpy(&header, file->bytes, sizeof(header));
	for (uint64_t i = 0; section_read(file, &header, i, &section); i++) {
		if (section.sh_type != SHT_SYMTAB)
			continue;
		if (!section_read(file, &header, section.sh_link, &strings) ||
		    strings.sh_type != SHT_STRTAB || strings.sh_size == 0)
			return false;
		ret_symbols->entries = file_range(file, section.sh_offset, section.sh_size);
		ret_symbols->count = section.sh_size / sizeof(elf_sym);
		ret_symbols->strings = file_range(file, strings.sh_offset, strings.sh_size);
		ret_symbols->string_bytes = strings.sh_size;
		return ret_symbols->entries && ret_symbols->strings &&
		       ret_symbols->strings[strings.sh_size - 1] == '\0';
	}
	return false;
}

static struct symbols symbols_find(const struct elf_file *file)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	struct symbols symbols;

	if (symbols_all(file, &symbols))
		return symbols;
	return (struct symbols){ dynamic->symbols, elf_symbol_count(file), dynamic->strings,
				 dynamic->string_bytes };
}

/* By address; of several at one address the longest, which is the one that is kept. */
static int function_compare(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end == y->end ? 0 : x->end > y->end ? -1 : 1;
}

static size_t functions_find(const struct elf_file *file, const struct symbols *symbols,
			     struct function *ret_functions)
{
	size_t count = 0;

	for (size_t i = 0; i < symbols->count; i++) {
		const elf_sym *symbol = &symbols->entries[i];
		const struct elf_segment *load;

		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
		    symbol->st_size == 0 || symbol->st_name >= symbols->string_bytes)
			continue;
		load = elf_load_at(file, symbol->st_value, symbol->st_size);
		if (!load || !(load->flags & PF_X))
			continue;
		ret_functions[count++] =
			(struct function){ symbol->st_value, symbol->st_value + symbol->st_size,
					   symbols->strings + symbol->st_name };
	}
	qsort(ret_functions, count, sizeof(*ret_functions), function_compare);
	return count;
}

static void entry_write(const struct elf_object *object, const struct function *function)
{
	size_t name_bytes = strnlen(function->name, NAME_BYTES_MAX);
	struct jitdump_load load = {
		.kind = JITDUMP_CODE_LOAD,
		.time = time_now(),
		.process = (uint32_t)dump.process,
		.thread = (uint32_t)syscall(SYS_gettid),
		.vma = object->base + function->begin,
		.address = object->base + function->begin,
		.bytes = function->end - function->begin,
		.index = dump.index++,
	};

	load.total_bytes = (uint32_t)(sizeof(load) + name_bytes + 1 + load.bytes);
	fwrite(&load, sizeof(load), 1, dump.file);
	fwrite(function->name, 1, name_bytes, dump.file);
	fputc('\0', dump.file);
	fwrite((const void *)(object->base + function->begin), 1, load.bytes, dump.file);
}

/* The code of one segment: its functions, and what is between them as the object's. */
static void segment_write(const struct elf_object *object, const struct elf_segment *load,
			  const struct function *functions, size_t count)
{
	const char *slash = strrchr(object->name, '/'), *name = slash ? slash + 1 : object->name;
	uint64_t at = load->address, end = load->address + load->file_bytes;
	struct function rest = { .name = name[0] ? name : "an object without a name" };

	for (size_t i = 0; i < count; i++) {
		const struct function *function = &functions[i];

		if (function->begin < at || function->end > end)
			continue;
		rest.begin = at;
		rest.end = function->begin;
		if (rest.begin < rest.end)
			entry_write(object, &rest);
		entry_write(object, function);
		at = function->end;
	}
	rest.begin = at;
	rest.end = end;
	if (rest.begin < rest.end)
		entry_write(object, &rest);
}

static bool object_write(const struct elf_object *object)
{
	const struct elf_file *file = &object->file;
	struct symbols symbols = symbols_find(file);
	struct function *functions = calloc(symbols.count + 1, sizeof(*functions));
	size_t count;

	if (!functions)
		return false;
	count = functions_find(file, &symbols, functions);
	for (size_t i = 0; i < file->load_count; i++) {
		if (file->loads[i].flags & PF_X)
			segment_write(object, &file->loads[i], functions, count);
	}
	free(functions);
	return fflush(dump.file) == 0 && !ferror(dump.file);
}

void elf_jitdump_add(const struct elf_object *object, const char **ret_note)
{
	bool written;

	pthread_once(&asked_once, folder_ask);
	if (!folder)
		return;
	pthread_mutex_lock(&dump.lock);
	written = (dump.file && dump.process == getpid()) || dump_open(object->file.machine);
	written = written && object_write(object);
	pthread_mutex_unlock(&dump.lock);
	if (!written && !*ret_note)
		*ret_note =
			"the file that SOLOAD_JITDUMP asks for can't be written: no names for perf";
}

void elf_jitdump_lock(void)
{
	pthread_mutex_lock(&dump.lock);
}

void elf_jitdump_unlock(void)
{
	pthread_mutex_unlock(&dump.lock);
}
