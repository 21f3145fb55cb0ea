/* Starting, asking and burying workers. See client.h for the contract. */
#include "bench/client.h"

#include "base/clock.h"
#include "base/file.h"
#include "bench/command.h"
#include "device/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARED_FD 3
#define POLL_MS 100
#define POLITE_MS 1000

/* One socket pair is both pipes: a worker that is gone is an error to write to, never a SIGPIPE. */
static int channel_open(struct client *client, int *ret_theirs, int *ret_shared, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "a socket pair for the worker");
	client->to = client->from = pair[0];
	*ret_theirs = pair[1];
	*ret_shared = memfd_create("soload-worker", MFD_CLOEXEC);
	if (*ret_shared < 0 || ftruncate(*ret_shared, WORKER_SHARED_BYTES) < 0)
		return err_sys(err, "memory shared with the worker");
	client->shared =
		mmap(NULL, WORKER_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_shared, 0);
	if (client->shared != MAP_FAILED)
		return 0;
	client->shared = NULL;
	return err_sys(err, "memory shared with the worker");
}

/* The environment of this process and what is added to it; the caller frees the list alone. */
static char **environment_make(char *const *added)
{
	size_t count = 0, more = 0;
	char **list;

	while (environ[count])
		count++;
	while (added && added[more])
		more++;
	list = calloc(count + more + 1, sizeof(list[0]));
	if (list) {
		memcpy(list, environ, count * sizeof(list[0]));
		for (size_t i = 0; i < more; i++)
			list[count + i] = added[i];
	}
	return list;
}

static int worker_spawn(struct client *client, int theirs, int shared, struct err *err)
{
	const char *program = client->options.program ? client->options.program : "/proc/self/exe";
	char name[] = "soload", command[] = "worker";
	char *const argv[] = { name, command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char **environment = environment_make(client->options.environment);
	sigset_t defaults;
	int r;

	if (!environment)
		return err_set(err, ENOMEM, "out of memory");
	/* Numbers above those they go to, so that no dup2 overwrites the source of the next. */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, shared, SHARED_FD);
	posix_spawnattr_init(&attributes);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&client->pid, program, &actions, &attributes, argv, environment);
	free(environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (r == 0)
		return 0;
	client->pid = 0;
	return err_set(err, r, "start %s: %s", program, strerror(r));
}

/* Moves a descriptor above 9, away from those the worker is given. */
static int descriptor_lift(int *fd, struct err *err)
{
	int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, 10);

	if (lifted < 0)
		return err_sys(err, "descriptors for the worker");
	close(*fd);
	*fd = lifted;
	return 0;
}

static int worker_start(struct client *client, struct err *err)
{
	int theirs = -1, shared = -1;
	int r = channel_open(client, &theirs, &shared, err);

	if (r == 0)
		r = descriptor_lift(&theirs, err);
	if (r == 0)
		r = descriptor_lift(&shared, err);
	if (r == 0)
		r = worker_spawn(client, theirs, shared, err);
	if (theirs >= 0)
		close(theirs);
	if (shared >= 0)
		close(shared);
	return r;
}

static const char *phase_now(const struct client *client)
{
	uint32_t phase = client->shared->phase;

	if (phase >= client->phase_count || client->phase_of[phase] < 0)
		return "unknown";
	return phase_label((enum phase)client->phase_of[phase]);
}

static void staged_clean(struct client *client)
{
	if (client->shared && client->shared->staged_bytes == sizeof(client->shared->staged))
		staged_unlink_list(&client->shared->staged);
}

/* Waits up to `ms` for the worker to end: true once it is reaped. */
static bool worker_reap(struct client *client, int ms, int *ret_status)
{
	for (;; ms--) {
		pid_t r = waitpid(client->pid, ret_status, WNOHANG);

		if (r == client->pid || (r < 0 && errno != EINTR)) {
			client->pid = 0;
			return true;
		}
		if (ms <= 0)
			return false;
		usleep(1000);
	}
}

static void worker_kill(struct client *client)
{
	int status;

	if (!client->pid)
		return;
	kill(client->pid, SIGTERM);
	if (!worker_reap(client, POLITE_MS, &status)) {
		kill(client->pid, SIGKILL);
		while (client->pid && !worker_reap(client, POLITE_MS, &status))
			;
	}
	staged_clean(client);
}

/* The worker's end of the channel is closed: what became of it. */
static int worker_lost(struct client *client, struct err *err)
{
	const char *phase = phase_now(client);
	int status = 0;

	if (!worker_reap(client, POLITE_MS, &status)) {
		worker_kill(client);
		return err_set(err, EIO, "the worker hung up in phase %s", phase);
	}
	staged_clean(client);
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "crashed in phase %s (SIG%s)", phase,
			       sigabbrev_np(WTERMSIG(status)));
	return err_set(err, EIO, "the process ended in phase %s (exit code %d)", phase,
		       WEXITSTATUS(status));
}

/* A child of the object may keep the channel open when the worker is gone: ask the kernel, too. */
static bool worker_ended(const struct client *client)
{
	siginfo_t end = { 0 };

	return waitid(P_PID, (id_t)client->pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       end.si_pid == client->pid;
}

/* Waits until there is something to read; progress of the loads renews the patience. */
static int answer_wait(struct client *client, struct err *err)
{
	uint64_t limit = client->options.timeout_ns;
	uint64_t since = clock_now_ns();
	uint32_t loads = client->shared->loads;

	for (;;) {
		struct pollfd fd = { .fd = client->from, .events = POLLIN };
		int r = poll(&fd, 1, POLL_MS);

		if (r > 0)
			return 0;
		if (command_interrupted())
			return err_set(err, EINTR, "interrupted");
		if (r < 0 && errno != EINTR)
			return err_sys(err, "wait for the worker");
		if (client->shared->loads != loads) {
			loads = client->shared->loads;
			since = clock_now_ns();
		}
		if (r == 0 && worker_ended(client))
			return worker_lost(client, err);
		if (clock_now_ns() - since < limit)
			continue;
		r = err_set(err, EIO, "no answer for %.1f s in phase %s", (double)limit / 1e9,
			    phase_now(client));
		worker_kill(client);
		return r;
	}
}

static int bytes_receive(struct client *client, void *bytes, size_t size, struct err *err)
{
	char *to = bytes;

	while (size > 0) {
		ssize_t n;
		int r = answer_wait(client, err);

		if (r < 0)
			return r;
		n = recv(client->from, to, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return worker_lost(client, err);
		to += n;
		size -= (size_t)n;
	}
	return 0;
}

static int bytes_send(struct client *client, const void *bytes, size_t size, struct err *err)
{
	const char *from = bytes;

	while (size > 0) {
		ssize_t n = send(client->to, from, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR && !command_interrupted())
			continue;
		if (n < 0 && errno == EINTR)
			return err_set(err, EINTR, "interrupted");
		if (n < 0)
			return worker_lost(client, err);
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

static int message_send(struct client *client, uint32_t type, const void *bytes, size_t size,
			struct err *err)
{
	struct worker_head head = { .type = type, .bytes = (uint32_t)size };
	int r = bytes_send(client, &head, sizeof(head), err);

	return r < 0 ? r : bytes_send(client, bytes, size, err);
}

static int failed_receive(struct client *client, size_t size, struct err *err)
{
	struct worker_failed failed;
	int r;

	if (size != sizeof(failed))
		return err_set(err, EPROTO, "the worker's answer makes no sense");
	r = bytes_receive(client, &failed, sizeof(failed), err);
	if (r < 0)
		return r;
	failed.text[sizeof(failed.text) - 1] = '\0';
	return err_set(err, failed.code < 0 ? -failed.code : EIO, "%s", failed.text);
}

/* The head of an answer of this type; a refusal instead of it becomes the error. */
static int head_receive(struct client *client, uint32_t type, uint32_t *ret_bytes, struct err *err)
{
	struct worker_head head;
	int r = bytes_receive(client, &head, sizeof(head), err);

	if (r < 0)
		return r;
	if (head.type == WORKER_FAILED)
		return failed_receive(client, head.bytes, err);
	if (head.type != type || head.bytes > WORKER_MESSAGE_MAX)
		return err_set(err, EPROTO, "the worker's answer makes no sense");
	*ret_bytes = head.bytes;
	return 0;
}

static int phase_find(const char *label)
{
	for (int i = 0; i < PHASE_COUNT; i++) {
		if (strcmp(phase_label((enum phase)i), label) == 0)
			return i;
	}
	return -1;
}

static int hello_receive(struct client *client, struct err *err)
{
	struct worker_hello hello;
	uint32_t size;
	int r = head_receive(client, WORKER_HELLO, &size, err);

	if (r == 0 && size >= sizeof(hello))
		r = bytes_receive(client, &hello, sizeof(hello), err);
	if (r < 0)
		return r;
	if (size < sizeof(hello) || hello.magic != WORKER_MAGIC)
		return err_set(err, EPROTO, "this program is no soload, or one without a worker");
	hello.program[sizeof(hello.program) - 1] = '\0';
	if (hello.version != WORKER_VERSION || hello.load_bytes != sizeof(struct worker_load) ||
	    hello.phase_count > sizeof(client->phase_of) / sizeof(client->phase_of[0]) ||
	    size != sizeof(hello) + hello.phase_count * WORKER_LABEL_BYTES)
		return err_set(err, EPROTO,
			       "%s speaks version %u of the worker's protocol, this one %d",
			       hello.program, hello.version, WORKER_VERSION);
	for (uint32_t i = 0; i < hello.phase_count; i++) {
		char label[WORKER_LABEL_BYTES];

		r = bytes_receive(client, label, sizeof(label), err);
		if (r < 0)
			return r;
		label[sizeof(label) - 1] = '\0';
		client->phase_of[i] = phase_find(label);
	}
	client->phase_count = hello.phase_count;
	return 0;
}

static int open_send(struct client *client, struct err *err)
{
	const struct client_options *options = &client->options;
	struct worker_open open = {
		.flags = (options->call ? WORKER_CALL : 0u) |
			 (options->spinner ? WORKER_SPINNER : 0u),
		.capacity = options->capacity,
		.cpu = options->cpu,
		.spinner_cpu = options->spinner_cpu,
		.check_every = options->check_every,
	};
	const char *const texts[] = { options->loader, options->path, options->symbol,
				      client->folder };
	const int count = sizeof(texts) / sizeof(texts[0]);
	size_t size = sizeof(open);
	char *message, *at;
	int r;

	for (int i = 0; i < count; i++)
		size += strlen(texts[i]) + 1;
	message = malloc(size);
	if (!message)
		return err_set(err, ENOMEM, "out of memory");
	at = mempcpy(message, &open, sizeof(open));
	for (int i = 0; i < count; i++)
		at = stpcpy(at, texts[i]) + 1;
	r = message_send(client, WORKER_OPEN, message, size, err);
	free(message);
	return r;
}

static int ready_receive(struct client *client, struct err *err)
{
	uint32_t size;
	int r = head_receive(client, WORKER_READY, &size, err);

	if (r < 0)
		return r;
	if (size != sizeof(client->ready))
		return err_set(err, EPROTO, "the worker's answer makes no sense");
	return bytes_receive(client, &client->ready, sizeof(client->ready), err);
}

int client_open(struct client *client, const struct client_options *options, struct err *err)
{
	int r;

	*client = (struct client){ .options = *options, .to = -1, .from = -1 };
	if (!client->options.timeout_ns)
		client->options.timeout_ns = CLIENT_TIMEOUT_NS;
	if (options->private_directories)
		client->folder_lock =
			directories_create(client->folder, sizeof(client->folder), NULL);
	if (client->folder_lock < 0)
		client->folder[0] = '\0';
	r = worker_start(client, err);
	if (r == 0)
		r = hello_receive(client, err);
	if (r < 0 && options->program)
		err_prefix(err, r, "%s as a worker", options->program);
	if (r == 0)
		r = open_send(client, err);
	if (r == 0)
		r = ready_receive(client, err);
	if (r < 0)
		client_close(client);
	return r;
}

int client_run_send(struct client *client, const struct worker_run *run, struct err *err)
{
	if (!client->pid)
		return err_set(err, EIO, "the worker is dead");
	return message_send(client, WORKER_RUN, run, sizeof(*run), err);
}

static int load_receive(struct client *client, struct client_load *load, struct err *err)
{
	uint64_t ns[sizeof(client->phase_of) / sizeof(client->phase_of[0])] = { 0 };
	int r = bytes_receive(client, &load->load, sizeof(load->load), err);

	if (r == 0)
		r = bytes_receive(client, ns, client->phase_count * sizeof(ns[0]), err);
	if (r < 0)
		return r;
	load->load.staged_at[sizeof(load->load.staged_at) - 1] = '\0';
	load->load.text[sizeof(load->load.text) - 1] = '\0';
	memset(load->phase_ns, 0, sizeof(load->phase_ns));
	for (uint32_t i = 0; i < client->phase_count; i++) {
		/* A phase this build has no name for is time all the same. */
		int ours = client->phase_of[i] < 0 ? PHASE_OTHER : client->phase_of[i];

		load->phase_ns[ours] += ns[i];
	}
	if (load->load.phase < client->phase_count && client->phase_of[load->load.phase] >= 0)
		load->load.phase = (uint32_t)client->phase_of[load->load.phase];
	else
		load->load.phase = PHASE_OTHER;
	return 0;
}

int client_run_receive(struct client *client, struct client_load *loads, uint32_t max,
		       struct err *err)
{
	struct worker_batch batch;
	uint32_t size;
	int r = head_receive(client, WORKER_BATCH, &size, err);

	if (r == 0)
		r = bytes_receive(client, &batch, sizeof(batch), err);
	if (r < 0)
		return r;
	if (batch.count > max ||
	    size != sizeof(batch) + batch.count * (sizeof(struct worker_load) +
						   client->phase_count * sizeof(uint64_t)))
		return err_set(err, EPROTO, "the worker's answer makes no sense");
	for (uint32_t i = 0; i < batch.count; i++) {
		r = load_receive(client, &loads[i], err);
		if (r < 0)
			return r;
	}
	return (int)batch.count;
}

int client_run(struct client *client, const struct worker_run *run, struct client_load *loads,
	       struct err *err)
{
	int r = client_run_send(client, run, err);

	return r < 0 ? r : client_run_receive(client, loads, run->count, err);
}

void client_close(struct client *client)
{
	int status;

	if (client->to > 0)
		close(client->to);
	client->to = client->from = -1;
	if (client->pid && !worker_reap(client, POLITE_MS, &status))
		worker_kill(client);
	if (client->shared) {
		staged_clean(client);
		munmap(client->shared, WORKER_SHARED_BYTES);
	}
	client->shared = NULL;
	if (client->folder[0]) {
		directories_remove(client->folder);
		close(client->folder_lock);
	}
	client->folder[0] = '\0';
}
