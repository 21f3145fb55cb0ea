/*
 * What a gate leaves beside epochs.csv, so that its whole verdict can be computed again: the rules
 * and the rows in run.json, the counters in counters.csv.
 */
#ifndef SOLOAD_BENCH_GATE_RECORD_H
#define SOLOAD_BENCH_GATE_RECORD_H

#include "bench/gate_row.h"

#include <jansson.h>
#include <stddef.h>

extern const char gate_counters_header[];

/* NULL when out of memory, which record_note() ignores. */
json_t *gate_record_rules(const struct verdict_rule *rule);
json_t *gate_record_rows(const struct gate_row *rows, size_t count);

/* Writes counters.csv: a line per counter that is known of one side at least and not 0 in both. */
int gate_record_counters(const struct gate_row *rows, size_t count, const char *folder,
			 struct err *err);

/* A gate as it was recorded. */
struct gate_recorded {
	struct gate_row *rows; /* the caller closes and frees them, also after an error */
	size_t count;
	char incomplete[96]; /* why it cannot have passed, in words, or "" */
};

/*
 * Reads rows and rules of the gate whose epochs those are; what is set in `rule` stays. Without a
 * run.json beside it, or one that was interrupted, the rows are those that have epochs. -EINVAL and
 * others in words.
 */
int gate_record_read(const char *epochs_path, struct verdict_rule *rule,
		     struct gate_recorded *ret_recorded, struct err *err);

#endif
