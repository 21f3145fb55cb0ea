/* Counting what a process holds. See leaks.h. */
#include "tests/loaders/leaks.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The allocator may map an arena more; ThreadSanitizer maps for every thread that ever was. */
#ifdef __SANITIZE_THREAD__
#define ANONYMOUS_SLACK 1000
#else
#define ANONYMOUS_SLACK 8
#endif

static unsigned int descriptors_count(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

struct leaks leaks_now(void)
{
	struct leaks now = { .descriptors = descriptors_count() };
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4608], permissions[8];

	while (maps && fgets(line, sizeof(line), maps)) {
		/* The kernel's, for good, once somebody has put a probe into a library that this
		 * process has, too: a trace of any program on this machine does. */
		if (strstr(line, "[uprobes]") || sscanf(line, "%*s %7s", permissions) != 1)
			continue;
		if (permissions[2] == 'x')
			now.executable++;
		if (strchr(line, '/'))
			now.named++;
		else if (permissions[2] != 'x')
			now.anonymous++;
	}
	if (maps)
		fclose(maps);
	return now;
}

static int more(const char *what, unsigned int before, unsigned int after, unsigned int slack)
{
	if (after <= before + slack)
		return 0;
	fprintf(stderr, "leaked: %u %s before, %u after\n", before, what, after);
	return -1;
}

int leaks_none(const struct leaks *before)
{
	struct leaks now = leaks_now();
	int r = 0;

	r |= more("descriptors", before->descriptors, now.descriptors, 0);
	r |= more("file mappings", before->named, now.named, 0);
	r |= more("executable mappings", before->executable, now.executable, 0);
	r |= more("anonymous mappings", before->anonymous, now.anonymous, ANONYMOUS_SLACK);
	return r;
}

static unsigned int files_in(const char *folder)
{
	DIR *entries = opendir(folder);
	unsigned int count = 0;
	struct dirent *entry;
	char with_dot[24], with_line[24];

	snprintf(with_dot, sizeof(with_dot), "_%d.", (int)getpid());
	snprintf(with_line, sizeof(with_line), "_%d_", (int)getpid());
	while (entries && (entry = readdir(entries)))
		count += strstr(entry->d_name, with_dot) || strstr(entry->d_name, with_line);
	if (entries)
		closedir(entries);
	return count;
}

unsigned int leaks_files(const char *folder)
{
	return files_in(folder) + files_in("/dev/shm") + files_in("/tmp");
}
