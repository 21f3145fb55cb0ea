/* soload: a table of commands. */
#include "base/clock.h"

int main(void)
{
	clock_start();
	return 0;
}
