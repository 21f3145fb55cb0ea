/* The report's data in memory: names, notes, arms and sets. */
#include "bench/report/data.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

bool data_grow(void **at, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *bigger = reallocarray(*at, more, size);

	if (!bigger)
		return false;
	*at = bigger;
	*room = more;
	return true;
}

/* The length of the UTF-8 sequence at `text`, 0 when it is none that may be shown. */
static size_t sequence_length(const unsigned char *text)
{
	size_t n = *text < 0x80 ? 1 : *text >= 0xf0 ? 4 : *text >= 0xe0 ? 3 : *text >= 0xc2 ? 2 : 0;

	if (n == 0 || *text < 0x20 || *text == 0x7f || *text > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return *text == 0xc2 && text[1] < 0xa0 ? 0 : n; /* C1 controls */
}

#define NAME_BYTES 240 /* of a name, before it is cut */

static void name_clean(const char *text, char *clean)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t used = 0;

	while (*in && used < NAME_BYTES) {
		size_t n = sequence_length(in);

		if (n == 0)
			clean[used++] = '?';
		else
			memcpy(clean + used, in, n);
		used += n;
		in += n ? n : 1;
	}
	clean[used] = '\0';
}

/* Where a name is in names_by_hash, or belongs. Half of it stays empty. */
static uint32_t *name_find(struct data *data, const char *clean)
{
	size_t room = sizeof(data->names_by_hash) / sizeof(data->names_by_hash[0]);
	size_t at = XXH64(clean, strlen(clean), 0) % room;

	while (data->names_by_hash[at] &&
	       strcmp(data->names.at[data->names_by_hash[at] - 1], clean) != 0)
		at = (at + 1) % room;
	return &data->names_by_hash[at];
}

const char *data_name(struct data *data, const char *text)
{
	char clean[NAME_BYTES + 8];
	uint32_t *found;
	char **place;

	name_clean(text ? text : "", clean);
	found = name_find(data, clean);
	if (*found)
		return data->names.at[*found - 1];
	if (data->names.n >= DATA_NAMES_MAX)
		return "(a name too many)";
	place = data_push(&data->names);
	if (!place)
		return NULL;
	*place = strdup(clean);
	if (*place)
		*found = (uint32_t)data->names.n;
	else
		data->names.n--;
	return *place;
}

void data_note(struct data *data, const char *format, ...)
{
	char **place = data_push(&data->notes);
	va_list list;

	if (!place)
		return;
	va_start(list, format);
	if (vasprintf(place, format, list) < 0)
		data->notes.n--;
	va_end(list);
}

static bool set_holds(const struct data_set *set, const struct data_arm *arm)
{
	return set->run == arm->run && set->scenario == arm->scenario && set->so == arm->so &&
	       set->so_bytes == arm->so_bytes;
}

static uint32_t set_of(struct data *data, const struct data_arm *arm)
{
	size_t i = 0;

	while (i < data->set_count && !set_holds(&data->sets[i], arm))
		i++;
	if (i == data->set_count)
		data->sets[data->set_count++] = (struct data_set){ .run = arm->run,
								   .scenario = arm->scenario,
								   .so = arm->so,
								   .so_bytes = arm->so_bytes };
	data->sets[i].arms++;
	return (uint32_t)i;
}

struct data_arm *data_arm(struct data *data, const struct data_arm *like)
{
	struct data_arm *arm;

	for (size_t i = data->arm_count; i > 0; i--) {
		arm = &data->arms[i - 1];
		if (arm->run == like->run && arm->scenario == like->scenario &&
		    arm->loader == like->loader && arm->transport == like->transport &&
		    arm->so == like->so && arm->so_bytes == like->so_bytes &&
		    arm->device == like->device && arm->when == like->when)
			return arm;
	}
	if (data->arm_count == DATA_ARMS_MAX)
		return NULL;
	arm = &data->arms[data->arm_count++];
	*arm = *like;
	arm->set = set_of(data, arm);
	return arm;
}

static int load_compare(const void *left, const void *right)
{
	const struct data_load *a = left, *b = right;

	if (a->arm != b->arm)
		return a->arm < b->arm ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void data_sort(struct data *data)
{
	size_t at = 0;

	if (data->loads.n)
		qsort(data->loads.at, data->loads.n, sizeof(*data->loads.at), load_compare);
	for (size_t i = 0; i < data->arm_count; i++) {
		data->arms[i].first = at;
		at += data->arms[i].loads;
	}
}

static const json_t *json_at(const struct data_run *run, const char *path)
{
	const json_t *at = run->json;
	char copy[128], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	while (at && (part = strsep(&rest, ".")))
		at = json_object_get(at, part);
	return at;
}

const char *data_text(struct data *data, const struct data_run *run, const char *path)
{
	const json_t *value = json_at(run, path);
	const char *name = data_name(data, json_is_string(value) ? json_string_value(value) : "");

	return name ? name : "";
}

double data_number(const struct data_run *run, const char *path)
{
	const json_t *value = json_at(run, path);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

bool data_true(const struct data_run *run, const char *path)
{
	return json_is_true(json_at(run, path));
}

void data_free(struct data *data)
{
	for (size_t i = 0; i < data->run_count; i++) {
		free(data->runs[i].folder);
		json_decref(data->runs[i].json);
	}
	for (size_t i = 0; i < data->names.n; i++)
		free(data->names.at[i]);
	for (size_t i = 0; i < data->notes.n; i++)
		free(data->notes.at[i]);
	free(data->names.at);
	free(data->notes.at);
	free(data->gaps.at);
	free(data->loads.at);
	free(data->spans.at);
	free(data->figures.at);
	free(data->epochs.at);
	free(data->moments.at);
	memset(data, 0, sizeof(*data));
}
