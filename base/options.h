/*
 * Options of a member (a loader, a transport, a scenario) on the command line: NAME[:KEY[=VALUE]]…
 *
 * A comma separates members, a plus sign the elements of a list, and a backslash takes the meaning
 * from the next character: "disk:dirs=/var/tmp+/tmp,memfd:naive". A member describes its options in
 * a table beside the struct they fill; parsing and the help text both come from that table.
 */
#ifndef SOLOAD_BASE_OPTIONS_H
#define SOLOAD_BASE_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTION_LIST_MAX 16

enum option_kind {
	OPTION_FLAG,   /* bool: KEY alone */
	OPTION_SIZE,   /* uint64_t: KEY=4096 | 4K | 2M | 1G, powers of 1024 */
	OPTION_TEXT,   /* const char *: KEY=VALUE */
	OPTION_LIST,   /* struct option_list: KEY=A+B */
	OPTION_CHOICE, /* int, an index into choices: KEY=NAME */
};

struct option_list {
	const char *items[OPTION_LIST_MAX];
	unsigned int count;
};

struct option_def {
	const char *name;
	enum option_kind kind;
	size_t offset;		    /* of the field in the member's options struct */
	const char *argument;	    /* shown in help: "A+B", "SIZE"; NULL for flags */
	const char *help;	    /* one line */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated names */
};

/*
 * Splits "a:x,b:y=1" at its unescaped commas, in place: returns how many items were stored, or
 * -E2BIG. The items keep their backslashes for options_parse().
 */
int options_split(char *text, char **ret_items, unsigned int max);

/* An item that equals one before it, or NULL: "elf" of "elf,memfd,elf". */
const char *options_repeated(const char *const *items, size_t count);

/* The length of the member's name in "NAME:KEY=VALUE". */
size_t options_name_length(const char *text);

/*
 * Parses ":KEY=VALUE:KEY…" (or "") into the struct at `into`, which holds the defaults beforehand.
 * `text` is changed and must outlive `into`, which points into it. `table` ends with a NULL name
 * and may be NULL for a member without options. -EINVAL with a sentence naming the key, the nearest
 * known one and the value at fault.
 */
int options_parse(const struct option_def *table, void *into, char *text, struct err *err);

/* One aligned line per option, indented by four. */
void options_help(const struct option_def *table, FILE *out);

/* "4K" -> 4096. -EINVAL when it is not a number with an optional K, M or G, or does not fit. */
int options_size(const char *text, uint64_t *ret_size);

/* "500ms", "30s", "2m", "1h", a number alone in seconds -> nanoseconds. -EINVAL when it is none, is
 * not above 0, or is more than a day. */
int options_duration(const char *text, uint64_t *ret_ns);

#endif
