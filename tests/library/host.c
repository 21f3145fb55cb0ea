/* A shared object that holds the library, as a plug-in of a larger program would. */
#include <soload.h>

long host_round(const void *bytes, size_t size);

/* What `probe` of the object answers, or -1. */
long host_round(const void *bytes, size_t size)
{
	struct soload_loader *loader;
	struct soload_image *image;
	void *probe;
	long value = -1;

	if (soload_open(&loader, "elf", NULL) < 0)
		return -1;
	if (soload_load(loader, bytes, size, &image, NULL) == 0) {
		if (soload_symbol(image, "probe", &probe, NULL) == 0)
			value = ((long (*)(void))(uintptr_t)probe)();
		soload_unload(image);
	}
	soload_close(loader);
	return value;
}
