/* Lines are read from a file anybody may have edited: nothing is believed. See line.h. */
#include "bench/history/line.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 400
#define RATIO_MAX 1000.0

static json_t *member(const struct history_line *line, const char *path)
{
	json_t *at = line->json;
	char name[64];

	for (const char *dot = path; at && *path; path = *dot ? dot + 1 : dot) {
		dot = path + strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		at = json_object_get(at, name);
	}
	return at;
}

const char *history_text(const struct history_line *line, const char *path)
{
	const char *text = json_string_value(member(line, path));

	return text ? text : "";
}

int64_t history_number(const struct history_line *line, const char *path)
{
	return json_integer_value(member(line, path));
}

double history_real(const struct history_line *line, const char *path)
{
	return json_number_value(member(line, path));
}

static json_t *loader_of(const struct history_line *line, const char *loader)
{
	return json_object_get(json_object_get(line->json, "loaders"), loader);
}

const char *history_loader(const struct history_line *line, const char *loader)
{
	json_t *loaders = json_object_get(line->json, "loaders");
	void *at = loader ? json_object_iter_next(loaders, json_object_iter_at(loaders, loader))
			  : json_object_iter(loaders);

	return at ? json_object_iter_key(at) : NULL;
}

int64_t history_epochs(const struct history_line *line)
{
	int64_t least = INT64_MAX;

	for (const char *at = history_loader(line, NULL); at; at = history_loader(line, at)) {
		int64_t epochs = json_integer_value(json_object_get(loader_of(line, at), "epochs"));

		least = epochs && epochs < least ? epochs : least;
	}
	return least < INT64_MAX ? least : 0;
}

bool history_ratio(const struct history_line *line, const char *loader, const char *quantile,
		   struct history_ratio *ret_ratio)
{
	json_t *three = json_object_get(loader_of(line, loader), quantile);
	double ends[2];

	if (!json_is_array(three))
		return false;
	for (size_t i = 0; i < 2; i++) {
		json_t *end = json_array_get(three, i + 1);

		ends[i] = json_is_number(end) ? json_number_value(end) : (double)NAN;
	}
	*ret_ratio = (struct history_ratio){ json_number_value(json_array_get(three, 0)), ends[0],
					     ends[1] };
	return true;
}

int64_t history_group(const struct history_line *line, const char *loader)
{
	json_t *group = json_object_get(loader_of(line, loader), "group");

	return json_is_integer(group) ? json_integer_value(group) : 1;
}

bool history_work(const struct history_line *line, const char *loader, const char *counter,
		  uint64_t *ret_value)
{
	json_t *value = json_object_get(json_object_get(loader_of(line, loader), "work"), counter);

	if (!json_is_integer(value))
		return false;
	*ret_value = (uint64_t)json_integer_value(value);
	return true;
}

/* What would move a terminal's cursor, or end a line. */
static bool is_printable(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
			return false;
	}
	return true;
}

static int text_check(const struct history_line *line, const char *path, struct err *err)
{
	json_t *text = member(line, path);

	if (!json_is_string(text))
		return err_set(err, EINVAL, "%s is missing, or no text", path);
	if (json_string_length(text) > TEXT_MAX || !is_printable(json_string_value(text)) ||
	    strlen(json_string_value(text)) != json_string_length(text))
		return err_set(err, EINVAL,
			       "%s is longer than %d bytes or holds control characters", path,
			       TEXT_MAX);
	return 0;
}

static int hash_check(const struct history_line *line, const char *path, size_t digits,
		      struct err *err)
{
	const char *text = history_text(line, path);

	if (strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
		return err_set(err, EINVAL, "%s is not %zu hexadecimal digits", path, digits);
	return 0;
}

static int number_check(const struct history_line *line, const char *path, struct err *err)
{
	json_t *number = member(line, path);

	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return err_set(err, EINVAL, "%s is missing, or no whole number", path);
	return 0;
}

/* "2026-11-22T10:12:45Z" */
static int time_check(const struct history_line *line, struct err *err)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	const char *text = history_text(line, "time");
	bool good = strlen(text) == strlen(form);

	for (size_t i = 0; good && form[i]; i++)
		good = form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i];
	return good ? 0 : err_set(err, EINVAL, "time is none such as 2026-11-22T10:12:45Z");
}

static int ratio_check(const struct history_line *line, const char *loader, const char *quantile,
		       struct err *err)
{
	json_t *three = json_object_get(loader_of(line, loader), quantile);
	struct history_ratio ratio;

	if (!three)
		return 0;
	if (!json_is_array(three) || json_array_size(three) != 3)
		return err_set(err, EINVAL, "%s of %.40s is not [ratio, low, high]", quantile,
			       loader);
	history_ratio(line, loader, quantile, &ratio);
	for (size_t i = 1; i < 3; i++) {
		json_t *end = json_array_get(three, i);

		if (!json_is_number(end) && !json_is_null(end))
			return err_set(err, EINVAL, "%s of %.40s: an end is no number", quantile,
				       loader);
	}
	if (!(ratio.value > 1.0 / RATIO_MAX && ratio.value < RATIO_MAX) ||
	    (isfinite(ratio.low) && !(ratio.low > 0.0)) || ratio.low > ratio.value ||
	    ratio.high < ratio.value)
		return err_set(err, EINVAL, "%s of %.40s is no ratio with its interval", quantile,
			       loader);
	return 0;
}

static int loader_check(const struct history_line *line, const char *loader, struct err *err)
{
	json_t *work = json_object_get(loader_of(line, loader), "work"), *value;
	const char *counter;
	int r;

	if (!*loader || strlen(loader) > 100 || !is_printable(loader))
		return err_set(err, EINVAL, "loaders: a name that is none");
	if (!json_is_object(loader_of(line, loader)) || (work && !json_is_object(work)))
		return err_set(err, EINVAL, "loaders: %s is no object", loader);
	r = ratio_check(line, loader, "p10", err);
	if (r == 0)
		r = ratio_check(line, loader, "p50", err);
	json_object_foreach(work, counter, value)
	{
		if (r == 0 && (!json_is_integer(value) || json_integer_value(value) < 0))
			r = err_set(err, EINVAL, "%s of %s is no whole number", counter, loader);
	}
	return r;
}

static int line_check(const struct history_line *line, struct err *err)
{
	static const char *const texts[] = { "title", "object.name", "machine.cpu",
					     "machine.kernel", "machine.libc" };
	json_t *schema = member(line, "schema");
	int r = 0;

	if (!json_is_object(line->json) || !json_is_integer(schema))
		return err_set(err, EINVAL, "no object with a schema");
	if (json_integer_value(schema) != HISTORY_SCHEMA)
		return err_set(err, EINVAL, "schema %lld is not the one this soload reads (%d)",
			       (long long)json_integer_value(schema), HISTORY_SCHEMA);
	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = text_check(line, texts[i], err);
	if (r == 0)
		r = hash_check(line, "revision", HISTORY_HASH, err);
	if (r == 0)
		r = hash_check(line, "reference", HISTORY_HASH, err);
	if (r == 0)
		r = hash_check(line, "object.xxh64", 16, err);
	if (r == 0)
		r = number_check(line, "number", err);
	if (r == 0)
		r = time_check(line, err);
	if (r == 0 && !json_is_object(member(line, "loaders")))
		r = err_set(err, EINVAL, "loaders is missing, or no object");
	for (const char *at = history_loader(line, NULL); r == 0 && at;
	     at = history_loader(line, at))
		r = loader_check(line, at, err);
	return r;
}

int history_line_parse(struct history_line *line, const char *text, size_t size, struct err *err)
{
	json_error_t error;
	int r;

	*line = (struct history_line){ 0 };
	if (size > HISTORY_LINE_MAX)
		return err_set(err, EINVAL, "longer than %d bytes", HISTORY_LINE_MAX);
	line->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!line->json)
		return err_set(err, EINVAL, "no JSON: %s", error.text);
	line->text = strndup(text, size);
	r = line->text ? line_check(line, err) : err_set(err, ENOMEM, "out of memory");
	if (r < 0)
		history_line_close(line);
	return r;
}

int history_line_make(struct history_line *line, json_t *json, struct err *err)
{
	int r;

	*line = (struct history_line){
		.json = json,
		.text = json ? json_dumps(json, JSON_REAL_PRECISION(6)) : NULL,
	};
	r = line->text ? line_check(line, err) : err_set(err, ENOMEM, "out of memory");
	if (r < 0)
		history_line_close(line);
	return r;
}

void history_line_close(struct history_line *line)
{
	json_decref(line->json);
	free(line->text);
	*line = (struct history_line){ 0 };
}
