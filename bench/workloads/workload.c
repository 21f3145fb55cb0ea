/* The registry of workloads, and what all of them have in common: building, resetting, judging. */
#include "bench/workloads/workload.h"

#include "base/text.h"
#include "bench/workloads/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 16

#define WORKLOAD(id) extern const struct workload workload_##id;
#include "bench/workloads/workloads.def"
#undef WORKLOAD

const struct workload *const workloads[] = {
#define WORKLOAD(id) &workload_##id,
#include "bench/workloads/workloads.def"
#undef WORKLOAD
	NULL,
};

static const char *const workload_names[] = {
#define WORKLOAD(id) #id,
#include "bench/workloads/workloads.def"
#undef WORKLOAD
	NULL,
};

const struct workload *workload_find(const char *name, struct err *err)
{
	char hint[80];

	if (!name)
		return workloads[0];
	for (const struct workload *const *workload = workloads; *workload; workload++) {
		if (strcmp((*workload)->name, name) == 0)
			return *workload;
	}
	text_suggest(name, strlen(name), workload_names, hint, sizeof(hint));
	err_set(err, EINVAL, "unknown workload '%s'%s", name,
		hint[0] ? hint : " (see: soload list workloads)");
	return NULL;
}

const struct workload_variant *workload_variant_find(const struct workload *workload,
						     const char *suffix, struct err *err)
{
	const struct workload_variant *variant = workload->variants;

	for (; variant->suffix; variant++) {
		if (strcmp(variant->suffix, suffix) == 0)
			return variant;
	}
	err_set(err, ENOENT, "%s has no orchestration for this platform and runtime",
		workload->name);
	return NULL;
}

static int case_unknown(const struct workload *workload, const char *name, struct err *err)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	char hint[80];
	int count = 0;

	for (const struct workload_case *which = workload->cases; which->name; which++) {
		if (count < NAMES_MAX)
			names[count++] = which->name;
	}
	text_suggest(name, strlen(name), names, hint, sizeof(hint));
	return err_set(err, EINVAL, "%s has no case '%s'%s", workload->name, name,
		       hint[0] ? hint : " (see: soload list workloads)");
}

static const struct workload_case *case_find(const struct workload *workload, const char *name)
{
	const struct workload_case *which = workload->cases;

	while (name && which->name && strcmp(which->name, name) != 0)
		which++;
	return which->name ? which : NULL;
}

int workload_build(struct workload_data *ret_data, const struct workload *workload,
		   const struct workload_request *request, struct err *err)
{
	struct workload_data data = {
		.workload = workload,
		.which = case_find(workload, request->case_name),
		.seed = request->seed,
		.threads = array_threads(request->threads),
	};
	int r;

	if (!data.which)
		return case_unknown(workload, request->case_name, err);
	r = workload->build(&data, request, err);
	if (r < 0) {
		workload_free(&data);
		return r;
	}
	*ret_data = data;
	return 0;
}

static bool is_written(const struct device_arg *arg)
{
	return arg->kind == DEVICE_ARG_OUTPUT || arg->kind == DEVICE_ARG_INOUT;
}

void workload_free(struct workload_data *data)
{
	for (int i = 0; i < data->arg_count; i++) {
		if (!data->shared || is_written(&data->args[i]))
			array_free(data->args[i].bytes, data->args[i].size);
	}
	if (!data->shared) {
		free(data->lengths);
		free(data->expected);
	}
	*data = (struct workload_data){ 0 };
}

int workload_share(struct workload_data *ret_data, const struct workload_data *of, struct err *err)
{
	struct workload_data data = *of;
	bool missing = false;

	data.shared = true;
	for (int i = 0; i < data.arg_count; i++) {
		if (!is_written(&data.args[i]))
			continue;
		data.args[i].bytes = array_new(data.args[i].size);
		missing = missing || !data.args[i].bytes;
	}
	if (missing) {
		workload_free(&data);
		return err_set(err, ENOMEM, "out of memory for a second device's output");
	}
	*ret_data = data;
	return 0;
}

void workload_reset(struct workload_data *data)
{
	for (int i = 0; i < data->arg_count; i++) {
		const struct device_arg *arg = &data->args[i];

		if (is_written(arg))
			memset(arg->bytes, 0, arg->size);
	}
}

int workload_check(struct workload_data *data, const struct workload_request *progress,
		   struct workload_verdict *ret_verdict, struct err *err)
{
	const struct device_arg *output = &data->args[data->output];
	int r;

	if (!data->expected) {
		float *expected = malloc(output->size);

		if (!expected)
			return err_set(err, ENOMEM, "out of memory for the golden's output");
		r = data->workload->golden(data, progress, expected, err);
		if (r < 0) {
			free(expected);
			return err_prefix(err, r, "golden of %s", data->workload->name);
		}
		data->expected = expected;
	}
	array_compare(output->bytes, data->expected, output->size / sizeof(float),
		      data->workload->tolerance, ret_verdict);
	return 0;
}

bool workload_passed(const struct workload_verdict *verdict)
{
	return verdict->elements > 0 && verdict->within == verdict->elements;
}
