/* Member options: splitting, unescaping and parsing by table. See options.h for the grammar. */
#include "base/options.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 32

/* The first unescaped `stop`, or the end. */
static char *scan_to(char *text, char stop)
{
	while (*text && *text != stop)
		text += text[0] == '\\' && text[1] ? 2 : 1;
	return text;
}

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	*to = '\0';
}

int options_split(char *text, char **ret_items, unsigned int max)
{
	unsigned int count = 0;

	for (;;) {
		char *end = scan_to(text, ',');
		bool last = *end == '\0';

		if (count == max)
			return -E2BIG;
		*end = '\0';
		ret_items[count++] = text;
		if (last)
			return (int)count;
		text = end + 1;
	}
}

const char *options_repeated(const char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(items[i], items[k]) == 0)
				return items[i];
		}
	}
	return NULL;
}

size_t options_name_length(const char *text)
{
	return strcspn(text, ":");
}

int options_size(const char *text, uint64_t *ret_size)
{
	static const char suffixes[] = "KMG";
	unsigned long long number;
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno)
		return -EINVAL;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -EINVAL;
		shift = 10u * (unsigned int)(suffix - suffixes + 1);
	}
	if (number > UINT64_MAX >> shift)
		return -EINVAL;
	*ret_size = (uint64_t)number << shift;
	return 0;
}

static int list_parse(const struct option_def *def, struct option_list *list, char *value,
		      struct err *err)
{
	list->count = 0;
	for (;;) {
		char *end = scan_to(value, '+');
		bool last = *end == '\0';

		if (list->count == OPTION_LIST_MAX)
			return err_set(err, EINVAL, "option %s takes at most %d elements",
				       def->name, OPTION_LIST_MAX);
		*end = '\0';
		unescape(value);
		if (!*value)
			return err_set(err, EINVAL, "option %s has an empty element", def->name);
		list->items[list->count++] = value;
		if (last)
			return 0;
		value = end + 1;
	}
}

static int choice_parse(const struct option_def *def, int *choice, const char *value,
			struct err *err)
{
	char hint[80];

	for (int i = 0; def->choices[i]; i++) {
		if (strcmp(def->choices[i], value) == 0) {
			*choice = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "option %s has no choice '%s'%s", def->name, value,
		       text_suggest(value, strlen(value), def->choices, hint, sizeof(hint)));
}

static int value_parse(const struct option_def *def, void *into, char *value, struct err *err)
{
	void *field = (char *)into + def->offset;

	if (def->kind == OPTION_FLAG) {
		if (value)
			return err_set(err, EINVAL, "option %s takes no value", def->name);
		*(bool *)field = true;
		return 0;
	}
	if (!value || !*value)
		return err_set(err, EINVAL, "option %s needs a value: %s=%s", def->name, def->name,
			       def->argument);
	if (def->kind == OPTION_LIST)
		return list_parse(def, field, value, err);
	unescape(value);
	if (def->kind == OPTION_CHOICE)
		return choice_parse(def, field, value, err);
	if (def->kind == OPTION_TEXT) {
		*(const char **)field = value;
		return 0;
	}
	if (options_size(value, field) < 0)
		return err_set(err, EINVAL,
			       "option %s: '%s' is not a size (a number, with K, M or G)",
			       def->name, value);
	return 0;
}

static int key_unknown(const struct option_def *table, const char *key, struct err *err)
{
	const char *names[KEYS_MAX + 1] = { NULL };
	char hint[80];

	for (int i = 0; i < KEYS_MAX && table && table[i].name; i++)
		names[i] = table[i].name;
	if (!names[0])
		return err_set(err, EINVAL, "takes no options, but '%s' was given", key);
	return err_set(err, EINVAL, "has no option '%s'%s", key,
		       text_suggest(key, strlen(key), names, hint, sizeof(hint)));
}

int options_parse(const struct option_def *table, void *into, char *text, struct err *err)
{
	bool last = *text != ':';

	while (!last) {
		char *key = text + 1;
		char *end = scan_to(key, ':');
		char *value;
		const struct option_def *def = table;
		int r;

		last = *end == '\0';
		*end = '\0';
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		while (def && def->name && strcmp(def->name, key) != 0)
			def++;
		if (!def || !def->name)
			return key_unknown(table, key, err);
		r = value_parse(def, into, value, err);
		if (r < 0)
			return r;
		text = end;
	}
	return 0;
}

void options_help(const struct option_def *table, FILE *out)
{
	for (; table && table->name; table++) {
		char left[64];

		snprintf(left, sizeof(left), ":%s%s%s", table->name, table->argument ? "=" : "",
			 table->argument ? table->argument : "");
		fprintf(out, "    %-22s %s\n", left, table->help);
	}
}

int options_duration(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1.0 }, { "ms", 1e-3 }, { "s", 1.0 }, { "m", 60.0 }, { "h", 3600.0 } };
	char *end;
	double value;

	if (*text < '0' || *text > '9') /* strtod knows "nan", "inf" and signs */
		return -EINVAL;
	value = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double seconds = value * units[i].seconds;

		if (strcmp(end, units[i].name) != 0)
			continue;
		if (!(seconds >= 1e-3 && seconds <= 86400.0))
			return -EINVAL;
		*ret_ns = (uint64_t)(seconds * 1e9);
		return 0;
	}
	return -EINVAL;
}
