/* AI cores alone: greeting, registers, record, release and stop from every state. */
#include "device/aicore.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CORES 72
#define FOREVER_NS 60000000000ull

static struct abi_handshake handshakes[CORES];
static struct aicore_payload payloads[CORES];
static int64_t arguments[CORES][1];
static _Atomic uint32_t ran[CORES];
static _Atomic bool may_end;
static _Atomic uint32_t began, notified;

static void kernel_count(int64_t *args)
{
	atomic_fetch_add(&ran[args[0]], 1);
}

static void kernel_wait(int64_t *args)
{
	atomic_fetch_add(&ran[args[0]], 1);
	atomic_fetch_add(&began, 1);
	while (!atomic_load(&may_end))
		sched_yield();
}

static void on_finished(void *context)
{
	atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static struct aicore *cores_make(unsigned int threads)
{
	struct aicore_config config = { .aic = 24, .aiv = 48, .threads = threads };
	struct aicore *cores;

	assert_int_equal(aicore_start(&config, &cores, NULL), 0);
	return cores;
}

static void cores_greet(struct aicore *cores, abi_kernel_function function)
{
	unsigned int i;

	memset(handshakes, 0, sizeof(handshakes));
	memset(ran, 0, sizeof(ran));
	atomic_store(&may_end, false);
	atomic_store(&began, 0);
	atomic_store(&notified, 0);
	assert_int_equal(aicore_greet(cores, handshakes, CORES, NULL), 0);
	for (i = 0; i < CORES; i++) {
		arguments[i][0] = (int64_t)i;
		payloads[i] = (struct aicore_payload){ .function = (uintptr_t)function,
						       .args = (uintptr_t)arguments[i],
						       .task_id = 1000 + i,
						       .func_id = 7 };
		aicore_set_payload(cores, i, &payloads[i]);
		aicore_notify(cores, i, on_finished, &notified);
	}
}

static void core_await(struct aicore *cores, unsigned int core, uint32_t cond)
{
	while (aicore_cond(cores, core) != cond)
		sched_yield();
}

static void test_greeting(void **state)
{
	struct aicore *cores = cores_make(0);
	struct err err;
	unsigned int i;

	(void)state;
	assert_int_equal(aicore_count_aic(cores), 24);
	assert_int_equal(aicore_count_aiv(cores), 48);
	cores_greet(cores, kernel_count);
	for (i = 0; i < CORES; i++) {
		assert_int_equal(handshakes[i].aicpu_ready, 1);
		assert_int_equal(handshakes[i].aicore_done, i + 1);
		assert_int_equal(handshakes[i].core_type,
				 i < 24 ? DEVICE_CORE_AIC : DEVICE_CORE_AIV);
		assert_int_equal(handshakes[i].task, (uintptr_t)&payloads[i]);
		assert_int_equal(aicore_cond(cores, i), 0);
	}
	assert_int_equal(aicore_greet(cores, handshakes, CORES, &err), -EBUSY);
	assert_int_equal(aicore_greet(cores, handshakes, CORES - 1, &err), -EINVAL);
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0); /* while greeted */
}

/* Every core, many rounds, and again after a release. */
static void test_registers(void **state)
{
	struct aicore *cores = cores_make(3);
	uint32_t run, number, i;

	(void)state;
	for (run = 1; run <= 3; run++) {
		cores_greet(cores, kernel_count);
		for (number = 1; number <= 200; number++) {
			for (i = 0; i < CORES; i++)
				aicore_write(cores, i, number);
			for (i = 0; i < CORES; i++)
				core_await(cores, i, number | AICORE_FINISHED);
		}
		assert_int_equal(aicore_release(cores, FOREVER_NS, NULL), 0);
		for (i = 0; i < CORES; i++)
			assert_int_equal(atomic_load(&ran[i]), 200);
		assert_int_equal(atomic_load(&notified), 200 * CORES);
	}
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0);
}

static void test_record(void **state)
{
	struct aicore *cores = cores_make(2);
	struct aicore_span spans[40];
	unsigned int i, seen = 0;

	(void)state;
	cores_greet(cores, kernel_count);
	memset(spans, 0, sizeof(spans));
	aicore_record(cores, spans, 40);
	for (i = 0; i < 50; i++)
		aicore_write(cores, i, 1);
	for (i = 0; i < 50; i++)
		core_await(cores, i, 1 | AICORE_FINISHED);
	assert_int_equal(aicore_release(cores, FOREVER_NS, NULL), 0);
	assert_int_equal(aicore_recorded(cores), 50); /* ten were dropped */
	for (i = 0; i < 40; i++) {
		assert_int_equal(spans[i].task_id, 1000 + spans[i].core);
		assert_int_equal(spans[i].func_id, 7);
		assert_true(spans[i].start <= spans[i].end && spans[i].start);
		seen += spans[i].core < 50;
	}
	assert_int_equal(seen, 40);
	aicore_record(cores, NULL, 0);
	assert_int_equal(aicore_recorded(cores), 0);
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0);
}

/* One thread, stuck in a kernel: what it has not begun is taken back, what it runs is waited for
 * and named, and both give up in time. */
static void test_stuck(void **state)
{
	struct aicore *cores = cores_make(1);
	struct err err;
	unsigned int i, total = 0;

	(void)state;
	cores_greet(cores, kernel_wait);
	aicore_write(cores, 5, 1);
	core_await(cores, 5, 1); /* begun, not finished */
	for (i = 6; i < CORES; i++)
		aicore_write(cores, i, 1);
	assert_int_equal(aicore_release(cores, 1000000, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "kernel 7 on core 5"));
	atomic_store(&may_end, true);
	assert_int_equal(aicore_release(cores, FOREVER_NS, &err), 0);
	for (i = 0; i < CORES; i++)
		total += atomic_load(&ran[i]);
	assert_int_equal(total, 1);
	cores_greet(cores, kernel_count); /* and life goes on */
	aicore_write(cores, 71, 1);
	core_await(cores, 71, 1 | AICORE_FINISHED);
	assert_int_equal(aicore_release(cores, FOREVER_NS, &err), 0);
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0);
}

static void *end_later(void *argument)
{
	struct timespec pause = { .tv_nsec = 50000000 };

	(void)argument;
	nanosleep(&pause, NULL);
	atomic_store(&may_end, true);
	return NULL;
}

/* Stop waits for a kernel that runs, and forgets what was not begun. */
static void test_stop_while_running(void **state)
{
	struct aicore *cores = cores_make(2);
	pthread_t thread;
	unsigned int i;

	(void)state;
	cores_greet(cores, kernel_wait);
	for (i = 0; i < CORES; i++)
		aicore_write(cores, i, 1);
	while (atomic_load(&began) == 0)
		sched_yield();
	assert_int_equal(pthread_create(&thread, NULL, end_later, NULL), 0);
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(aicore_stop(NULL, 0, NULL), 0);
}

/* A thread serves its cores in turn, from the one after its last. */
static void test_turns(void **state)
{
	struct aicore *cores = cores_make(1);
	struct aicore_span spans[CORES];
	unsigned int i;

	(void)state;
	memset(spans, 0, sizeof(spans));
	cores_greet(cores, kernel_wait);
	aicore_record(cores, spans, CORES);
	aicore_write(cores, 5, 1);
	core_await(cores, 5, 1);
	for (i = CORES; i-- > 0;)
		if (i != 5)
			aicore_write(cores, i, 1);
	atomic_store(&may_end, true);
	for (i = 0; i < CORES; i++)
		core_await(cores, i, 1 | AICORE_FINISHED);
	assert_int_equal(aicore_release(cores, FOREVER_NS, NULL), 0);
	assert_int_equal(aicore_recorded(cores), CORES);
	for (i = 0; i < CORES; i++)
		assert_int_equal(spans[i].core, (i + 5) % CORES);
	assert_int_equal(aicore_stop(cores, FOREVER_NS, NULL), 0);
}

static void test_refusals(void **state)
{
	struct aicore_config config = { .aic = 0, .aiv = 2 };
	struct aicore *cores = NULL;
	struct err err;

	(void)state;
	assert_int_equal(aicore_start(&config, &cores, &err), -EINVAL);
	config = (struct aicore_config){ .aic = 100, .aiv = 29 };
	assert_int_equal(aicore_start(&config, &cores, &err), -EINVAL);
	config = (struct aicore_config){ .aic = 1, .aiv = UINT32_MAX };
	assert_int_equal(aicore_start(&config, &cores, &err), -EINVAL);
	assert_null(cores);
	config = (struct aicore_config){ .aic = 1, .aiv = 2, .threads = 1000 };
	assert_int_equal(aicore_start(&config, &cores, &err), 0); /* never more than cores */
	assert_int_equal(aicore_stop(cores, FOREVER_NS, &err), 0);
}

/* Threads whose stacks no machine has room for. */
static void test_no_threads(void **state)
{
	struct aicore_config config = { .aic = 1, .aiv = 2, .threads = 2 };
	pthread_attr_t before, huge;
	struct aicore *cores = NULL;
	struct err err = { "" };
	int r;

	(void)state;
	assert_int_equal(pthread_getattr_default_np(&before), 0);
	assert_int_equal(pthread_getattr_default_np(&huge), 0);
	assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 47), 0);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	r = aicore_start(&config, &cores, &err);
	assert_int_equal(pthread_setattr_default_np(&before), 0);
	assert_int_equal(r, -EAGAIN);
	assert_non_null(strstr(err.text, "cannot start AI core threads"));
	assert_null(cores);
	pthread_attr_destroy(&before);
	pthread_attr_destroy(&huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting), cmocka_unit_test(test_registers),
		cmocka_unit_test(test_record),	 cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_turns),	 cmocka_unit_test(test_stop_while_running),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_no_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
