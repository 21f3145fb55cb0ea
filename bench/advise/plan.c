/* Which combinations are tried, and the ladders one climbs from upstream's flow. */
#include "bench/advise/advise.h"

#include <string.h>

/* Every loader with every transport of these … */
static const char *const grid_loaders[] = { "disk", "disk:mended", "elf:dualmap", "prelinked",
					    "cached" };
static const char *const grid_transports[] = { "inline", "rightsize", "trimmed", "dedup" };

/* … and what else is asked about, one line each: loader, transport, life cycle. */
static const char *const others[][RANK_DIMENSIONS] = {
	{ "disk", "separate", "per-run" },
	{ "elf:dualmap", "separate", "per-run" },
	{ "memfd", "inline", "per-run" },
	{ "memfd", "trimmed", "per-run" },
	{ "tmpfs", "inline", "per-run" },
	{ "tmpfs", "trimmed", "per-run" },
	{ "disk:trim", "inline", "per-run" },
	{ "auto", "trimmed", "per-run" },
	{ "disk", "inline", "prewarm" },
	{ "elf:dualmap", "inline", "prewarm" },
	{ "elf:dualmap", "rightsize", "prewarm" },
	{ "elf:dualmap", "trimmed", "prewarm" },
	{ "disk", "inline", "once" },
	{ "disk", "inline", "register" },
	{ "disk", "rightsize", "register" },
	{ "disk", "trimmed", "register" },
	{ "disk:mended", "inline", "register" },
	{ "disk:mended", "rightsize", "register" },
	{ "elf:dualmap", "inline", "register" },
	{ "elf:dualmap", "rightsize", "register" },
	{ "elf:dualmap", "trimmed", "register" },
};

/*
 * The ladders, one line per rung, in the order of what they ask of a runtime. The first two of
 * transport and loader are where one may start: upstream's, or what is nearest to it and works.
 */
static const struct advise_rung transport_rungs[] = {
	{ "inline", "the object inside a fixed buffer of 4 MiB", false },
	{ "rightsize", "send only what there is", false },
	{ "trimmed",
	  "send only what is mapped, and leave debug information and symbol tables at home",
	  false },
	{ "dedup", "send it once, and then only the struct", false },
	{ NULL, NULL, false },
};

static const struct advise_rung loader_rungs[] = {
	{ "disk", "a file, dlopen, dlclose, unlink", false },
	{ "disk:mended", "the same under a new name every time", false },
	{ "elf:dualmap",
	  "load it from device memory, without a file and without the dynamic linker", false },
	{ "prelinked", "keep the relocated image, and copy only what the last run wrote to",
	  false },
	{ "cached", "keep it loaded, with the state the last run left", false },
	{ NULL, NULL, false },
};

static const struct advise_rung when_rungs[] = {
	{ "per-run", "loaded and unloaded by every run", false },
	{ "prewarm", "load it while the host prepares the run", true },
	{ "register", "load it when it is registered, and let runs find it there", false },
	{ NULL, NULL, false },
};

static struct advise_combo *find(struct advise *advise, const struct advise_rung *const *names)
{
	for (size_t i = 0; i < advise->count; i++) {
		struct advise_combo *combo = &advise->combos[i];

		if (strcmp(combo->loader, names[ADVISE_LOADER]->name) == 0 &&
		    strcmp(combo->transport->name, names[ADVISE_TRANSPORT]->name) == 0 &&
		    strcmp(combo->when->name, names[ADVISE_WHEN]->name) == 0)
			return combo;
	}
	return NULL;
}

struct advise_combo *advise_at(struct advise *advise, const size_t *rungs)
{
	const struct advise_rung *names[RANK_DIMENSIONS];

	for (int d = 0; d < RANK_DIMENSIONS; d++)
		names[d] = advise->rungs[d][rungs[d]];
	return find(advise, names);
}

const char *advise_name(const struct advise_combo *combo, char *buffer)
{
	bool usual = combo->when == &device_whens[0];

	snprintf(buffer, ADVISE_NAME_BYTES, "%.60s + %s%s%s", combo->loader, combo->transport->name,
		 usual ? "" : " + ", usual ? "" : combo->when->name);
	return buffer;
}

static void combo_add(struct advise *advise, const char *loader, const char *transport,
		      const char *when)
{
	struct advise_combo *combo = &advise->combos[advise->count];
	struct err unused;

	if (advise->count == ADVISE_COMBOS_MAX)
		return;
	combo->loader = (char *)(uintptr_t)loader; /* nobody writes to it */
	combo->transport = transport_find(transport, &unused);
	combo->when = device_when_find(when, &unused);
	if (combo->transport && combo->when)
		advise->picks[advise->count++] =
			(struct repro_pick){ combo->loader, combo->transport, combo->when };
}

void advise_plan(struct advise *advise)
{
	for (size_t l = 0; l < sizeof(grid_loaders) / sizeof(grid_loaders[0]); l++) {
		for (size_t t = 0; t < sizeof(grid_transports) / sizeof(grid_transports[0]); t++)
			combo_add(advise, grid_loaders[l], grid_transports[t], "per-run");
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		combo_add(advise, others[i][0], others[i][1], others[i][2]);
	advise->repro.lists.picks = advise->picks;
	advise->repro.lists.pick_count = (int)advise->count;
}

static bool works(const struct advise_combo *combo)
{
	return combo && !combo->why[0] && combo->cost;
}

/* `skip` counts from `from`: that rung is no step; 0 = each is one. */
static void ladder_take(struct advise *advise, int dimension, const struct advise_rung *from,
			size_t skip)
{
	size_t *rungs = &advise->grid.rungs[dimension];

	*rungs = 0;
	for (size_t i = 0; from[i].name && *rungs < RANK_RUNGS_MAX; i++) {
		if (i > 0 && i == skip)
			continue;
		advise->grid.passable[dimension][*rungs] = from[i].passable;
		advise->rungs[dimension][(*rungs)++] = &from[i];
	}
}

static void grid_fill(struct advise *advise)
{
	const size_t *rungs = advise->grid.rungs;
	size_t at[RANK_DIMENSIONS];

	for (at[0] = 0; at[0] < rungs[0]; at[0]++) {
		for (at[1] = 0; at[1] < rungs[1]; at[1]++) {
			for (at[2] = 0; at[2] < rungs[2]; at[2]++) {
				const struct advise_combo *combo = advise_at(advise, at);

				if (works(combo))
					advise->grid.costs[at[0]][at[1]][at[2]] = combo->cost;
			}
		}
	}
	advise->grid.rounds = advise_rounds(advise);
}

/* disk:mended is no step of its own: it is the start where upstream's disk does not work. */
void advise_ladders(struct advise *advise)
{
	const struct advise_rung *loader = loader_rungs, *transport = transport_rungs;

	for (int i = 0; i < 4; i++) {
		loader = &loader_rungs[i % 2];
		transport = &transport_rungs[i / 2];
		if (works(find(advise,
			       (const struct advise_rung *[]){ transport, loader, when_rungs })))
			break;
	}
	ladder_take(advise, ADVISE_TRANSPORT, transport, 0);
	ladder_take(advise, ADVISE_LOADER, loader, loader == &loader_rungs[0] ? 1 : 0);
	ladder_take(advise, ADVISE_WHEN, when_rungs, 0);
	grid_fill(advise);
}
