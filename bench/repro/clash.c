/*
 * Two dies of one chip whose loader gives both files one name: the one writes, truncates or removes
 * what the other is about to open, or has mapped. Told from the build-ids of what answered.
 */
#include "bench/repro/repro.h"

#include <stdio.h>
#include <string.h>

/* The name both used, this time or before; an error message names it where no load came so far. */
static void path_note(struct repro_arm *arm, const struct repro_arm *other, const char *failed)
{
	if (arm->result->staged_at[0])
		memcpy(arm->staged_at, arm->result->staged_at, sizeof(arm->staged_at));
	if (!other->staged_at[0])
		return;
	if (strcmp(arm->staged_at, other->staged_at) == 0 ||
	    (failed && strstr(failed, other->staged_at)))
		memcpy(arm->clash.path, other->staged_at, sizeof(arm->clash.path));
}

static bool answered(const struct freshness_verdict *verdict, const struct repro_die *die)
{
	return verdict->answers_bytes > 0 && verdict->answers_bytes == die->build_id_bytes &&
	       memcmp(verdict->answers, die->build_id, die->build_id_bytes) == 0;
}

static void answer_count(struct repro_arm *arm, const struct repro_arm *other, const char *failed)
{
	const struct device_result *result = arm->result;
	bool stale = result->verdict.reason[0] && result->verdict.freshness == FRESHNESS_STALE;

	if (stale && answered(&result->verdict, other->die))
		arm->clash.foreign++;
	else if (stale)
		arm->clash.mixed++;
	arm->clash.failed += failed != NULL;
}

void repro_clash_look(struct repro_arm *arms, int count, const char *const *failed)
{
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < count; i++)
			path_note(&arms[i], &arms[count - 1 - i], failed[i]);
	}
	for (int i = 0; i < count; i++)
		answer_count(&arms[i], &arms[count - 1 - i], failed[i]);
}

static void device_print(const struct repro_arm *arm, const struct repro_arm *other)
{
	const struct repro_clash *clash = &arm->clash;
	const char *sent = arm->die->object_label, *foreign = other->die->object_label;

	printf("  device %s, sent %s: ", arm->die->name, sent);
	if (foreign == sent)
		printf("whose bytes answered cannot be told, device %s was sent the same; ",
		       other->die->name);
	else
		printf("device %s's %s answered in %lld of %lld rounds, ", other->die->name,
		       foreign, (long long)clash->foreign, (long long)arm->rounds_done);
	printf("%s in %lld; %lld rounds failed%s%s\n", "a file overwritten or cut short",
	       (long long)clash->mixed, (long long)clash->failed, clash->failed ? ", last: " : "",
	       clash->failed ? arm->error : "");
}

bool repro_clash_print(const struct repro_arm *arms, int count)
{
	const char *path = "";

	for (int i = 0; i < count; i++)
		path = arms[i].clash.path[0] ? arms[i].clash.path : path;
	if (!path[0])
		return false;
	printf("%s and %s: one file for both, %s\n", arms[0].label, arms[count - 1].label, path);
	for (int i = 0; i < count; i++)
		device_print(&arms[i], &arms[count - 1 - i]);
	return true;
}
