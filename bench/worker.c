/* The worker's side of the protocol: a loop over requests around cycle_run(). See worker.h. */
#include "bench/worker.h"

#include "base/clock.h"
#include "base/file.h"
#include "bench/command.h"
#include "bench/crowd.h"
#include "bench/cycle.h"
#include "bench/spinner.h"
#include "device/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define SHARED_FD 3
#define LABELS_BYTES (PHASE_COUNT * WORKER_LABEL_BYTES)

struct worker {
	int in, out;
	struct worker_shared *shared;
	struct cycle cycle; /* of the first thread that loads */
	struct crowd crowd; /* all of them, when they are several */
	struct spinner spinner;
	struct worker_open open;
	char *strings;		 /* OPEN's, for as long as the loader lives */
	const char *directories; /* among them */
	unsigned char *reply;	 /* a whole BATCH, touched beforehand */
	uint32_t threads;
};

static int message_send(const struct worker *worker, uint32_t type, const void *bytes, size_t size)
{
	struct worker_head head = { .type = type, .bytes = (uint32_t)size };

	if (fd_write_all(worker->out, &head, sizeof(head), "answer", NULL) < 0)
		return -EPIPE;
	return fd_write_all(worker->out, bytes, size, "answer", NULL);
}

/* 1, or 0 at the end of the requests; a client that sends half a message is gone. */
static int bytes_receive(const struct worker *worker, void *bytes, size_t size)
{
	return fd_read_all(worker->in, bytes, size, "request", NULL) == (long)size;
}

static int failed_send(const struct worker *worker, int code, const struct err *err)
{
	struct worker_failed failed = { .code = code };

	memcpy(failed.text, err->text, sizeof(failed.text));
	message_send(worker, WORKER_FAILED, &failed, sizeof(failed));
	return EXIT_USAGE;
}

static int hello_send(const struct worker *worker)
{
	struct {
		struct worker_hello hello;
		char labels[LABELS_BYTES];
	} message = { .hello = {
			      .magic = WORKER_MAGIC,
			      .version = WORKER_VERSION,
			      .phase_count = PHASE_COUNT,
			      .load_bytes = sizeof(struct worker_load),
			      .program = "soload " SOLOAD_VERSION,
		      } };

	for (int i = 0; i < PHASE_COUNT; i++)
		snprintf(message.labels + (size_t)i * WORKER_LABEL_BYTES, WORKER_LABEL_BYTES, "%s",
			 phase_label((enum phase)i));
	return message_send(worker, WORKER_HELLO, &message, sizeof(message));
}

/* Protocol first: what an object reads or prints must not end up in it. */
static int descriptors_move(struct worker *worker, struct err *err)
{
	int null;

	worker->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
	worker->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (worker->in < 0 || worker->out < 0 || null < 0)
		return err_sys(err, "descriptors of the protocol");
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close(null);
	return 0;
}

static void shared_open(struct worker *worker)
{
	void *memory = mmap(NULL, WORKER_SHARED_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, SHARED_FD, 0);

	if (memory == MAP_FAILED) /* started by hand, or by another client */
		return;
	close(SHARED_FD);
	worker->shared = memory;
	worker->shared->staged_bytes = sizeof(worker->shared->staged);
	staged_place(&worker->shared->staged);
}

static void signal_end(int number)
{
	staged_unlink_all();
	directories_leave();
	_exit(EXIT_SIGNAL_BASE + number);
}

/* Ctrl-C reaches the whole group: the client decides what becomes of its workers. */
static void signals_set(void)
{
	static const rlim_t no_core;
	struct sigaction end = { .sa_handler = signal_end };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigemptyset(&end.sa_mask);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ no_core, no_core });
}

/* The next of the strings that follow OPEN; "" when there are no more. */
static const char *string_next(const char **at, const char *end)
{
	const char *string = *at;

	if (string >= end)
		return "";
	*at = string + strlen(string) + 1;
	return string;
}

static int open_receive(struct worker *worker, size_t size, struct cycle_options *options,
			struct err *err)
{
	size_t text = size - sizeof(worker->open);
	const char *at, *end;

	worker->strings = malloc(text + 1);
	if (!worker->strings)
		return err_set(err, ENOMEM, "out of memory");
	if (!bytes_receive(worker, &worker->open, sizeof(worker->open)) ||
	    !bytes_receive(worker, worker->strings, text))
		return err_set(err, EPROTO, "the client hung up");
	worker->strings[text] = '\0';
	at = worker->strings;
	end = at + text;
	options->loader = string_next(&at, end);
	options->path = string_next(&at, end);
	options->symbol = string_next(&at, end);
	worker->directories = string_next(&at, end);
	if (worker->open.capacity == 0 || worker->open.capacity > WORKER_BATCH_MAX)
		return err_set(err, EINVAL, "a batch is 1 to %d loads", WORKER_BATCH_MAX);
	worker->threads = worker->open.threads ? worker->open.threads : 1;
	if (worker->threads > CROWD_MAX ||
	    worker->threads * worker->open.capacity > WORKER_BATCH_MAX)
		return err_set(err, EINVAL, "a batch of %u loads in %u threads: at most %d in all",
			       worker->open.capacity, worker->threads, WORKER_BATCH_MAX);
	options->capacity = worker->open.capacity;
	options->inject = string_next(&at, end);
	options->call = worker->open.flags & WORKER_CALL;
	options->check_every = worker->open.check_every;
	options->cold = worker->open.cold <= COLD_ALL ? (enum cold)worker->open.cold : COLD_NONE;
	options->watch = worker->shared ? &worker->shared->phase : NULL;
	return 0;
}

static int cpu_pin(int cpu, struct err *err)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	if (cpu < CPU_SETSIZE)
		CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return err_sys(err, "pin to CPU %d", cpu);
	return 0;
}

static size_t load_bytes(void)
{
	return sizeof(struct worker_load) + PHASE_COUNT * sizeof(uint64_t);
}

static int worker_prepare(struct worker *worker, const struct cycle_options *options,
			  struct err *err)
{
	size_t reply = sizeof(struct worker_batch) +
		       (size_t)worker->threads * worker->open.capacity * load_bytes();
	int r = cpu_pin(worker->open.cpu, err);

	if (r < 0)
		return r;
	worker->reply = mmap(NULL, reply, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (worker->reply == MAP_FAILED)
		return err_sys(err, "memory for the answers");
	if (worker->open.flags & WORKER_SPINNER) {
		r = spinner_open(&worker->spinner, worker->open.spinner_cpu, err);
		if (r < 0)
			return r;
	}
	r = cycle_open(&worker->cycle, options, err);
	if (r < 0)
		return r;
	if (!(worker->cycle.loader->caps & LOADER_DISKLESS))
		cold_open(options->cold);
	worker->crowd.begun = worker->shared ? &worker->shared->loads : NULL;
	if (worker->threads > 1)
		r = crowd_open(&worker->crowd, &worker->cycle, worker->threads,
			       worker->open.flags & WORKER_SPREAD, err);
	return r;
}

static int open_answer(struct worker *worker, size_t size)
{
	struct cycle_options options = { 0 };
	struct worker_ready ready = { .pid = (int32_t)getpid() };
	struct err err = { "" };
	int r = open_receive(worker, size, &options, &err);

	if (r == 0 && worker->directories[0] && directories_enter(worker->directories, &err) < 0)
		snprintf(ready.note, sizeof(ready.note), "%.*s", (int)sizeof(ready.note) - 1,
			 err.text);
	if (r == 0)
		r = worker_prepare(worker, &options, &err);
	if (r < 0)
		return failed_send(worker, r, &err);
	ready.caps = worker->cycle.loader->caps;
	ready.split = (ready.caps & LOADER_SPLIT_PHASES) != 0;
	ready.locked = worker->cycle.locked;
	ready.so_bytes = worker->cycle.so.size;
	return message_send(worker, WORKER_READY, &ready, sizeof(ready));
}

/* Of the only thread: how many loads were run. */
static uint32_t loads_run(struct worker *worker, const struct worker_run *run)
{
	uint32_t done = 0;

	worker->cycle.marks = run->marks;
	while (done < run->count) {
		enum cycle_check check = cycle_check_due(&worker->cycle, run, done);
		int r;

		if (worker->shared)
			worker->shared->loads++;
		r = run->group > 1 ? cycle_run_group(&worker->cycle, done++, run->group)
		    : run->marks   ? cycle_run_counted(&worker->cycle, done++, check)
				   : cycle_run(&worker->cycle, done++, check);
		if (r < 0)
			break;
	}
	return done;
}

/* How many loads were run, per thread. */
static uint32_t batch_run(struct worker *worker, const struct worker_run *run)
{
	uint32_t done = run->count;

	if (worker->open.flags & WORKER_SPINNER)
		spinner_start(&worker->spinner);
	if (worker->threads > 1)
		crowd_run(&worker->crowd, run);
	else
		done = loads_run(worker, run);
	if (worker->open.flags & WORKER_SPINNER)
		spinner_stop(&worker->spinner);
	return done;
}

static unsigned char *load_put(unsigned char *at, struct cycle *cycle, uint32_t i,
			       const struct clock_map *map)
{
	uint64_t ns[PHASE_COUNT];
	struct worker_load *load = &cycle->loads[i];

	timeline_ns(&cycle->timelines[i], map, ns);
	load->start_ns = clock_map_ns(map, cycle->timelines[i].begin);
	memcpy(at, load, sizeof(*load));
	memcpy(at + sizeof(*load), ns, sizeof(ns));
	return at + load_bytes();
}

/* One clock map for the whole batch: its durations add up, and so do those of the next. */
static int batch_send(struct worker *worker, const struct worker_run *run, uint32_t done)
{
	struct clock_map map = clock_map_now();
	struct worker_batch batch = { .count = done * worker->threads, .wanted = run->count };
	struct cycle *cycle = &worker->cycle;
	unsigned char *at = worker->reply;

	memcpy(at, &batch, sizeof(batch));
	at += sizeof(batch);
	for (uint32_t i = 0; i < done; i++) {
		self_timeline(&cycle->self, &cycle->timelines[i], &map,
			      cycle->self.load - done + i);
		at = load_put(at, cycle, i, &map);
		for (uint32_t k = 1; k < worker->threads; k++)
			at = load_put(at, crowd_cycle(&worker->crowd, k), i, &map);
	}
	return message_send(worker, WORKER_BATCH, worker->reply, (size_t)(at - worker->reply));
}

static int run_answer(struct worker *worker, size_t size)
{
	struct worker_run run;
	struct err err;

	if (size != sizeof(run) || !bytes_receive(worker, &run, sizeof(run)) ||
	    !worker->cycle.image || run.count > worker->open.capacity) {
		int r = err_set(&err, EPROTO, "a batch that was not agreed on");

		return failed_send(worker, r, &err);
	}
	return batch_send(worker, &run, batch_run(worker, &run));
}

/* Requests until their end: 0, or the exit code of a broken one. */
static int requests_answer(struct worker *worker)
{
	struct worker_head head;
	struct err err;
	int r = 0;

	while (r == 0 && bytes_receive(worker, &head, sizeof(head))) {
		if (head.type == WORKER_OPEN && !worker->strings &&
		    head.bytes >= sizeof(struct worker_open) && head.bytes < WORKER_MESSAGE_MAX) {
			r = open_answer(worker, head.bytes);
		} else if (head.type == WORKER_RUN) {
			r = run_answer(worker, head.bytes);
		} else {
			r = err_set(&err, EPROTO, "request %u makes no sense here", head.type);
			r = failed_send(worker, r, &err);
		}
	}
	return r < 0 ? EXIT_USAGE : r;
}

int command_worker(int argc, char **argv)
{
	struct worker worker = { 0 };
	struct err err = { "" };
	int r;

	(void)argv;
	if (argc > 1 || isatty(STDIN_FILENO)) {
		fputs("soload: worker takes no arguments: other commands start it and talk to it "
		      "(bench/worker.h)\n",
		      stderr);
		return EXIT_USAGE;
	}
	signals_set();
	shared_open(&worker);
	if (descriptors_move(&worker, &err) < 0)
		return EXIT_USAGE;
	r = hello_send(&worker) < 0 ? EXIT_USAGE : requests_answer(&worker);
	spinner_close(&worker.spinner);
	crowd_close(&worker.crowd);
	cycle_close(&worker.cycle);
	free(worker.strings);
	directories_leave();
	return r;
}
