/* The gate between loading the object and scheduling its tasks. */
#include "device/runtime/runtime.h"

#include <errno.h>
#include <string.h>

int runtime_gate_init(struct runtime_gate *gate, struct err *err)
{
	int r;

	memset(gate, 0, sizeof(*gate));
	r = pthread_mutex_init(&gate->mutex, NULL);
	if (r)
		return err_set(err, r, "pthread_mutex_init: %s", strerror(r));
	r = pthread_cond_init(&gate->changed, NULL);
	if (r == 0)
		return 0;
	pthread_mutex_destroy(&gate->mutex);
	return err_set(err, r, "pthread_cond_init: %s", strerror(r));
}

void runtime_gate_fini(struct runtime_gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->mutex);
}

void runtime_gate_reset(struct runtime_gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->rt = NULL;
	gate->code = 0;
	gate->err.text[0] = '\0';
	pthread_mutex_unlock(&gate->mutex);
}

void runtime_gate_open(struct runtime_gate *gate, struct runtime *rt)
{
	pthread_mutex_lock(&gate->mutex);
	gate->rt = rt;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

void runtime_gate_stop(struct runtime_gate *gate, int code, const struct err *why)
{
	pthread_mutex_lock(&gate->mutex);
	if (!gate->code) {
		gate->code = code < 0 ? -code : code ? code : ECANCELED;
		if (why)
			gate->err = *why;
		else
			err_set(&gate->err, gate->code, "the run was called off");
	}
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

int runtime_gate_wait(struct runtime_gate *gate, struct runtime **ret_rt, struct err *err)
{
	int code;

	pthread_mutex_lock(&gate->mutex);
	while (!gate->rt && !gate->code)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	code = gate->code;
	if (code && err)
		*err = gate->err;
	if (!code)
		*ret_rt = gate->rt;
	pthread_mutex_unlock(&gate->mutex);
	return -code;
}
