/* The threads behind a batch. See crowd.h. */
#include "bench/crowd.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static void thread_run(const struct crowd_thread *self)
{
	const struct worker_run *run = self->crowd->run;
	struct cycle *cycle = self->cycle;
	int r = 0;

	for (uint32_t i = 0; i < run->count; i++) {
		pthread_barrier_wait(&self->crowd->load);
		if (self == self->crowd->threads && self->crowd->begun)
			++*self->crowd->begun;
		if (r == 0) {
			r = cycle_run(cycle, i, cycle_check_due(cycle, run, i));
			continue;
		}
		memset(&cycle->loads[i], 0, sizeof(cycle->loads[i]));
		cycle->loads[i].result = -ECANCELED;
		timeline_begin(&cycle->timelines[i], PHASE_OTHER);
		timeline_end(&cycle->timelines[i]);
	}
}

static void cpu_bind(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *thread_main(void *argument)
{
	struct crowd_thread *self = argument;

	cpu_bind(self->cpu);
	for (;;) {
		pthread_barrier_wait(&self->crowd->batch);
		if (!self->crowd->run)
			return NULL;
		thread_run(self);
		pthread_barrier_wait(&self->crowd->batch);
	}
}

/* From the last allowed CPU downwards, again and again. */
static void cpus_deal(struct crowd *crowd)
{
	int cpus[CROWD_MAX], count = 0;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && count < CROWD_MAX; cpu--) {
		if (CPU_ISSET((size_t)cpu, &allowed))
			cpus[count++] = cpu;
	}
	for (uint32_t i = 0; count && i < crowd->count; i++)
		crowd->threads[i].cpu = cpus[i % (uint32_t)count];
}

static int threads_start(struct crowd *crowd, struct err *err)
{
	for (uint32_t i = 1; i < crowd->count; i++) {
		struct crowd_thread *thread = &crowd->threads[i];
		int r = cycle_open_beside(&crowd->cycles[i - 1], crowd->threads[0].cycle, err);

		if (r < 0)
			return r;
		r = pthread_create(&thread->thread, NULL, thread_main, thread);
		if (r)
			return err_set(err, r, "start thread %u of %u: %s", i + 1, crowd->count,
				       strerror(r));
		thread->started = true;
	}
	return 0;
}

int crowd_open(struct crowd *crowd, struct cycle *first, uint32_t threads, bool spread,
	       struct err *err)
{
	if (threads > CROWD_MAX)
		return err_set(err, EINVAL, "at most %d threads", CROWD_MAX);
	if (!(first->loader->caps & LOADER_CONCURRENT))
		return err_set(err, EINVAL, "threads may not load with %s at the same time",
			       first->loader->spec);
	crowd->count = threads;
	pthread_barrier_init(&crowd->batch, NULL, threads);
	pthread_barrier_init(&crowd->load, NULL, threads);
	crowd->open = true;
	for (uint32_t i = 0; i < threads; i++)
		crowd->threads[i] = (struct crowd_thread){
			.crowd = crowd,
			.cycle = i ? &crowd->cycles[i - 1] : first,
			.cpu = -1,
		};
	if (spread)
		cpus_deal(crowd);
	cpu_bind(crowd->threads[0].cpu);
	return threads_start(crowd, err);
}

void crowd_run(struct crowd *crowd, const struct worker_run *run)
{
	crowd->run = run;
	pthread_barrier_wait(&crowd->batch);
	thread_run(&crowd->threads[0]);
	pthread_barrier_wait(&crowd->batch);
}

struct cycle *crowd_cycle(struct crowd *crowd, uint32_t i)
{
	return crowd->threads[i].cycle;
}

/* A crowd that was not complete waits at a barrier nobody will open: those threads end with the
 * process, which has failed. */
void crowd_close(struct crowd *crowd)
{
	bool complete = crowd->open;

	for (uint32_t i = 1; i < crowd->count; i++)
		complete &= crowd->threads[i].started;
	if (!complete)
		return;
	crowd->run = NULL;
	pthread_barrier_wait(&crowd->batch);
	for (uint32_t i = 1; i < crowd->count; i++) {
		pthread_join(crowd->threads[i].thread, NULL);
		cycle_close(&crowd->cycles[i - 1]);
	}
	pthread_barrier_destroy(&crowd->batch);
	pthread_barrier_destroy(&crowd->load);
	crowd->open = false;
}
