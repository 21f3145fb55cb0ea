/* The list of facts, and its two forms. See facts.h. */
#include "facts.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FACTS_MAX 512

enum kind { TEXT, NUMBER, UNKNOWN };

struct fact {
	const char *group, *name;
	enum kind kind;
	double number;
	char text[200]; /* the text, the unit, or why it is unknown */
};

static struct fact facts[FACTS_MAX];
static size_t fact_count;

static struct fact *fact_add(const char *group, const char *name, enum kind kind)
{
	static struct fact overflow;
	struct fact *fact = fact_count < FACTS_MAX ? &facts[fact_count++] : &overflow;

	fact->group = group;
	fact->name = name;
	fact->kind = kind;
	return fact;
}

void fact_text(const char *group, const char *name, const char *format, ...)
{
	struct fact *fact = fact_add(group, name, TEXT);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fact->text, sizeof(fact->text), format, arguments);
	va_end(arguments);
}

void fact_number(const char *group, const char *name, double value, const char *unit)
{
	struct fact *fact = fact_add(group, name, NUMBER);

	fact->number = value;
	snprintf(fact->text, sizeof(fact->text), "%s", unit);
}

void fact_unknown(const char *group, const char *name, const char *why, ...)
{
	struct fact *fact = fact_add(group, name, UNKNOWN);
	va_list arguments;

	va_start(arguments, why);
	vsnprintf(fact->text, sizeof(fact->text), why, arguments);
	va_end(arguments);
}

int fact_line(const char *group, char *line)
{
	char *value = strchr(line, '\t');
	char *unit = value ? strchr(value + 1, '\t') : NULL;
	char *name, *end;
	double number;

	if (!unit || strchr(unit + 1, '\t'))
		return -EINVAL;
	*value++ = '\0';
	*unit++ = '\0';
	name = strdup(line);
	if (!name)
		return -ENOMEM;
	number = strtod(value, &end);
	if (strcmp(value, "?") == 0)
		fact_unknown(group, name, "%s", unit);
	else if (*value && !*end && isfinite(number))
		fact_number(group, name, number, unit);
	else
		fact_text(group, name, "%s%s%s", value, *unit ? ": " : "", unit);
	return 0;
}

void facts_print(FILE *out)
{
	static const char *group = "";
	static size_t printed;
	int width = 0;

	for (size_t i = printed; i < fact_count; i++) {
		int length = (int)strlen(facts[i].name);

		width = length > width ? length : width;
	}
	for (; printed < fact_count; printed++) {
		const struct fact *fact = &facts[printed];

		if (strcmp(group, fact->group) != 0)
			fprintf(out, "%s%s\n", *group ? "\n" : "", fact->group);
		group = fact->group;
		fprintf(out, "  %-*s  ", width, fact->name);
		if (fact->kind == NUMBER)
			fprintf(out, "%.*f%s%s\n", fact->number == floor(fact->number) ? 0 : 1,
				fact->number, *fact->text ? " " : "", fact->text);
		else
			fprintf(out, "%s%s\n", fact->kind == UNKNOWN ? "unknown: " : "",
				fact->text);
		if (printed == FACTS_MAX - 1)
			fputs("\n(more facts than fit)\n", out);
	}
	fflush(out);
}

/* Bytes that are no UTF-8 come from the device's own files: shown as escapes of their values. */
static void string_write(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void fact_write(FILE *out, const struct fact *fact)
{
	string_write(out, fact->name);
	fputs(": {\"value\": ", out);
	if (fact->kind == NUMBER)
		fprintf(out, "%.9g", fact->number);
	else if (fact->kind == UNKNOWN)
		fputs("null", out);
	else
		string_write(out, fact->text);
	if (fact->kind != TEXT && *fact->text) {
		fprintf(out, ", \"%s\": ", fact->kind == NUMBER ? "unit" : "why");
		string_write(out, fact->text);
	}
	fputc('}', out);
}

int facts_write_json(FILE *out)
{
	const char *group = "";

	fputs("{\n  \"schema\": \"soload-device-facts-1\"", out);
	for (size_t i = 0; i < fact_count; i++) {
		bool opens = strcmp(group, facts[i].group) != 0;

		if (opens && *group)
			fputs("\n  }", out);
		fputs(",\n", out);
		group = facts[i].group;
		if (opens) {
			fputs("  ", out);
			string_write(out, group);
			fputs(": {\n", out);
		}
		fputs("    ", out);
		fact_write(out, &facts[i]);
	}
	fputs(*group ? "\n  }\n}\n" : "\n}\n", out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double median_of(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
}
