/* What a report says in words and tables: the whole of it, an issue, a pull request's comment. */
#ifndef SOLOAD_BENCH_REPORT_TEXT_H
#define SOLOAD_BENCH_REPORT_TEXT_H

#include "base/err.h"
#include "bench/report/markup.h"

/* Writes OUT/report.md and OUT/report.html. */
int text_report(struct data *data, const struct plots *plots, const char *out, struct err *err);

/* What the links of texts to paste begin with, where nothing else is asked for. */
#define TEXT_FIGURES "figures"

/* Under the headings of upstream's performance form, to paste. Pictures are links to
 * `figures`/NAME.png. */
void text_issue(struct data *data, const struct plots *plots, const char *figures, FILE *out);

/* Verdict first, then the forest plot, the table folded. */
void text_pull_request(struct data *data, const struct plots *plots, const char *figures,
		       FILE *out);

/* The table of a set of arms. */
void text_set(struct markup *markup, struct data *data, uint32_t set, const char *folded);

/* Of arms in order of their medians, the fastest of those that bring every byte in anew, with this
 * transport; NULL when there is none. */
const struct data_arm *text_fastest(const struct data_arm *const *arms, size_t n,
				    const char *transport);

/* The first arm of a loader, whatever its options, with this transport or (NULL) any. */
const struct data_arm *text_arm(const struct data_arm *const *arms, size_t n, const char *loader,
				const char *transport);

/* The main finding in a sentence; false when the records hold none. */
#define TEXT_FINDING_BYTES 1000
bool text_finding(struct data *data, char *buffer, size_t size);

#endif
