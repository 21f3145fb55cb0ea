/*
 * What is known of a device after this program ran on it: facts in groups, in the order they were
 * found, as text and as JSON.
 *
 * The program is static and takes nothing for granted but Linux: it reads, tries things in child
 * processes, measures, and says what it could not find out and why.
 */
#ifndef SOLOAD_DEVICE_FACTS_H
#define SOLOAD_DEVICE_FACTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OBJECT_BYTES 460800 /* what costs are measured on: about the workload's object */

/* Group and name are kept, not copied: literals. "" as unit: none. */
void fact_text(const char *group, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fact_number(const char *group, const char *name, double value, const char *unit);
void fact_unknown(const char *group, const char *name, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* A line "name<TAB>value<TAB>unit" or "name<TAB>?<TAB>reason" of a part in another process. 0, or
 * -EINVAL: it is none. */
int fact_line(const char *group, char *line);

void facts_print(FILE *out);	 /* those found since the last time */
int facts_write_json(FILE *out); /* 0 or a negative errno */

/* The parts, in this order. */
void machine_facts(void); /* kernel, processor, memory, limits, security */
void place_facts(void);	  /* where a file could be staged */
void memory_facts(void);  /* which ways to executable memory are open */

/* In a process of its own, to which a limit on memory may put an end: what the steps of a load
 * cost, each alone; lines for fact_line() on stdout. */
void costs_run(void);

/* The directories a runtime may stage in, ending with NULL. */
extern const char *const places[];

/* An empty file without a name in `place`, close-on-exec, or -errno. */
int place_file(const char *place);

/* Middle of `count` values, which it sorts. */
double median_of(double *values, size_t count);

#endif
