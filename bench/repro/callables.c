/* Many objects that take turns: marked copies of one, and the check that the right one ran. */
#include "bench/repro/mark.h"
#include "bench/repro/repro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int callable_make(struct repro_die *die, unsigned int number, struct err *err)
{
	struct so so = die->object.so;
	void *bytes = malloc(so.size);
	int r;

	if (!bytes)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(bytes, so.bytes, so.size);
	so.bytes = bytes;
	r = mark_object(bytes, so.size, number, err);
	die->marked = r > 0;
	if (r >= 0)
		r = device_object_register(&die->callables[number], &so, err);
	free(bytes);
	return r < 0 ? err_prefix(err, r, "%s", die->object_path) : 0;
}

int repro_callables_open(struct repro *repro, struct err *err)
{
	size_t count = repro_callable_count(repro);
	int r = 0;

	for (int d = 0; r == 0 && count > 1 && d < repro->die_count; d++) {
		struct repro_die *die = &repro->dies[d];

		die->callables = calloc(count, sizeof(*die->callables));
		if (!die->callables)
			return err_set(err, ENOMEM, "out of memory");
		for (unsigned int i = 0; r == 0 && i < count; i++)
			r = callable_make(die, i, err);
	}
	return r;
}

void repro_callables_close(struct repro *repro)
{
	for (int d = 0; d < repro->die_count; d++) {
		struct repro_die *die = &repro->dies[d];

		for (int64_t i = 0; die->callables && i < repro_callable_count(repro); i++)
			device_object_release(&die->callables[i]);
		free(die->callables);
		die->callables = NULL;
	}
}

const struct device_object *repro_callable(const struct repro_die *die, unsigned int callable)
{
	return die->callables ? &die->callables[callable] : &die->object;
}

int repro_callable_check(const struct repro *repro, const struct repro_arm *arm,
			 unsigned int callable, struct err *err)
{
	int32_t answer = arm->result->expected_args;

	if (!arm->die->callables || !arm->die->marked || answer == mark_answer(callable))
		return 0;
	for (unsigned int i = 0; i < repro_callable_count(repro); i++) {
		if (answer == mark_answer(i))
			return err_set(err, EILSEQ, "object %u was to run, and object %u answered",
				       callable, i);
	}
	return err_set(err, EILSEQ, "object %u was to run, and answered %d instead of %d", callable,
		       answer, mark_answer(callable));
}
