/*
 * The dynamic part: what a load costs with each loader of the library, one line
 * "name<TAB>value<TAB> unit" each. Its own program, because dlopen needs a dynamic linker; it asks
 * for nothing of the C library that is newer than 2.17 (compat.c has the rest).
 */
#include <soload.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOADS 60
#define WARMUP 5

extern const unsigned char object_bytes[], object_bytes_end[];
const char *gnu_get_libc_version(void);

static const char *const loaders[] = {
	"disk",	       "disk:mended", "tmpfs",	   "memfd", "cached", "elf",
	"elf:dualmap", "elf:fresh",   "prelinked", "auto",  NULL,
};

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Load, lookup, first call, unload. */
static int load_once(struct soload_loader *loader, double *ret_us, struct soload_error *error)
{
	struct soload_object object =
		SOLOAD_OBJECT(object_bytes, (size_t)(object_bytes_end - object_bytes));
	struct soload_image *image;
	void *entry = NULL;
	long (*call)(void);
	double begin = now_us();
	int r;

	object.name = "facts_object.so";
	object.id = 1;
	r = soload_load_object(loader, &object, &image, error);
	if (r < 0)
		return r;
	r = soload_symbol(image, "facts_entry", &entry, error);
	if (r == 0) {
		memcpy(&call, &entry, sizeof(call));
		call();
	}
	soload_unload(image);
	*ret_us = now_us() - begin;
	return r;
}

/* Median and minimum of many, after the first. */
static void loader_measure(const char *spec)
{
	struct soload_error error = { "" };
	struct soload_loader *loader;
	double first = 0.0, values[LOADS];
	int r = soload_open(&loader, spec, &error);

	if (r < 0) {
		printf("%s\t?\t%s\n", spec, error.text);
		return;
	}
	for (int i = -WARMUP; r == 0 && i < LOADS; i++) {
		double us = 0.0;

		r = load_once(loader, &us, &error);
		if (i == -WARMUP)
			first = us;
		else if (i >= 0)
			values[i] = us;
	}
	soload_close(loader);
	if (r < 0) {
		printf("%s\t?\t%s\n", spec, error.text);
		return;
	}
	qsort(values, LOADS, sizeof(values[0]), compare);
	printf("%s\t%.3f\tus, median\n%s, first\t%.3f\tus\n%s, fastest\t%.3f\tus\n", spec,
	       values[LOADS / 2], spec, first, spec, values[0]);
}

int main(void)
{
	printf("C library\tglibc %s\t\n", gnu_get_libc_version());
	printf("object\t%ld\tbytes\n", (long)(object_bytes_end - object_bytes));
	for (size_t i = 0; loaders[i]; i++) {
		loader_measure(loaders[i]);
		fflush(stdout);
	}
	return 0;
}
