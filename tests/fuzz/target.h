/* What the fuzzer and the corpus test do with one input. */
#ifndef SOLOAD_TESTS_FUZZ_TARGET_H
#define SOLOAD_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_MODES 5 /* ways to load one, by the last byte plus the size, modulo this */

/* Loads `bytes` without running any of them, looks at all there is to look at, unloads. Ends the
 * program when something is wrong that no sanitizer sees. 1 when it was accepted, else 0. */
int fuzz_object(const uint8_t *bytes, size_t size);

#endif
