/* The object the examples load: a function with a variable and an import. */
#include <stdio.h>

static int calls;

int plugin_greet(const char *name);

int plugin_greet(const char *name)
{
	printf("hello %s, from an object that was never a file\n", name);
	return ++calls;
}
