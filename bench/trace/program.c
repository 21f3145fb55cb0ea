/* The dlopens of any program: one that is started for it, or one that runs already. */
#include "bench/trace/trace.h"

#include "base/clock.h"
#include "bench/command.h"
#include "probes/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_US 5000
#define NOT_FOUND 127

static int program_find(const char *name, char *ret_path, size_t size, struct err *err)
{
	int r = resolve_program(name, ret_path, size);

	if (r == 0)
		return 0;
	if (strchr(name, '/'))
		return err_set(err, -r, "%s: %s", name, strerror(-r));
	return err_set(err, ENOENT, "no program called '%s' in PATH", name);
}

/* In the child: waits until it is watched, then becomes the program. */
__attribute__((noreturn)) static void child_run(int gate, const struct trace_options *options,
						const struct probe_environment *environment,
						const char *path)
{
	char go;

	for (int i = 0; environment->variables[i]; i++)
		putenv(environment->variables[i]);
	while (read(gate, &go, 1) < 0 && errno == EINTR)
		;
	close(gate);
	execv(path, options->command);
	fprintf(stderr, "soload: %s: %s\n", path, strerror(errno));
	_exit(NOT_FOUND);
}

static pid_t child_start(const struct trace_options *options,
			 const struct probe_environment *environment, const char *path,
			 int *ret_gate)
{
	int gate[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		close(gate[1]);
		child_run(gate[0], options, environment, path);
	}
	close(gate[0]);
	*ret_gate = gate[1];
	return pid;
}

/* Ours were made by calibration; whose else they are, the probe has filtered. */
static void event_take(void *to, const struct probe_event *event, const char *name)
{
	struct trace *trace = to;

	if (event->pid != (unsigned int)getpid())
		split_take(&trace->events, event, name);
}

static void drain(struct trace *trace, struct probe *probe)
{
	trace->drops += (uint64_t)probe_read(probe, event_take, trace);
}

/* Until the child has ended; a signal to us is passed on to it once. */
static int child_await(struct trace *trace, struct probe *probe, pid_t pid)
{
	bool passed = false;
	int status = 0;

	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid || (ended < 0 && errno != EINTR))
			return status;
		if (command_interrupted() && !passed) {
			passed = true;
			kill(pid, command_interrupted());
		}
		usleep(DRAIN_US);
		drain(trace, probe);
	}
}

static int child_watch(struct trace *trace, struct probe *probe, pid_t pid, const char *linker,
		       struct err *err)
{
	struct probe_target target = { .pid = pid, .linker = linker, .children = true };
	int r = probe_attach(probe, &target, err);

	return r < 0 ? r : probe_calibrate(probe, &trace->cost, err);
}

static void title_set(struct trace *trace, char **command)
{
	size_t used = 0;

	for (int i = 0; command[i] && used < sizeof(trace->title); i++)
		used += (size_t)snprintf(trace->title + used, sizeof(trace->title) - used, "%s%s",
					 i ? " " : "", command[i]);
}

int trace_program(struct trace *trace, struct probe *probe, const struct trace_options *options,
		  int *ret_status, struct err *err)
{
	struct probe_environment environment = { 0 };
	char path[PATH_MAX], linker[PATH_MAX];
	int r, gate = -1;
	pid_t pid;

	title_set(trace, options->command);
	r = program_find(options->command[0], path, sizeof(path), err);
	if (r == 0)
		r = resolve_linker_of_program(path, linker, sizeof(linker), err);
	if (r == 0)
		r = probe_environment(probe, &environment, err);
	if (r < 0)
		return r;
	pid = child_start(options, &environment, path, &gate);
	if (pid < 0) {
		probe_environment_free(&environment);
		return err_sys(err, "start %s", path);
	}
	trace->pid = pid;
	r = child_watch(trace, probe, pid, linker, err);
	if (r < 0)
		kill(pid, SIGKILL);
	close(gate); /* the child goes on */
	*ret_status = child_await(trace, probe, pid);
	drain(trace, probe);
	probe_detach(probe);
	probe_environment_free(&environment);
	return r;
}

/* Until there is something to do, or the process has ended: false then. kill() would go on finding
 * one that has ended and that nobody has waited for. Kernels before 5.3 have nothing better. */
static bool lives_on(int pidfd, pid_t pid)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0)
		return poll(&ended, 1, DRAIN_US / 1000) <= 0;
	usleep(DRAIN_US);
	return kill(pid, 0) == 0;
}

int trace_process(struct trace *trace, struct probe *probe, const struct trace_options *options,
		  struct err *err)
{
	uint64_t until = clock_now_ns() + options->time_ns;
	struct probe_target target = { .pid = options->pid };
	char linker[PATH_MAX];
	int r, pidfd;

	snprintf(trace->title, sizeof(trace->title), "process %d", (int)options->pid);
	r = resolve_linker_of_process(options->pid, linker, sizeof(linker), err);
	if (r < 0)
		return r;
	target.linker = linker;
	trace->pid = options->pid;
	r = probe_attach(probe, &target, err);
	if (r == 0)
		r = probe_calibrate(probe, &trace->cost, err);
	if (r < 0)
		return r;
	fprintf(stderr, "soload: watching process %d; Ctrl-C ends it\n", (int)options->pid);
	pidfd = (int)syscall(SYS_pidfd_open, options->pid, 0);
	while (!command_interrupted() && (options->time_ns == 0 || clock_now_ns() < until) &&
	       lives_on(pidfd, options->pid))
		drain(trace, probe);
	if (pidfd >= 0)
		close(pidfd);
	drain(trace, probe);
	probe_detach(probe);
	return 0;
}
