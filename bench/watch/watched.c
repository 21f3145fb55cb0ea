/* Starting a worker so that it can be watched, and watching its batches. */
#include "bench/watch/watched.h"

#include "probes/resolve.h"

#include <errno.h>
#include <string.h>

/* What the probe needs in the worker's environment, and what the worker's own side needs. */
static int environment_make(struct watched *watched, const char *counting, struct err *err)
{
	struct probe_environment own = { 0 };
	size_t used = 0;
	int r = watch_own_environment(&watched->own, counting, &own, err);

	if (r == 0 && watched->probe)
		r = probe_environment(watched->probe, &watched->environment, err);
	while (watched->environment.variables[used])
		used++;
	for (size_t i = 0; own.variables[i]; i++)
		watched->environment.variables[used++] = own.variables[i];
	return r;
}

int watched_open(struct watched *watched, struct probe *probe, const char *counting,
		 struct client_options *options, struct err *err)
{
	int r;

	*watched = (struct watched){ .probe = probe };
	r = watch_open(&watched->own, NULL, 0, err);
	if (r == 0)
		r = environment_make(watched, counting, err);
	options->environment = watched->environment.variables;
	if (r == 0)
		r = client_open(&watched->client, options, err);
	if (r == 0)
		r = resolve_linker_of_process(watched->client.pid, watched->linker,
					      sizeof(watched->linker), err);
	if (r < 0)
		watched_close(watched);
	return r;
}

static int probe_start(struct watched *watched, struct err *err)
{
	struct probe_target target = { .pid = watched->client.pid, .linker = watched->linker };
	int r;

	if (!watched->probe)
		return 0;
	r = probe_attach(watched->probe, &target, err);
	return r < 0 ? r : probe_calibrate(watched->probe, &watched->cost, err);
}

struct filter {
	struct watched *watched;
	uint32_t pid;
};

/* Calibration made events of this process: only the worker's count. */
static void event_take(void *to, const struct probe_event *event, const char *name)
{
	struct filter *filter = to;

	if (event->pid != filter->pid)
		return;
	split_take(&filter->watched->events, event, name);
	filter->watched->event_count += event->kind != EVENT_TIMING && event->kind != EVENT_VALUE;
}

int watched_run(struct watched *watched, uint32_t count, struct client_load *loads, struct err *err)
{
	struct worker_run run = { .count = count, .marks = 1 };
	struct filter filter = { watched, (uint32_t)watched->client.pid };
	int r = probe_start(watched, err);

	if (r < 0)
		return r;
	r = client_run(&watched->client, &run, loads, err);
	if (watched->probe) {
		watched->drops += (uint64_t)probe_read(watched->probe, event_take, &filter);
		probe_detach(watched->probe);
	}
	watched->drops += (uint64_t)watch_read(&watched->own, event_take, &filter);
	return r;
}

void watched_close(struct watched *watched)
{
	client_close(&watched->client);
	probe_environment_free(&watched->environment);
	watch_close(&watched->own);
	split_events_free(&watched->events);
}
