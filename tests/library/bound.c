/*
 * bound OBJECT OUTER [HOST [deeply]]: what OBJECT is bound to when it comes in by dlopen, and when
 * it comes in by the library, which is in this program or in the shared object HOST. OUTER is
 * global when it is bound, and is closed while OBJECT is there. Prints the answers, and whether
 * OUTER went with HOST. With IS_OBJECT, IS_OUTER or IS_HOST: those.
 */
long probe(void);
int inner(void);
int outer(void);

#if defined(IS_OBJECT)
/* Not to be seen through: it is bound to, by name. */
__attribute__((noipa)) int inner(void)
{
	return 2;
}

long probe(void)
{
	return inner() * 10 + outer();
}
#elif defined(IS_OUTER)
int outer(void)
{
	return 5;
}
#else
#include <dlfcn.h>
#include <soload.h>
#include <stdio.h>
#include <stdlib.h>

typedef long load_function(const void *bytes, size_t size);
typedef void unload_function(void);
typedef long probe_function(void);

static struct soload_loader *loader;
static struct soload_image *image;

long host_load(const void *bytes, size_t size);
void host_unload(void);

/* The object's probe, as a number; 0 = it did not load. */
long host_load(const void *bytes, size_t size)
{
	struct soload_error error = { "" };
	void *address = NULL;

	if (soload_open(&loader, "elf", &error) < 0 ||
	    soload_load(loader, bytes, size, &image, &error) < 0 ||
	    soload_symbol(image, "probe", &address, &error) < 0)
		fprintf(stderr, "%s\n", error.text);
	return (long)address;
}

void host_unload(void)
{
	soload_unload(image);
	soload_close(loader);
}

#if defined(IS_HOST)
int inner(void)
{
	return 1;
}

int outer(void)
{
	return 7;
}
#else
static int dlopen_answer(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	probe_function *function = handle ? (probe_function *)dlsym(handle, "probe") : NULL;
	long answer = function ? function() : 0;

	if (!handle)
		fprintf(stderr, "%s\n", dlerror());
	else
		dlclose(handle);
	return (int)answer;
}

static void *file_read(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	void *bytes;

	if (!file || fseek(file, 0, SEEK_END) != 0)
		exit(2);
	*ret_size = (size_t)ftell(file);
	bytes = malloc(*ret_size);
	rewind(file);
	if (!bytes || fread(bytes, 1, *ret_size, file) != *ret_size)
		exit(2);
	fclose(file);
	return bytes;
}

int main(int argc, char **argv)
{
	int flags = argc > 4 ? RTLD_NOW | RTLD_DEEPBIND : RTLD_NOW;
	void *host = argc > 3 ? dlopen(argv[3], flags) : NULL, *global, *bytes;
	load_function *load = host ? (load_function *)dlsym(host, "host_load") : host_load;
	unload_function *unload =
		host ? (unload_function *)dlsym(host, "host_unload") : host_unload;
	probe_function *function;
	size_t size;

	if (argc < 3 || (argc > 3 && !host))
		return 2;
	global = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
	printf("%d", dlopen_answer(argv[1]));
	bytes = file_read(argv[1], &size);
	function = (probe_function *)load(bytes, size);
	if (!global || !function)
		return 1;
	printf(" %ld", function());
	fflush(stdout);
	dlclose(global);
	printf(" %ld", function());
	unload();
	if (host)
		dlclose(host);
	printf(" %s\n", dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) ? "stays" : "went");
	free(bytes);
	return 0;
}
#endif
#endif
