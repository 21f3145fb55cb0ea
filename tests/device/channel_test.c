/* The bell: between threads, between processes, with a deadline and with a signal. */
#include "device/channel.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define TURNS 3000

/* Two bells and what is passed between them, not atomic on purpose: the bell must order it. */
struct pair {
	struct bell there, back;
	uint64_t passed;
};

static struct pair *pair_new(void)
{
	void *memory = mmap(NULL, sizeof(struct pair), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void turn_wait(struct bell *bell, uint32_t seen)
{
	while (bell_count(bell) == seen)
		bell_wait(bell, seen, UINT64_MAX);
}

/* Adds one in every turn. */
static void *other_side(void *argument)
{
	struct pair *pair = argument;

	for (uint32_t turn = 0; turn < TURNS; turn++) {
		turn_wait(&pair->there, turn);
		pair->passed++;
		bell_ring(&pair->back);
	}
	return NULL;
}

static void turns_take(struct pair *pair)
{
	for (uint32_t turn = 0; turn < TURNS; turn++) {
		pair->passed++;
		bell_ring(&pair->there);
		turn_wait(&pair->back, turn);
		assert_int_equal(pair->passed, 2 * (turn + 1));
	}
}

static void test_threads(void **state)
{
	struct pair *pair = pair_new();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, other_side, pair), 0);
	turns_take(pair);
	pthread_join(thread, NULL);
	munmap(pair, sizeof(*pair));
}

static void test_processes(void **state)
{
	struct pair *pair = pair_new();
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		other_side(pair);
		_exit(0);
	}
	turns_take(pair);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	munmap(pair, sizeof(*pair));
}

static void test_deadline(void **state)
{
	struct bell bell = { 0 };
	uint64_t begin = clock_now_ns();

	(void)state;
	assert_int_equal(bell_wait(&bell, 0, 0), -ETIMEDOUT);
	assert_int_equal(bell_wait(&bell, 0, 20000000), -ETIMEDOUT);
	assert_true(clock_now_ns() - begin >= 20000000);
	assert_int_equal(bell.sleepers, 0);
	bell_ring(&bell);
	assert_int_equal(bell_wait(&bell, 0, 0), 0);
	assert_int_equal(bell_wait(&bell, 0, UINT64_MAX), 0);
	assert_int_equal(bell_wait(&bell, 1, 1), -ETIMEDOUT);
	/* The count wraps around without anybody noticing. */
	bell.rung = UINT32_MAX;
	bell_ring(&bell);
	assert_int_equal(bell_count(&bell), 0);
	assert_int_equal(bell_wait(&bell, UINT32_MAX, UINT64_MAX), 0);
}

static void nothing(int signal)
{
	(void)signal;
}

struct interrupt {
	pthread_t whom;
	uint32_t noticed;
};

/* Until it was noticed: a signal that comes before the sleep interrupts nothing. */
static void *interrupt_later(void *argument)
{
	struct interrupt *interrupt = argument;

	while (!__atomic_load_n(&interrupt->noticed, __ATOMIC_ACQUIRE)) {
		usleep(5000);
		pthread_kill(interrupt->whom, SIGUSR1);
	}
	return NULL;
}

static void test_signal(void **state)
{
	struct sigaction action = { .sa_handler = nothing };
	struct interrupt interrupt = { .whom = pthread_self() };
	struct bell bell = { 0 };
	pthread_t thread;

	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &interrupt), 0);
	assert_int_equal(bell_wait(&bell, 0, UINT64_MAX), -EINTR);
	__atomic_store_n(&interrupt.noticed, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(bell.sleepers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_signal),
	};

	clock_start();
	return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
