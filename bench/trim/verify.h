/*
 * Are two objects the same to whoever loads them? Each is loaded in a process of its own, by
 * several loaders, and what lies in memory afterwards is compared: every segment and the place of
 * every symbol. Their constructors run.
 */
#ifndef SOLOAD_BENCH_TRIM_VERIFY_H
#define SOLOAD_BENCH_TRIM_VERIFY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct trim_bytes {
	const char *path;
	const void *bytes;
	size_t size;
};

/* What was compared and found equal. */
struct trim_verdict {
	char loaders[64]; /* that loaded both, "memfd, elf" */
	uint64_t symbols, bytes;
};

/*
 * 0 when at least one loader could load both and every one that could found them the same. -EILSEQ
 * with the difference in words, or the reason why neither could be loaded here.
 */
int trim_verify(const struct trim_bytes *whole, const struct trim_bytes *trimmed,
		struct trim_verdict *ret_verdict, struct err *err);

#endif
