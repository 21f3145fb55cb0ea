/*
 * Has an object hold memory that nothing else knows of, and ends as LeakSanitizer's subject:
 *
 *     leaks LOADER FILE kept | lost | unloaded
 */
#include <soload.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char bytes[1 << 20];

/* Deeper than what is called later, and cleaned: no pointer stays on the stack by accident. */
__attribute__((noinline)) static void call(struct soload_image *image, const char *name)
{
	struct soload_error error = { "" };
	void *address = NULL;

	if (soload_symbol(image, name, &address, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(2);
	}
	((void (*)(void))(unsigned long)address)();
}

__attribute__((noinline)) static void stack_clean(void)
{
	volatile char below[16384];

	for (size_t i = 0; i < sizeof(below); i++)
		below[i] = 0;
}

int main(int argc, char **argv)
{
	struct soload_object object = SOLOAD_OBJECT(bytes, 0);
	struct soload_error error = { "" };
	static struct soload_loader *loader;
	static struct soload_image *image;
	FILE *file = argc == 4 ? fopen(argv[2], "re") : NULL;

	object.size = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
	if (!file || soload_open(&loader, argv[1], &error) < 0 ||
	    soload_load_object(loader, &object, &image, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return 2;
	}
	fclose(file);
	call(image, "hold");
	if (strcmp(argv[3], "lost") == 0)
		call(image, "let_go");
	if (strcmp(argv[3], "unloaded") == 0)
		soload_unload(image);
	stack_clean();
	return 0;
}
