/* The probed part of `soload run`, arm by arm. See bench/watch/probed.h for the protocol. */
#include "bench/run/probe.h"

#include "base/log.h"
#include "bench/command.h"
#include "bench/watch/probed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 5
#define BLOCK_LOADS_MAX 200
#define WARMUP 5
#define PROBES_MAX (PROBED_COUNTING_MAX + 1)

int run_probe_check(const char *probes, struct err *err)
{
	struct probed_choice choice;
	int r = probed_choose(&choice, probes, err);

	if (r < 0)
		return r;
	if (choice.probe)
		log_warn_lines(choice.probe->note);
	probed_choice_close(&choice);
	return 0;
}

static uint32_t block_loads(const struct runner *runner)
{
	uint32_t loads = (runner->options.loads + BLOCKS - 1) / BLOCKS;

	return loads > BLOCK_LOADS_MAX ? BLOCK_LOADS_MAX : loads;
}

static int arm_probe(struct runner *runner, struct arm *arm, const char *probes, FILE *out)
{
	struct probed_plan plan = {
		.blocks = BLOCKS,
		.block_loads = block_loads(runner),
		.warmup = WARMUP,
		.client = runner_arm_options(runner, arm),
		.to = { runner->record, arm->name, arm->loader, arm->subject->label, &runner->seq,
			(int64_t)arm->subject->file.size },
	};
	struct probed_choice choice;
	struct probed probed = { 0 };
	struct err err = { "" };
	size_t known;
	int r = probed_choose(&choice, probes, &err);

	if (r < 0) {
		log_error("%s", err.text);
		return r;
	}
	known = choice.probe ? strlen(choice.probe->note) : 0;
	plan.client.capacity = (plan.block_loads > WARMUP ? plan.block_loads : WARMUP) + 1;
	plan.client.check_every = 0;
	plan.client.threads = 1; /* a probe watches one */
	plan.client.spread = false;
	while ((r = probed_run(&probed, &choice, &plan, &err)) < 0 && choice.probe &&
	       probe_fall_back(&choice.probe, &err)) {
		probed_free(&probed);
		known = 0;
	}
	if (choice.probe)
		log_warn_lines(choice.probe->note + known);
	if (r < 0 && r != -EINTR)
		log_error("%s: %s", arm->name, err.text);
	if (r == 0) {
		probed_print(&probed, arm->name, out);
		probed_summary(&probed, &plan.to);
	}
	probed_free(&probed);
	probed_choice_close(&choice);
	return r;
}

/* Every probe has blocks of its own: one would see, and pay for, the work of another. */
static int arm_probe_each(struct runner *runner, struct arm *arm, const char *probes, FILE *out)
{
	char *copy = strdup(probes), *items[PROBES_MAX];
	int count = copy ? options_split(copy, items, PROBES_MAX) : -ENOMEM;
	int result = count < 0 ? count : 0;

	for (int i = 0; i < count && result != -EINTR; i++) {
		int r = command_interrupted() ? -EINTR : arm_probe(runner, arm, items[i], out);

		if (r < 0)
			result = r;
	}
	free(copy);
	return result;
}

int run_probe(struct runner *runner, const char *probes, FILE *out)
{
	int result = 0;

	for (size_t i = 0; i < runner->arm_count && result != -EINTR; i++) {
		int r;

		if (!runner->arms[i].alive)
			continue;
		client_close(&runner->arms[i].client);
		r = arm_probe_each(runner, &runner->arms[i], probes, out);
		if (r < 0)
			result = r;
	}
	return result;
}
