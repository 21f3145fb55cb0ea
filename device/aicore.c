/*
 * Logical AI cores on a few threads. A write to a core's DATA_MAIN_BASE sets the core's bit in
 * `pending`; a thread that takes the bit serves the core, so a core is served by one thread at a
 * time and a number is run once.
 */
#include "device/aicore.h"

#include "base/clock.h"
#include "device/runtime/sleepers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS (AICORE_CORES_MAX / 64)
#define NO_CORE (-1)
#define GREET_TIMEOUT_NS 10000000000ull
#define RELEASE_STEP_NS 50000

struct core {
	_Alignas(64) _Atomic uint32_t data_main_base;
	uint32_t served; /* the last number run; owned by whoever took the pending bit */
	struct abi_handshake *handshake;
	void (*notify)(void *context);
	void *context;
	_Alignas(64) _Atomic uint32_t cond;
};

struct thread {
	_Alignas(64) _Atomic int serving; /* a core, or NO_CORE */
	struct aicore *cores;
	pthread_t id;
	unsigned int index;
	unsigned int next;     /* cores are served in turn from here */
	uint64_t share[WORDS]; /* the cores served first */
};

struct aicore {
	_Alignas(64) _Atomic uint64_t pending[WORDS];
	_Alignas(64) _Atomic uint32_t unanswered; /* greetings */
	_Atomic bool stopping;
	unsigned int aic, count, threads_count, spins;
	struct aicore_span *spans;
	size_t spans_capacity;
	_Alignas(64) _Atomic size_t spans_count;
	struct core cores[AICORE_CORES_MAX];
	struct thread threads[SLEEPERS_MAX];
	struct sleepers sleepers;
};

static void core_ring(struct aicore *cores, unsigned int core)
{
	atomic_fetch_or(&cores->pending[core / 64], 1ull << (core % 64));
	if (sleepers_announced(&cores->sleepers))
		sleepers_wake(&cores->sleepers, UINT64_MAX);
}

/* The first set bit at or after `next`, in turn; NO_CORE when none is set. */
static int bits_next(const uint64_t *bits, unsigned int next)
{
	unsigned int turn;

	for (turn = 0; turn <= WORDS; turn++) {
		unsigned int word = (next / 64 + turn) % WORDS;
		uint64_t some = bits[word];

		if (turn == 0)
			some &= UINT64_MAX << (next % 64);
		if (some)
			return (int)(word * 64 + (unsigned int)__builtin_ctzll(some));
	}
	return NO_CORE;
}

/* Takes a core with something pending, from the own share first, or NO_CORE. `serving` is set
 * before the bit is taken, so that aicore_release() never misses a core in between. */
static int thread_claim(struct thread *thread)
{
	struct aicore *cores = thread->cores;
	uint64_t pending[WORDS], own[WORDS];
	unsigned int word;
	int core;

	for (word = 0; word < WORDS; word++) {
		pending[word] = atomic_load(&cores->pending[word]);
		own[word] = pending[word] & thread->share[word];
	}
	core = bits_next(own, thread->next);
	if (core == NO_CORE)
		core = bits_next(pending, thread->next);
	if (core == NO_CORE)
		return NO_CORE;
	atomic_store(&thread->serving, core);
	if (atomic_fetch_and(&cores->pending[core / 64], ~(1ull << (core % 64))) &
	    1ull << (core % 64)) {
		thread->next = (unsigned int)(core + 1) % AICORE_CORES_MAX;
		return core;
	}
	atomic_store(&thread->serving, NO_CORE);
	return NO_CORE;
}

static void core_answer(struct aicore *cores, unsigned int index)
{
	struct abi_handshake *handshake = cores->cores[index].handshake;

	handshake->core_type = index < cores->aic ? DEVICE_CORE_AIC : DEVICE_CORE_AIV;
	__atomic_store_n(&handshake->aicore_done, index + 1, __ATOMIC_RELEASE);
	if (atomic_fetch_sub(&cores->unanswered, 1) == 1)
		futex_wake(&cores->unanswered, 1);
}

static void core_span(struct aicore *cores, unsigned int index,
		      const struct aicore_payload *payload, uint64_t start)
{
	size_t at = atomic_fetch_add_explicit(&cores->spans_count, 1, memory_order_relaxed);

	if (at < cores->spans_capacity)
		cores->spans[at] = (struct aicore_span){ .task_id = payload->task_id,
							 .start = start,
							 .end = clock_ticks(),
							 .func_id = payload->func_id,
							 .core = index };
}

static void core_execute(struct aicore *cores, unsigned int index, uint32_t number)
{
	struct core *core = &cores->cores[index];
	const struct aicore_payload *payload = (const void *)(uintptr_t)core->handshake->task;
	uint64_t start = cores->spans ? clock_ticks() : 0;
	void (*notify)(void *) = core->notify;
	void *context = core->context;

	atomic_store_explicit(&core->cond, number, memory_order_release);
	((abi_kernel_function)(uintptr_t)payload->function)((int64_t *)(uintptr_t)payload->args);
	if (cores->spans)
		core_span(cores, index, payload, start);
	core->served = number;
	/* From here on another thread may be serving this core. */
	atomic_store(&core->cond, number | AICORE_FINISHED);
	if (notify)
		notify(context);
}

static void core_serve(struct aicore *cores, unsigned int index)
{
	struct core *core = &cores->cores[index];
	uint32_t number;

	if (!__atomic_load_n(&core->handshake->aicore_done, __ATOMIC_RELAXED))
		core_answer(cores, index);
	number = atomic_load_explicit(&core->data_main_base, memory_order_acquire);
	if (number != core->served)
		core_execute(cores, index, number);
}

static bool thread_has_work(struct aicore *cores)
{
	unsigned int word;

	for (word = 0; word < WORDS; word++)
		if (atomic_load(&cores->pending[word]))
			return true;
	return atomic_load(&cores->stopping);
}

static void thread_rest(struct thread *thread)
{
	struct aicore *cores = thread->cores;
	unsigned int spin;

	for (spin = 0; spin < cores->spins; spin++) {
		if (thread_has_work(cores))
			return;
		cpu_relax();
	}
	sleepers_announce(&cores->sleepers, thread->index);
	if (thread_has_work(cores))
		sleepers_withdraw(&cores->sleepers, thread->index);
	else
		sleepers_sleep(&cores->sleepers, thread->index, SLEEPERS_FOREVER);
}

static void *thread_main(void *argument)
{
	struct thread *thread = argument;
	struct aicore *cores = thread->cores;

	while (!atomic_load(&cores->stopping)) {
		int core = thread_claim(thread);

		if (core == NO_CORE) {
			thread_rest(thread);
			continue;
		}
		core_serve(cores, (unsigned int)core);
		atomic_store(&thread->serving, NO_CORE);
	}
	return NULL;
}

/* Signals belong to the program's threads; what a kernel itself raises must reach its handler. */
static int thread_create(struct thread *thread)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF };
	sigset_t block, before;
	size_t i;
	int r;

	sigfillset(&block);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&block, own[i]);
	pthread_sigmask(SIG_SETMASK, &block, &before);
	r = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void threads_share(struct aicore *cores, unsigned int threads)
{
	unsigned int core;

	for (core = 0; core < cores->count; core++)
		cores->threads[core % threads].share[core / 64] |= 1ull << (core % 64);
}

int aicore_start(const struct aicore_config *config, struct aicore **ret_cores, struct err *err)
{
	unsigned int threads = config->threads ? config->threads : sleepers_cpus();
	struct aicore *cores;
	int r;

	if (config->aic == 0 || config->aic > AICORE_CORES_MAX ||
	    config->aiv > AICORE_CORES_MAX - config->aic)
		return err_set(err, EINVAL,
			       "%u AIC and %u AIV cores: 1 to %d cores can be modelled",
			       config->aic, config->aiv, AICORE_CORES_MAX);
	cores = aligned_alloc(64, sizeof(*cores));
	if (!cores)
		return err_set(err, ENOMEM, "no memory for %u AI cores", config->aic + config->aiv);
	memset(cores, 0, sizeof(*cores));
	cores->aic = config->aic;
	cores->count = config->aic + config->aiv;
	if (threads > SLEEPERS_MAX)
		threads = SLEEPERS_MAX;
	if (threads > cores->count)
		threads = cores->count;
	/* Orchestrator and schedulers want a CPU as well. */
	cores->spins = sleepers_spins(threads + 2);
	threads_share(cores, threads);
	while (cores->threads_count < threads) {
		struct thread *thread = &cores->threads[cores->threads_count];

		*thread = (struct thread){ .serving = NO_CORE,
					   .cores = cores,
					   .index = cores->threads_count,
					   .share = { thread->share[0], thread->share[1] } };
		r = thread_create(thread);
		if (r) {
			aicore_stop(cores, GREET_TIMEOUT_NS, NULL);
			return err_set(err, r, "cannot start AI core threads: %s", strerror(r));
		}
		cores->threads_count++;
	}
	*ret_cores = cores;
	return 0;
}

static int thread_busy(struct err *err, const struct thread *thread, uint64_t timeout_ns)
{
	int serving = atomic_load(&thread->serving);
	const struct aicore_payload *payload;

	if (serving == NO_CORE)
		return err_set(err, ETIMEDOUT, "AI core thread %u did not end within %.1f s",
			       thread->index, (double)timeout_ns * 1e-9);
	payload = (const void *)(uintptr_t)thread->cores->cores[serving].handshake->task;
	return err_set(err, ETIMEDOUT, "kernel %d on core %d did not return within %.1f s",
		       payload ? payload->func_id : -1, serving, (double)timeout_ns * 1e-9);
}

static struct timespec deadline_in(uint64_t timeout_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	timeout_ns += (uint64_t)now.tv_nsec;
	now.tv_sec += (time_t)(timeout_ns / 1000000000u);
	now.tv_nsec = (long)(timeout_ns % 1000000000u);
	return now;
}

int aicore_stop(struct aicore *cores, uint64_t timeout_ns, struct err *err)
{
	struct timespec deadline = deadline_in(timeout_ns);
	unsigned int i;

	if (!cores)
		return 0;
	atomic_store(&cores->stopping, true);
	sleepers_wake_all(&cores->sleepers);
	for (i = 0; i < cores->threads_count; i++)
		if (pthread_timedjoin_np(cores->threads[i].id, NULL, &deadline) != 0)
			return thread_busy(err, &cores->threads[i], timeout_ns);
	free(cores);
	return 0;
}

int aicore_greet(struct aicore *cores, struct abi_handshake *handshakes, unsigned int count,
		 struct err *err)
{
	uint64_t deadline = clock_now_ns() + GREET_TIMEOUT_NS;
	uint32_t unanswered;
	unsigned int i;

	if (count != cores->count)
		return err_set(err, EINVAL, "%u handshakes for %u AI cores", count, cores->count);
	if (cores->cores[0].handshake)
		return err_set(err, EBUSY, "the AI cores have not been released from the last run");
	atomic_store(&cores->unanswered, count);
	for (i = 0; i < count; i++) {
		struct core *core = &cores->cores[i];

		core->handshake = &handshakes[i];
		core->served = 0;
		atomic_store(&core->data_main_base, 0);
		atomic_store(&core->cond, 0);
		handshakes[i].task = 0;
		__atomic_store_n(&handshakes[i].aicore_done, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&handshakes[i].aicpu_ready, 1, __ATOMIC_RELEASE);
		core_ring(cores, i);
	}
	while ((unanswered = atomic_load(&cores->unanswered)) != 0) {
		if (clock_now_ns() > deadline)
			return err_set(err, ETIMEDOUT, "%u of %u AI cores did not answer",
				       unanswered, count);
		futex_wait(&cores->unanswered, unanswered, GREET_TIMEOUT_NS / 10);
	}
	return 0;
}

int aicore_release(struct aicore *cores, uint64_t timeout_ns, struct err *err)
{
	uint64_t deadline = clock_now_ns() + timeout_ns;
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		atomic_exchange(&cores->pending[i], 0);
	for (i = 0; i < cores->threads_count; i++) {
		struct thread *thread = &cores->threads[i];

		while (atomic_load(&thread->serving) != NO_CORE) {
			struct timespec step = { .tv_nsec = RELEASE_STEP_NS };

			if (clock_now_ns() > deadline)
				return thread_busy(err, thread, timeout_ns);
			nanosleep(&step, NULL);
		}
	}
	for (i = 0; i < cores->count; i++) {
		cores->cores[i].handshake = NULL;
		cores->cores[i].notify = NULL;
	}
	return 0;
}

unsigned int aicore_count_aic(const struct aicore *cores)
{
	return cores->aic;
}

unsigned int aicore_count_aiv(const struct aicore *cores)
{
	return cores->count - cores->aic;
}

void aicore_set_payload(struct aicore *cores, unsigned int core, struct aicore_payload *payload)
{
	cores->cores[core].handshake->task = (uintptr_t)payload;
}

void aicore_write(struct aicore *cores, unsigned int core, uint32_t number)
{
	atomic_store_explicit(&cores->cores[core].data_main_base, number, memory_order_release);
	core_ring(cores, core);
}

uint32_t aicore_cond(const struct aicore *cores, unsigned int core)
{
	return atomic_load(&cores->cores[core].cond);
}

void aicore_notify(struct aicore *cores, unsigned int core, void (*notify)(void *context),
		   void *context)
{
	cores->cores[core].notify = notify;
	cores->cores[core].context = context;
}

void aicore_record(struct aicore *cores, struct aicore_span *spans, size_t capacity)
{
	cores->spans = spans;
	cores->spans_capacity = spans ? capacity : 0;
	atomic_store(&cores->spans_count, 0);
}

size_t aicore_recorded(const struct aicore *cores)
{
	return atomic_load(&cores->spans_count);
}
