/* What the gate was seen to do on this machine, as a table in Markdown that reads well as text. */
#ifndef SOLOAD_BENCH_PROVE_REPORT_H
#define SOLOAD_BENCH_PROVE_REPORT_H

#include "base/err.h"
#include "bench/gate_row.h"
#include "bench/judge.h"

#include <stdbool.h>
#include <stdio.h>

struct prove_campaign {
	const char *text, *inject;
	double delta;
	unsigned int busy;	   /* loops that run meanwhile */
	unsigned int gates, least; /* planned, and how many of them must be right */
	enum judge_verdict right;
	double seconds;		      /* a gate is expected to take */
	double median_most, p95_most; /* seconds a gate may take, 0 = no goal */
	bool not_by_p10;	      /* p10 alone must never find it, in the same epochs */
};

struct prove_result {
	unsigned int planned, gates; /* of these, broken ones have no verdict */
	unsigned int verdicts[JUDGE_INCONCLUSIVE + 1], broken;
	unsigned int found_by_p10; /* by total p10 alone */
	struct err error;	   /* of the first broken one */
	double *seconds;	   /* per gate */
	double load_low, load_high;
};

struct prove_redrawn {
	unsigned int gates, verdicts[JUDGE_INCONCLUSIVE + 1];
	size_t pool; /* epochs */
};

/* Work that was added on purpose, and whether counting found it. */
struct prove_counted {
	const char *text, *inject, *counter;
	bool counted, found;
	char result[ERR_TEXT_BYTES + 64];
};

struct prove_table {
	const struct prove_campaign *campaigns;
	struct prove_result *results;
	size_t count;
	const struct prove_counted *counted;
	size_t counted_count;
	const char *loader, *object;
	const struct gate_rules *rules; /* of every gate, but for its campaign's delta */
	struct prove_redrawn same, slower;
	double record_ns;
	int jobs; /* gates at once */
	bool quick;
};

void prove_report_write(const struct prove_table *table, FILE *out);

/* "verdict=…", and the exit code. */
int prove_report_last_line(const struct prove_table *table, FILE *out);

#endif
