/* An object that holds memory in each kind of variable it has, or lets go of what it held. */
#include <stdlib.h>

void hold(void);
void let_go(void);

static void *volatile in_bss;
static void *volatile in_data = (void *)1;
static __thread void *volatile in_thread;

void hold(void)
{
	in_bss = malloc(1001);
	in_data = malloc(1002);
	in_thread = malloc(1003);
}

void let_go(void)
{
	in_bss = NULL;
}
