/* What a process holds: descriptors, mappings, staged files. Taken before and after, compared. */
#ifndef SOLOAD_TESTS_LOADERS_LEAKS_H
#define SOLOAD_TESTS_LOADERS_LEAKS_H

struct leaks {
	unsigned int descriptors;
	unsigned int named;	 /* mappings of files and memory files */
	unsigned int executable; /* executable mappings */
	unsigned int anonymous;	 /* the others; the allocator may add a few on its own */
};

struct leaks leaks_now(void);

/* 0, or -1 after saying on stderr what is more than before. */
int leaks_none(const struct leaks *before);

/* Files with this process's id in their names, in `folder`, /dev/shm and /tmp. Compare with a count
 * taken before: a process of the same id may have been killed here once. */
unsigned int leaks_files(const char *folder);

#endif
