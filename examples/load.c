/* Loads an object from a byte array, calls it, unloads it. */
#include <soload.h>
#include <stdio.h>

extern const unsigned char plugin_bytes[], plugin_bytes_end[];

int main(void)
{
	struct soload_error error = { "" };
	struct soload_loader *loader;
	struct soload_image *image;
	void *greet;
	int r;

	r = soload_open(&loader, "auto", &error);
	if (r == 0) {
		r = soload_load(loader, plugin_bytes, (size_t)(plugin_bytes_end - plugin_bytes),
				&image, &error);
		if (r == 0) {
			r = soload_symbol(image, "plugin_greet", &greet, &error);
			if (r == 0)
				((int (*)(const char *))(uintptr_t)greet)("C");
			soload_unload(image);
		}
		soload_close(loader);
	}
	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	return r < 0;
}
