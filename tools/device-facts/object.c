/*
 * An object about the workload's size, in C so that no C++ library must be there: 360 KB of
 * constants, 2000 relative relocations, 300 functions.
 */
#define BULK_BYTES 360000
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define TENTH(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define TENTHS(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)

#define POINTER(n) bulk + 0x##n,
#define POINTERS_10(n) TEN(POINTER, n)
#define POINTERS_100(n) TENTH(POINTERS_10, n)
#define POINTERS_1000(n) TENTHS(POINTERS_100, n)
#define FUNCTION(n) \
	long facts_function_##n(long x); \
	long facts_function_##n(long x) \
	{ \
		return x + 0x##n; \
	}
#define FUNCTIONS_10(n) TEN(FUNCTION, n)
#define FUNCTIONS_100(n) TENTH(FUNCTIONS_10, n)

static const char bulk[BULK_BYTES] = { 1 };

static const char *const table[] = { POINTERS_1000(1) POINTERS_1000(2) };

FUNCTIONS_100(0)
FUNCTIONS_100(1)
FUNCTIONS_100(2)

long facts_entry(void);

long facts_entry(void)
{
	long sum = 0;

	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		sum += *(const volatile char *)table[i];
	return sum;
}
