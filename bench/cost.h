/* What one timeline record costs, with its span kept: the median of 400 batches of 1000, in ns. */
#ifndef SOLOAD_BENCH_COST_H
#define SOLOAD_BENCH_COST_H

#define COST_LIMIT_NS 20.0

double cost_record_ns(void);

#endif
