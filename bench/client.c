/* Asking workers: the client's side of the protocol. See client.h for the contract. */
#include "bench/client.h"

#include "base/clock.h"
#include "bench/client_process.h"
#include "bench/command.h"
#include "device/directories.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 100
#define POLITE_MS 1000

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
			return client_process_lost(client, err);
		if (clock_now_ns() - since < limit)
			continue;
		r = err_set(err, EIO, "no answer for %.1f s in phase %s", (double)limit / 1e9,
			    client_phase(client));
		client_process_kill(client);
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
			return client_process_lost(client, err);
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
			return client_process_lost(client, err);
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
	if (hello.version < WORKER_VERSION_OLDEST || hello.version > WORKER_VERSION ||
	    hello.load_bytes > sizeof(struct worker_load) ||
	    hello.load_bytes < WORKER_LOAD_BYTES_OLDEST ||
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
	client->version = hello.version;
	client->load_bytes = hello.load_bytes;
	if (client->version < 2 && client->options.inject)
		return err_set(err, EPROTO, "%s cannot inject anything", hello.program);
	if (client->version < 3 && (client->options.threads > 1 || client->options.cold))
		return err_set(err, EPROTO, "%s knows neither threads nor cold loads",
			       hello.program);
	return 0;
}

static int open_send(struct client *client, struct err *err)
{
	const struct client_options *options = &client->options;
	struct worker_open open = {
		.flags = (options->call ? WORKER_CALL : 0u) |
			 (options->spinner ? WORKER_SPINNER : 0u) |
			 (options->spread ? WORKER_SPREAD : 0u),
		.capacity = options->capacity,
		.cpu = options->cpu,
		.spinner_cpu = options->spinner_cpu,
		.check_every = options->check_every,
		.threads = options->threads,
		.cold = options->cold,
	};
	const char *const texts[] = { options->loader, options->path, options->symbol,
				      client->folder, options->inject ? options->inject : "" };
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
	r = client_process_start(client, err);
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
	if (client->version < 2 && run->group > 1)
		return err_set(err, EPROTO, "this build of soload cannot stamp loads in groups");
	return message_send(client, WORKER_RUN, run, sizeof(*run), err);
}

static uint32_t client_threads(const struct client *client)
{
	return client->options.threads > 1 ? client->options.threads : 1;
}

static int load_receive(struct client *client, struct client_load *load, struct err *err)
{
	uint64_t ns[sizeof(client->phase_of) / sizeof(client->phase_of[0])] = { 0 };
	int r;

	memset(&load->load, 0, sizeof(load->load));
	r = bytes_receive(client, &load->load, client->load_bytes, err);
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
	    size != sizeof(batch) + batch.count * (client->load_bytes +
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

	return r < 0 ? r
		     : client_run_receive(client, loads, run->count * client_threads(client), err);
}

const char *client_load_stale(const struct worker_load *load)
{
	if (load->flags & WORKER_CHECKED)
		return load->freshness == FRESHNESS_STALE ? load->text : NULL;
	if ((load->flags & WORKER_KNOWN_BEFORE) && !(load->flags & WORKER_HIT))
		return "the dynamic linker knew the object and gave back its old image";
	return NULL;
}

void client_close(struct client *client)
{
	int status;

	if (client->to > 0)
		close(client->to);
	client->to = client->from = -1;
	if (client->pid &&
	    !client_process_reap(client, client->options.wrapper ? 60 * POLITE_MS : POLITE_MS,
				 &status))
		client_process_kill(client);
	if (client->shared) {
		client_process_clean(client);
		munmap(client->shared, WORKER_SHARED_BYTES);
	}
	client->shared = NULL;
	if (client->folder[0]) {
		directories_remove(client->folder);
		close(client->folder_lock);
	}
	client->folder[0] = '\0';
}
