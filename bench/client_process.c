/* Starting and burying the worker of a client. See client_process.h. */
#include "bench/client_process.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARED_FD 3
#define POLITE_MS 1000

/* One socket pair is both pipes: a worker that is gone is an error to write to, never a SIGPIPE. */
static int channel_open(struct client *client, int *ret_theirs, int *ret_shared, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "a socket pair for the worker");
	client->to = client->from = pair[0];
	*ret_theirs = pair[1];
	*ret_shared = fd_shared("soload-worker", WORKER_SHARED_BYTES, err);
	if (*ret_shared < 0)
		return *ret_shared;
	client->shared =
		mmap(NULL, WORKER_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_shared, 0);
	if (client->shared != MAP_FAILED)
		return 0;
	client->shared = NULL;
	return err_sys(err, "memory shared with the worker");
}

#define WRAPPER_MAX 16

static bool variable_given(char *const *list, const char *variable)
{
	size_t name = strcspn(variable, "=") + 1;

	for (; list && *list; list++) {
		if (strncmp(*list, variable, name) == 0)
			return true;
	}
	return false;
}

/* The environment of this process with what is added to it, each name once: which of two counts is
 * for getenv the first, for ld.so the last. The caller frees the list alone. */
static char **environment_make(char *const *added)
{
	size_t count = 0, more = 0, used = 0;
	char **list;

	while (environ[count])
		count++;
	while (added && added[more])
		more++;
	list = calloc(count + more + 1, sizeof(list[0]));
	if (!list)
		return NULL;
	for (size_t i = 0; i < more; i++)
		list[used++] = added[i];
	for (size_t i = 0; i < count; i++) {
		if (!variable_given(added, environ[i]))
			list[used++] = environ[i];
	}
	return list;
}

struct layout {
	int personality; /* -1 = nothing was changed */
	struct rlimit stack;
};

/* Mappings begin below the stack's limit, where that is more than 128 MiB (mmap_base() in Linux's
 * mm/util.c), and a new program inherits both. */
#define STACK_LIMIT_BYTES (UINT64_C(256) << 20)

static void layout_fix(struct layout *before, uint32_t layout)
{
	struct rlimit stack;

	before->personality = -1;
	if (!layout || getrlimit(RLIMIT_STACK, &before->stack) < 0)
		return;
	stack = before->stack;
	stack.rlim_cur = STACK_LIMIT_BYTES + (uint64_t)layout * (uint64_t)sysconf(_SC_PAGESIZE);
	if (stack.rlim_cur > stack.rlim_max || setrlimit(RLIMIT_STACK, &stack) < 0)
		return;
	before->personality = personality(0xffffffff);
	if (before->personality >= 0)
		personality((unsigned long)before->personality | ADDR_NO_RANDOMIZE);
	else
		setrlimit(RLIMIT_STACK, &before->stack);
}

static void layout_restore(const struct layout *before)
{
	if (before->personality < 0)
		return;
	personality((unsigned long)before->personality);
	setrlimit(RLIMIT_STACK, &before->stack);
}

static int worker_spawn(struct client *client, int theirs, int shared, struct err *err)
{
	const char *program = client->options.program ? client->options.program : "/proc/self/exe";
	const char *const *wrapper = client->options.wrapper;
	const char *argv[WRAPPER_MAX + 3] = { "soload", "worker" };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	struct layout before;
	char **environment = environment_make(client->options.environment);
	sigset_t defaults;
	int r;

	for (r = 0; wrapper && wrapper[r] && r < WRAPPER_MAX; r++)
		argv[r] = wrapper[r];
	if (wrapper) {
		argv[r++] = program;
		argv[r] = "worker";
		program = wrapper[0];
	}
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
	layout_fix(&before, client->options.layout);
	r = posix_spawnp(&client->pid, program, &actions, &attributes, (char **)(uintptr_t)argv,
			 environment);
	layout_restore(&before);
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

int client_process_start(struct client *client, struct err *err)
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

const char *client_phase(const struct client *client)
{
	uint32_t phase = client->shared->phase;

	if (phase >= client->phase_count || client->phase_of[phase] < 0)
		return "unknown";
	return phase_label((enum phase)client->phase_of[phase]);
}

void client_process_clean(struct client *client)
{
	if (client->shared && client->shared->staged_bytes == sizeof(client->shared->staged))
		staged_unlink_list(&client->shared->staged);
}

bool client_process_reap(struct client *client, int ms, int *ret_status)
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

void client_process_kill(struct client *client)
{
	int status;

	if (!client->pid)
		return;
	kill(client->pid, SIGTERM);
	if (!client_process_reap(client, POLITE_MS, &status)) {
		kill(client->pid, SIGKILL);
		while (client->pid && !client_process_reap(client, POLITE_MS, &status))
			;
	}
	client_process_clean(client);
}

/* "in phase link", or what is known of it when there were several. */
static const char *place_of(const struct client *client, char *buffer, size_t size)
{
	if (client->options.threads > 1)
		snprintf(buffer, size, "while %u threads loaded, the first in phase %s",
			 client->options.threads, client_phase(client));
	else
		snprintf(buffer, size, "in phase %s", client_phase(client));
	return buffer;
}

int client_process_lost(struct client *client, struct err *err)
{
	char buffer[96];
	const char *place = place_of(client, buffer, sizeof(buffer));
	int status = 0;

	if (!client_process_reap(client, POLITE_MS, &status)) {
		client_process_kill(client);
		return err_set(err, EIO, "the worker hung up %s", place);
	}
	client_process_clean(client);
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "crashed %s (%s)", place, strsignal(WTERMSIG(status)));
	return err_set(err, EIO, "the process ended %s (exit code %d)", place, WEXITSTATUS(status));
}
