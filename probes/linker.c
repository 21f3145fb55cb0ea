/* Which ld.so a program will have, or a process has. */
#include "probes/names.h"
#include "probes/resolve.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 /* as many interpreters as the kernel follows */

int resolve_program(const char *name, char *ret_path, size_t size)
{
	const char *at = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(ret_path, size, "%s", name);
		return access(name, X_OK) == 0 ? 0 : -errno;
	}
	while (at && *at) {
		size_t length = strcspn(at, ":");

		snprintf(ret_path, size, "%.*s/%s", (int)length, at, name);
		if (access(ret_path, X_OK) == 0)
			return 0;
		at += length + (at[length] == ':');
	}
	return -ENOENT;
}

/* "#!/usr/bin/env python3": the program behind it, or an empty text. */
static void script_interpreter(const char *path, char *ret_path, size_t size)
{
	char line[PATH_MAX] = "", word[256] = "", first[PATH_MAX] = "";
	FILE *file = fopen(path, "re");
	const char *found;

	ret_path[0] = '\0';
	if (!file)
		return;
	if (!fgets(line, sizeof(line), file) || line[0] != '#' || line[1] != '!')
		line[0] = '\0';
	fclose(file);
	if (sscanf(line, "#! %4095s %255s", first, word) < 1)
		return;
	snprintf(ret_path, size, "%s", first);
	found = strrchr(first, '/');
	if (!found || strcmp(found, "/env") != 0 || !word[0])
		return;
	if (resolve_program(word, first, sizeof(first)) == 0)
		snprintf(ret_path, size, "%s", first);
}

int resolve_linker_of_program(const char *path, char *ret_path, size_t size, struct err *err)
{
	char at[PATH_MAX], next[PATH_MAX];

	snprintf(at, sizeof(at), "%s", path);
	for (int i = 0; i < SCRIPTS_MAX; i++) {
		struct names_file file;
		int r;

		script_interpreter(at, next, sizeof(next));
		if (next[0]) {
			memcpy(at, next, sizeof(at));
			continue;
		}
		r = names_open(&file, at, err);
		if (r < 0)
			return r;
		names_interpreter(&file, ret_path, size);
		names_close(&file);
		if (!ret_path[0])
			return err_set(err, ENOEXEC,
				       "%s is linked statically: it has no ld.so to watch", at);
		return 0;
	}
	return err_set(err, ELOOP, "%s: too many interpreters", path);
}

static int auxiliary_read(pid_t pid, unsigned long type, unsigned long *ret_value, struct err *err)
{
	char path[64];
	Elf64_auxv_t entry;
	FILE *file;
	int r = -ENOENT;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return err_sys(err, "%s", path);
	while (r < 0 && fread(&entry, sizeof(entry), 1, file) == 1) {
		if (entry.a_type != type)
			continue;
		*ret_value = entry.a_un.a_val;
		r = 0;
	}
	fclose(file);
	return r < 0 ? err_set(err, ENOENT, "process %d has no ld.so", (int)pid) : 0;
}

/* The file a process has mapped at an address, or by this name: as /proc/PID/maps has it. */
static int mapping_find(pid_t pid, unsigned long address, const char *name, char *ret_name,
			struct err *err)
{
	char path[64], line[PATH_MAX + 128];
	FILE *file;
	int r = -ENOENT;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return err_sys(err, "%s", path);
	while (r < 0 && fgets(line, sizeof(line), file)) {
		unsigned long start = 0, end = 0;
		int at = 0;

		/* The name is the rest of the line: it may have spaces in it. */
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &at) != 2 || !at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (line[at] != '/' ||
		    (name ? strcmp(line + at, name) != 0 : address < start || address >= end))
			continue;
		snprintf(ret_name, PATH_MAX, "%s", line + at);
		r = 0;
	}
	fclose(file);
	return r;
}

/* What the kernel puts behind the name of a file that is no longer there (d_path() in fs/d_path.c).
 */
#define DELETED " (deleted)"

static bool name_deleted(const char *name)
{
	size_t length = strlen(name), end = strlen(DELETED);

	return length > end && strcmp(name + length - end, DELETED) == 0;
}

static int replaced(pid_t pid, const char *name, struct err *err)
{
	return err_set(err, ESTALE,
		       "process %d runs %s, which has been replaced since it started: what the new "
		       "file says is not true of it; start it anew",
		       (int)pid, name);
}

int resolve_linker_of_process(pid_t pid, char *ret_path, size_t size, struct err *err)
{
	unsigned long base = 0;
	char name[PATH_MAX];
	int r = auxiliary_read(pid, AT_BASE, &base, err);

	if (r < 0)
		return r;
	if (!base)
		return err_set(err, ENOEXEC, "process %d is linked statically: no ld.so to watch",
			       (int)pid);
	r = mapping_find(pid, base, NULL, name, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "the ld.so of process %d is not a file", (int)pid);
	if (r < 0)
		return r;
	if (name_deleted(name))
		return replaced(pid, name, err);
	/* Through its root: a container's ld.so is another file of the same name. */
	snprintf(ret_path, size, "/proc/%d/root%s", (int)pid, name);
	return 0;
}

int resolve_current(const char *path, struct err *err)
{
	char name[PATH_MAX + sizeof(DELETED)], found[PATH_MAX];
	int pid, at = 0;

	if (sscanf(path, "/proc/%d/root%n", &pid, &at) != 1 || !at)
		return 0;
	snprintf(name, sizeof(name), "%s" DELETED, path + at);
	return mapping_find(pid, 0, name, found, NULL) == 0 ? replaced(pid, name, err) : 0;
}
