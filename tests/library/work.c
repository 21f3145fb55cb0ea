/* An object whose own function, named on the command line, takes the time. */
long work(long rounds);

static volatile long sum;

__attribute__((noinline)) static void NAME(long i)
{
	for (long k = 0; k < 1000; k++)
		sum += i ^ k;
}

long work(long rounds)
{
	for (long i = 0; i < rounds; i++)
		NAME(i);
	return sum != 0;
}
