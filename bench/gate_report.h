/* A gate's result as people and machines read it: a table, Markdown, annotations, the last line. */
#ifndef SOLOAD_BENCH_GATE_REPORT_H
#define SOLOAD_BENCH_GATE_REPORT_H

#include "bench/command.h"
#include "bench/gate_row.h"

#include <stdio.h>

struct gate_result {
	const struct gate_row *rows;
	size_t count;
	const char *base, *head; /* as they were given */
	const char *title;	 /* the conditions, one line */
	const char *incomplete;	 /* why it can be no pass, or NULL */
};

/* 0, 1, 3, or 77 when no row could be compared. */
enum exit_code gate_result_code(const struct gate_result *result);

void gate_report_table(const struct gate_result *result, FILE *out);
void gate_report_markdown(const struct gate_result *result, FILE *out);

/* Lines that GitHub shows beside a change: ::error and ::warning. */
void gate_report_annotations(const struct gate_result *result, FILE *out);

/* "verdict=fail reason=..." */
void gate_report_last_line(const struct gate_result *result, FILE *out);

#endif
