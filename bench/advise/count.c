/* What a loader asks of the kernel and keeps, between loads and while the object is loaded: on the
 * object alone, in a worker of its own, where nothing else allocates. */
#include "bench/advise/advise.h"

#include "base/file.h"
#include "bench/client.h"
#include "bench/command.h"
#include "bench/counters.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WARM_LOADS 4
#define COUNTED_LOADS 3

struct look {
	double calls, kept_bytes, loaded_bytes;
};

static int loads_look(struct client *client, struct look *ret_look, struct err *why)
{
	struct client_load loads[WARM_LOADS];
	struct worker_run run = { .count = WARM_LOADS };
	struct counters *counters;
	double before = counters_memory(client->pid);
	int r = client_run(client, &run, loads, why);

	if (r < 0)
		return r;
	if (r < WARM_LOADS)
		return err_set(why, EIO, "%s", loads[r > 0 ? r - 1 : 0].load.text);
	ret_look->kept_bytes = counters_memory(client->pid) - before;
	counters = calloc(1, sizeof(*counters));
	if (!counters)
		return err_set(why, ENOMEM, "out of memory");
	r = counters_take(client, COUNTED_LOADS, counters, why);
	if (r == 0) {
		ret_look->calls = counters->total;
		ret_look->loaded_bytes = counters->loaded_bytes - before;
	}
	free(counters);
	return r;
}

static int loader_look(const char *path, const char *loader, struct look *ret_look, struct err *why)
{
	const struct client_options options = { .loader = loader,
						.path = path,
						CLIENT_ANYWHERE,
						.capacity = WARM_LOADS,
						.private_directories = true };
	struct client client = { .to = -1, .from = -1 };
	int r;

	*ret_look = (struct look){ (double)NAN, (double)NAN, (double)NAN };
	r = client_open(&client, &options, why);
	if (r == 0)
		r = loads_look(&client, ret_look, why);
	client_close(&client);
	return r;
}

/* All combinations with that loader. Where the object stays loaded, a run asks for nothing. */
static void look_keep(struct advise *advise, const char *loader, const struct look *look,
		      const struct look *none, bool *tried)
{
	for (size_t i = 0; i < advise->count; i++) {
		struct advise_combo *combo = &advise->combos[i];

		if (strcmp(combo->loader, loader) != 0)
			continue;
		tried[i] = true;
		if (combo->when->kept) {
			combo->calls = 0;
			combo->kept_bytes = look->loaded_bytes - none->loaded_bytes;
		} else {
			combo->calls = look->calls - none->calls;
			combo->kept_bytes = look->kept_bytes - none->kept_bytes;
		}
		if (combo->kept_bytes < 0)
			combo->kept_bytes = 0;
	}
}

/* The worker's own part, seen on a loader that does nothing, is taken off. */
int advise_count(struct advise *advise, struct err *err)
{
	const char *path = advise->repro.dies[0].object_path;
	struct progress *progress = &advise->repro.progress;
	struct look none, look;
	bool tried[ADVISE_COMBOS_MAX] = { false };
	struct err why = { "" };

	if (loader_look(path, "null", &none, &why) < 0)
		memcpy(advise->uncounted, why.text, sizeof(advise->uncounted));
	progress_begin(progress, "counting", advise->count);
	for (size_t i = 0; i < advise->count && !command_interrupted(); i++) {
		const struct advise_combo *combo = &advise->combos[i];

		progress_step(progress, i, combo->loader);
		if (combo->why[0] || tried[i])
			continue;
		why.text[0] = '\0';
		if (loader_look(path, combo->loader, &look, &why) < 0 && !advise->uncounted[0])
			memcpy(advise->uncounted, why.text, sizeof(advise->uncounted));
		look_keep(advise, combo->loader, &look, &none, tried);
	}
	progress_end(progress);
	return command_interrupted() ? err_set(err, EINTR, "interrupted") : 0;
}
