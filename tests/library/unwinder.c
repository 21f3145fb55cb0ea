/*
 * Two unwinders in one process, the second loaded while objects are registered with the first: each
 * gets back what it was given. With -DSECOND, the second one: it counts.
 */
#ifdef SECOND
#include <stddef.h>

#define FRAMES_MAX 16

static void *frames[FRAMES_MAX];
int second_given, second_taken, second_strange;

void __register_frame(void *begin);
void __deregister_frame(void *begin);

void __register_frame(void *begin)
{
	frames[second_given++ % FRAMES_MAX] = begin;
}

void __deregister_frame(void *begin)
{
	for (int i = 0; i < FRAMES_MAX; i++) {
		if (frames[i] != begin)
			continue;
		frames[i] = NULL;
		second_taken++;
		return;
	}
	second_strange++;
}
#else
#include <dlfcn.h>
#include <soload.h>
#include <stdio.h>
#include <stdlib.h>

static struct soload_loader *loader;
static unsigned char bytes[1 << 20];
static size_t size;

static struct soload_image *load(void)
{
	struct soload_error error = { "" };
	struct soload_image *image = NULL;

	if (soload_load(loader, bytes, size, &image, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	return image;
}

static int count(void *library, const char *name)
{
	return *(int *)dlsym(library, name);
}

/* unwinder OBJECT SECOND.SO */
int main(int argc, char **argv)
{
	struct soload_image *before, *after;
	FILE *file = argc == 3 ? fopen(argv[1], "re") : NULL;
	void *second;

	if (!file || !dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL) ||
	    soload_open(&loader, "elf", NULL) < 0)
		return 1;
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	before = load();
	second = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
	if (!second)
		return 1;
	after = load();
	printf("given %d", count(second, "second_given"));
	soload_unload(before); /* the first one's */
	printf(", taken %d, strange %d", count(second, "second_taken"),
	       count(second, "second_strange"));
	dlclose(second); /* stays: it holds frames */
	soload_unload(after);
	second = dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD);
	if (!second)
		return 1;
	printf(", then %d, strange %d\n", count(second, "second_taken"),
	       count(second, "second_strange"));
	soload_close(loader);
	return 0;
}
#endif
