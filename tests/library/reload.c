/*
 * Loads one object after the other, calls its function `work`, says where it lay and what it
 * answered, unloads it. Watched from outside by the tests of perf and gdb.
 *
 *     reload LOADER ROUNDS FILE... [+FILE]      +: in a forked process, while the one before is
 * there
 */
#include <soload.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct soload_loader *loader;
static long rounds;

/* Where a debugger stops when an object is in place. */
void loaded(const char *path, struct soload_image *image);

__attribute__((noinline)) void loaded(const char *path, struct soload_image *image)
{
	const char *note = soload_note(image);

	printf("%s at %#lx%s%s\n", strrchr(path, '/') + 1, (unsigned long)soload_base(image),
	       note ? ": " : "", note ? note : "");
	fflush(stdout);
}

static struct soload_image *object_load(const char *path, long (**ret_work)(long))
{
	static unsigned char bytes[1 << 20];
	struct soload_object object = SOLOAD_OBJECT(bytes, 0);
	struct soload_error error = { "" };
	struct soload_image *image = NULL;
	FILE *file = fopen(path, "re");
	void *work = NULL;

	object.size = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
	object.name = path;
	if (!file || soload_load_object(loader, &object, &image, &error) < 0 ||
	    soload_symbol(image, "work", &work, &error) < 0) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		exit(1);
	}
	fclose(file);
	memcpy(ret_work, &work, sizeof(work));
	loaded(path, image);
	return image;
}

static void object_run(const char *path)
{
	long (*work)(long) = NULL;
	struct soload_image *image = object_load(path, &work);

	printf("answer %ld\n", work(rounds));
	fflush(stdout);
	soload_unload(image);
}

int main(int argc, char **argv)
{
	struct soload_error error = { "" };
	int status = 0;

	if (argc < 4 || soload_open(&loader, argv[1], &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return 2;
	}
	rounds = atol(argv[2]);
	for (int i = 3; i < argc; i++) {
		if (argv[i][0] != '+') {
			object_run(argv[i]);
		} else if (fork() == 0) {
			object_run(argv[i] + 1);
			return 0;
		} else {
			wait(&status);
		}
	}
	soload_close(loader);
	return status != 0;
}
