/*
 * A row of the gate judged: which subjects and quantiles are looked at, with which tolerance, and
 * what follows. A pure function of the row's epochs, so a verdict can be computed again.
 *
 * Total p10 and p50 decide, with the tolerance delta: the cut is half of it, which leaves equal
 * room to prove either side. p90 fails at three times the tolerance; every phase with a verdict of
 * its own fails at its own tolerance, by default delta. Neither has to be proven below its cut, but
 * nothing passes while one of them is estimated above it.
 */
#ifndef SOLOAD_BENCH_VERDICT_H
#define SOLOAD_BENCH_VERDICT_H

#include "bench/epochs.h"
#include "bench/judge.h"

#include <stdbool.h>
#include <stddef.h>

struct verdict_rule {
	double delta, alpha;		    /* alpha of the whole gate */
	double phase_delta[EPOCH_SUBJECTS]; /* 0 = delta */
	bool quantiles[EPOCH_QUANTILES];
	size_t rows; /* that share alpha */
};

#define VERDICT_P90_FACTOR 3.0
#define VERDICT_SERIES (EPOCH_SUBJECTS * EPOCH_QUANTILES)

struct verdict_subject {
	int subject, quantile;
	double base_ns, head_ns; /* medians over the epochs */
};

struct verdict {
	enum judge_verdict verdict;
	size_t epochs; /* it was reached after */
	size_t count;
	struct judge_series series[VERDICT_SERIES];
	struct verdict_subject subjects[VERDICT_SERIES]; /* of the series */
	int reason; /* the series that failed or is least decided, -1 = none */
	double *memory;
};

/* A look at the first `epochs` epochs. -ENOMEM. */
int verdict_look(struct verdict *verdict, const struct epoch_row *row,
		 const struct verdict_rule *rule, size_t epochs);

/* All looks in turn, as they were taken. -ENOMEM. */
int verdict_replay(struct verdict *verdict, const struct epoch_row *row,
		   const struct verdict_rule *rule);

void verdict_close(struct verdict *verdict); /* zeroed is fine */

double verdict_percent(double ln_ratio); /* 0.0488 is 5 % more */

/* "link p50 +12.3 % [+10.1, +14.0], more than 2.5 %": returns `buffer`; "" without a reason. */
const char *verdict_reason(const struct verdict *verdict, char *buffer, size_t size);

#endif
