/* soload repro: upstream's flow from end to end, on a modelled host and device. */
#include "bench/command.h"
#include "bench/repro/repro.h"

#include "base/log.h"
#include "device/host_guard.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void workload_progress_show(void *context, const char *what, uint64_t done, uint64_t total)
{
	struct progress *progress = context;

	progress->total = total;
	progress_step(progress, done, what);
}

static struct workload_request request_of(struct repro *repro)
{
	const struct repro_options *options = repro->options;

	return (struct workload_request){
		.case_name = options->case_name,
		.context_lens = options->length_count ? options->lengths : NULL,
		.context_count = options->length_count,
		.seed = options->seed,
		.progress = workload_progress_show,
		.progress_context = &repro->progress,
	};
}

static int arrays_prepare(struct repro *repro, struct err *err)
{
	const struct workload_request request = request_of(repro);
	int r;

	progress_begin(&repro->progress, "inputs", 1);
	r = workload_build(&repro->dies[0].data, repro->workload, &request, err);
	progress_end(&repro->progress);
	return r;
}

/* The golden's output, before anything is timed. */
static int golden_prepare(struct repro *repro, struct err *err)
{
	const struct workload_request request = request_of(repro);
	struct workload_verdict unused;
	int r;

	progress_begin(&repro->progress, "golden", 1);
	r = workload_check(&repro->dies[0].data, &request, &unused, err);
	progress_end(&repro->progress);
	for (int i = 1; r == 0 && i < repro->die_count; i++)
		r = workload_share(&repro->dies[i].data, &repro->dies[0].data, err);
	return r;
}

static json_t *settings_json(const struct repro *repro)
{
	const struct repro_options *options = repro->options;
	const struct dma_model *model = &options->dma_model;
	json_t *whens = json_array();

	for (int i = 0; i < repro->lists.when_count; i++)
		json_array_append_new(whens, json_string(repro->lists.whens[i]->name));
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:s, s:f, s:{s:s, s:f, s:f, s:s}, "
			 "s:I, s:o, s:I}",
			 "workload", repro->workload->name, "case", repro->dies[0].data.which->name,
			 "platform", options->platform, "runtime", options->runtime, "device",
			 options->devices[0], "rounds", (json_int_t)options->rounds, "warmup",
			 (json_int_t)options->warmup, "pools",
			 options->pools == RUNTIME_POOLS_SMALL ? "small" : "upstream", "timeout_s",
			 (double)options->timeout_ns / 1e9, "dma_model", "name", model->name,
			 "latency_us", model->latency_us, "gigabytes_per_s", model->gigabytes_per_s,
			 "source", model->source, "register_ns",
			 (json_int_t)repro->dies[0].object.register_ns, "when", whens, "callables",
			 (json_int_t)options->callables);
}

/* Who the AICPU was, where it was not this program. */
static json_t *aicpu_json(const struct repro_aicpu *aicpu)
{
	char name[64];
	json_t *command = json_array();

	for (size_t i = 0; aicpu->command[i]; i++)
		json_array_append_new(command, json_string(aicpu->command[i]));
	return json_pack("{s:s, s:o, s:b}", "name", repro_aicpu_name(aicpu, name, sizeof(name)),
			 "command", command, "emulated", aicpu->emulated);
}

static int record_prepare(struct repro *repro, char **argv, struct err *err)
{
	const struct record_spec spec = { .out = repro->options->out,
					  .command = repro->command ? repro->command : "repro",
					  .argv = argv,
					  .seed = repro->options->seed };
	int r = record_open(&repro->record, &spec, err);

	if (r < 0)
		return r;
	for (int i = 0; i < repro->die_count; i++) {
		const struct so *so = &repro->dies[i].object.so;

		if (i > 0 && strcmp(so->path, repro->dies[0].object.so.path) == 0)
			repro->dies[i].object_label = repro->dies[0].object_label;
		else
			repro->dies[i].object_label =
				record_object(repro->record, so->path, so->bytes, so->size);
	}
	record_note(repro->record, "repro", settings_json(repro));
	if (repro->options->aicpu.program)
		record_note(repro->record, "aicpu", aicpu_json(&repro->options->aicpu));
	return 0;
}

int repro_open(struct repro *repro, char **argv, struct err *err)
{
	int r;

	repro->workload = workload_find(repro->options->workload, err);
	if (!repro->workload)
		return -EINVAL;
	r = repro_aicpu_choose(&repro->options->aicpu, repro->options->aicpu_text, err);
	if (r < 0)
		return r;
	repro->die_count = repro->options->device_count;
	for (int i = 0; i < repro->die_count; i++) {
		repro->dies[i].number = repro->options->devices[i];
		snprintf(repro->dies[i].name, sizeof(repro->dies[i].name), "%d",
			 repro->dies[i].number);
	}
	r = repro->lists.pick_count ? 0 : repro_arms_choose(repro, err);
	if (r == 0)
		r = repro_objects_open(repro, err);
	if (r == 0)
		r = repro_callables_open(repro, err);
	if (r == 0)
		r = arrays_prepare(repro, err);
	if (r == 0)
		r = record_prepare(repro, argv, err);
	if (r == 0)
		r = golden_prepare(repro, err);
	return r < 0 ? r : repro_arms_open(repro, err);
}

void repro_close(struct repro *repro)
{
	repro_arms_close(repro);
	if (guard_given_up())
		return; /* the object goes on with its bytes and inputs */
	repro_callables_close(repro);
	for (int i = repro->die_count - 1; i >= 0; i--) {
		workload_free(&repro->dies[i].data);
		free((char *)(uintptr_t)repro->dies[i].object.so.path);
		device_object_release(&repro->dies[i].object);
	}
}

static int run(struct repro *repro, char **argv)
{
	struct err err = { "" };
	int code, r = repro_open(repro, argv, &err);

	if (r == 0) {
		repro_head_print(repro);
		r = repro_rounds(repro, &err);
	}
	if (command_interrupted())
		code = EXIT_SIGNAL_BASE + command_interrupted();
	else if (r < 0)
		code = EXIT_USAGE;
	else {
		repro_clocks_record(repro);
		code = repro_tables_print(repro);
	}
	if (r < 0)
		log_error("%s", err.text);
	if (repro->record && record_close(repro->record, code, &err) < 0) {
		log_error("%s", err.text);
		code = EXIT_USAGE;
	}
	return code;
}

int command_repro(int argc, char **argv)
{
	static struct repro_options options;
	struct repro repro = { .options = &options, .epoch = SAMPLE_NONE };
	int code;

	repro_options_parse(&options, argc, argv);
	command_catch_signals();
	/* A limit on file sizes is an error in words (EFBIG), here and in the AICPU, not a death.
	 */
	signal(SIGXFSZ, SIG_IGN);
	code = run(&repro, argv);
	repro_close(&repro);
	return code;
}
