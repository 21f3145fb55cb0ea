/* The spinning thread. See spinner.h. */
#include "bench/spinner.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static void spin_wait(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0 && errno == EINTR)
		;
}

static void *spin(void *argument)
{
	struct spinner *spinner = argument;

	for (;;) {
		spin_wait(&spinner->start);
		sem_post(&spinner->running);
		if (atomic_load(&spinner->end))
			return NULL;
		while (atomic_load_explicit(&spinner->spin, memory_order_relaxed)) {
#if defined(__x86_64__)
			__builtin_ia32_pause();
#endif
		}
		sem_post(&spinner->resting);
	}
}

int spinner_open(struct spinner *spinner, int cpu, struct err *err)
{
	pthread_attr_t attributes;
	cpu_set_t set;
	int r;

	sem_init(&spinner->start, 0, 0);
	sem_init(&spinner->running, 0, 0);
	sem_init(&spinner->resting, 0, 0);
	pthread_attr_init(&attributes);
	if (cpu >= 0 && cpu < CPU_SETSIZE) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	}
	r = pthread_create(&spinner->thread, &attributes, spin, spinner);
	pthread_attr_destroy(&attributes);
	if (r)
		return err_set(err, r, "start a spinning thread: %s", strerror(r));
	spinner->open = true;
	return 0;
}

void spinner_start(struct spinner *spinner)
{
	atomic_store(&spinner->spin, true);
	sem_post(&spinner->start);
	spin_wait(&spinner->running);
}

void spinner_stop(struct spinner *spinner)
{
	atomic_store(&spinner->spin, false);
	/* A thread that was not running when it was told to rest would miss a quick new start. */
	spin_wait(&spinner->resting);
}

void spinner_close(struct spinner *spinner)
{
	if (!spinner->open)
		return;
	atomic_store(&spinner->end, true);
	sem_post(&spinner->start);
	pthread_join(spinner->thread, NULL);
	sem_destroy(&spinner->start);
	sem_destroy(&spinner->running);
	sem_destroy(&spinner->resting);
	spinner->open = false;
}
