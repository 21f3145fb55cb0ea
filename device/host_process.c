/*
 * The AICPU as a process of the host's: start, wait, end. The host never waits for more than a
 * moment without looking whether the process still lives and still makes progress.
 */
#include "device/host_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "device/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_BYTES 24		   /* of ":at=0x…" */
#define LOOK_NS UINT64_C(20000000) /* between two looks at the process */
#define START_TIMEOUT_NS UINT64_C(30000000000)
#define COMMAND_WORDS_MAX 32
#define END_TIMEOUT_NS UINT64_C(500000000) /* from SIGTERM to SIGKILL */

static void text_copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static int setup_fill(struct device *device, struct err *err)
{
	struct control_setup *setup = &device->control->setup;
	const struct device_options *options = &device->options;

	if (strlen(device->loader) >= sizeof(setup->loader) - AT_BYTES ||
	    strlen(device->program) >= sizeof(setup->program))
		return err_set(err, E2BIG, "loader '%.40s...': too long", device->loader);
	/* A process that follows another is to have its objects at the same addresses. */
	if (device->target.slots)
		snprintf(setup->loader, sizeof(setup->loader), "%s:at=0x%llx", device->loader,
			 (unsigned long long)device->target.slot_begin);
	else
		text_copy(setup->loader, sizeof(setup->loader), device->loader);
	text_copy(setup->program, sizeof(setup->program), device->program);
	text_copy(setup->transport, sizeof(setup->transport), options->transport->name);
	text_copy(setup->directories, sizeof(setup->directories),
		  device->folder ? device->folder->path : "");
	setup->chip = options->chip;
	setup->memory_fd = memory_fd(device->memory);
	setup->memory_bytes = memory_bytes(device->memory);
	setup->memory_base = memory_base(device->memory);
	setup->timeout_ns = options->timeout_ns;
	setup->pools = (int32_t)options->pools;
	setup->log_level = (int32_t)log_level;
	setup->variant = device_variant_index(device->variant);
	setup->incoherent = options->incoherent;
	setup->shared_clock = options->command != NULL;
	setup->host = getpid();
	return 0;
}

/* The command line of the AICPU, and what is executed. */
static const char *command_fill(const struct device *device, const char **ret_argv,
				const char *name, const char *number)
{
	const char *const *command = device->options.command;
	size_t n = 0;

	if (!command)
		ret_argv[n++] = "soload";
	for (size_t i = 0; command && command[i] && n < COMMAND_WORDS_MAX; i++)
		ret_argv[n++] = command[i];
	ret_argv[n++] = "aicpu";
	ret_argv[n++] = name;
	ret_argv[n++] = number;
	ret_argv[n] = NULL;
	return command ? command[0] : "/proc/self/exe";
}

/* A signal mask inherited from a host that blocks signals would keep SIGTERM from the AICPU. */
static int spawn(struct device *device, struct err *err)
{
	char name[64], number[16];
	const char *argv[COMMAND_WORDS_MAX + 4], *program;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	int code;

	snprintf(name, sizeof(name), "%.40s/%s", device->loader, device->options.transport->name);
	snprintf(number, sizeof(number), "%d", device->control_fd);
	program = command_fill(device, argv, name, number);
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	/* Onto themselves: that takes close-on-exec away (POSIX 2024, glibc 2.29). */
	posix_spawn_file_actions_adddup2(&files, device->control_fd, device->control_fd);
	posix_spawn_file_actions_adddup2(&files, memory_fd(device->memory),
					 memory_fd(device->memory));
	code = posix_spawnp(&device->process, program, &files, &attributes,
			    (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (code == 0)
		return 0;
	device->process = 0;
	return err_set(err, code, "start the AICPU (%s): %s", program, strerror(code));
}

bool device_is_dead(struct device *device)
{
	int status = 0;
	pid_t r;

	if (device->process == 0)
		return true;
	r = waitpid(device->process, &status, WNOHANG);
	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	device->process = 0;
	device->exit_status = r < 0 ? 0 : status;
	return true;
}

static int ended_in_words(struct device *device, struct err *err)
{
	int status = device->exit_status;

	if (WIFSIGNALED(status))
		return err_set(err, EPIPE, "the AICPU was killed by SIG%s",
			       sigabbrev_np(WTERMSIG(status)));
	if (device->control->startup.memory_base == 0)
		return err_set(err, EPIPE, "the AICPU ended with status %d before it was ready%s",
			       WEXITSTATUS(status),
			       device->options.command ? ": is it a soload of this version?" : "");
	return err_set(err, EPIPE,
		       "the AICPU ended by itself with status %d: the object called exit",
		       WEXITSTATUS(status));
}

/* Only these carry an address that means something. */
static bool has_address(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

static int crash_in_words(const struct control_crash *crash, struct err *err)
{
	const char *name =
		crash->signal > 0 && crash->signal < NSIG ? sigabbrev_np(crash->signal) : NULL;
	const char *where = crash->lane < DEVICE_THREADS_MAX ? "" : ", in a kernel on an AI core";
	char address[48] = "";

	if (has_address(crash->signal))
		snprintf(address, sizeof(address), " at address 0x%llx",
			 (unsigned long long)crash->address);
	return err_set(err, EPIPE, "the AICPU crashed: SIG%s%s%s", name ? name : "?", address,
		       where);
}

/* A number that changes while the AICPU gets on with its work. */
static uint64_t progress_of(const struct control *control)
{
	uint64_t sum = __atomic_load_n(&control->beats, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < DEVICE_THREADS_MAX; i++)
		sum = sum * 31 + __atomic_load_n(&control->watch[i], __ATOMIC_RELAXED);
	return sum;
}

static int answer_judge(struct device *device, enum device_failure *ret_failure, struct err *err)
{
	if (__atomic_load_n(&device->control->crash.signal, __ATOMIC_ACQUIRE) != 0) {
		*ret_failure = DEVICE_CRASHED;
		return crash_in_words(&device->control->crash, err);
	}
	*ret_failure = DEVICE_OK;
	return 0;
}

/* One look between two sleeps: 0 = go on waiting. */
static int look(struct device *device, uint64_t quiet_ns, enum device_failure *ret_failure,
		struct err *err)
{
	if (device->options.interrupted && device->options.interrupted()) {
		*ret_failure = DEVICE_INTERRUPTED;
		return err_set(err, EINTR, "interrupted");
	}
	if (device_is_dead(device)) {
		*ret_failure = DEVICE_CRASHED;
		/* It may have answered, or left its last words, between the two looks. */
		if (bell_count(&device->control->answered) != device->answered_seen)
			return 0;
		return ended_in_words(device, err);
	}
	if (quiet_ns < device->options.timeout_ns)
		return 0;
	*ret_failure = DEVICE_TIMEOUT;
	return err_set(err, ETIMEDOUT, "the AICPU made no progress for %.1f s and was ended",
		       (double)device->options.timeout_ns / 1e9);
}

int device_wait(struct device *device, enum device_failure *ret_failure, struct err *err)
{
	struct control *control = device->control;
	uint64_t progress = progress_of(control), since = clock_now_ns();

	while (bell_wait(&control->answered, device->answered_seen, LOOK_NS) < 0) {
		uint64_t now = clock_now_ns(), seen = progress_of(control);
		int r;

		if (seen != progress) {
			progress = seen;
			since = now;
		}
		r = look(device, now - since, ret_failure, err);
		if (r < 0)
			return r;
	}
	device->answered_seen++;
	return answer_judge(device, ret_failure, err);
}

/* What was relocated for other addresses is worth nothing to this process. */
static void target_agree(struct device *device, const struct elf_prelink_target *target)
{
	const struct elf_prelink_target before = device->target;

	device->target = *target;
	if (before.slot_begin != device->target.slot_begin ||
	    before.slot_bytes != device->target.slot_bytes || before.page != device->target.page ||
	    before.slots != device->target.slots)
		ahead_forget(device);
}

static int ready_wait(struct device *device, struct err *err)
{
	struct control_startup *startup = &device->control->startup;
	uint64_t patience = device->options.timeout_ns;
	enum device_failure failure;
	int r;

	device->options.timeout_ns = START_TIMEOUT_NS;
	r = device_wait(device, &failure, err);
	device->options.timeout_ns = patience;
	if (r < 0)
		return err_prefix(err, r, "start of the AICPU");
	if (startup->code < 0) {
		startup->err.text[ERR_TEXT_BYTES - 1] = '\0';
		return err_set(err, -startup->code, "%s", startup->err.text);
	}
	if (memory_base(device->memory) == 0)
		memory_agree(device->memory, startup->memory_base);
	device->busy = false;
	target_agree(device, &startup->target);
	startup->directories[sizeof(startup->directories) - 1] = '\0';
	text_copy(device->directories, sizeof(device->directories), startup->directories);
	return 0;
}

/* Without a folder the AICPU uses the machine's directories; the reason is kept in words. Dies of
 * one chip start one after the other, so the peer's is there or it is not. */
static void folder_take(struct device *device, struct err *ret_why)
{
	struct device_folder *folder = device->peer ? device->peer->folder : NULL;

	if (device->options.shared_directories)
		return;
	if (!folder) {
		folder = calloc(1, sizeof(*folder));
		if (!folder)
			return;
		folder->fd = directories_create(folder->path, sizeof(folder->path), ret_why);
		if (folder->fd < 0) {
			free(folder);
			return;
		}
	}
	__atomic_add_fetch(&folder->users, 1, __ATOMIC_ACQ_REL);
	device->folder = folder;
}

static void folder_drop(struct device *device)
{
	struct device_folder *folder = device->folder;

	device->folder = NULL;
	if (!folder || __atomic_sub_fetch(&folder->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	directories_remove(folder->path);
	close(folder->fd);
	free(folder);
}

int device_start(struct device *device, struct err *err)
{
	struct err why = { "" };
	int r;

	device->control_fd = control_create(&device->control, err);
	if (device->control_fd < 0)
		return device->control_fd;
	device->answered_seen = 0;
	if (!device->variant->host_builds) /* there it has lost nothing: it is in this process */
		memset(device->places, 0, sizeof(device->places));
	device->busy = true;
	folder_take(device, &why);
	r = setup_fill(device, err);
	if (r == 0)
		r = spawn(device, err);
	if (r == 0)
		r = ready_wait(device, err);
	if (r == 0 && why.text[0])
		snprintf(device->directories, sizeof(device->directories),
			 "the machine's own directories (%.200s)", why.text);
	if (r == 0 && device->transport_state && device->options.transport->forget)
		device->options.transport->forget(device->transport_state);
	if (r < 0)
		device_stop(device);
	return r;
}

static bool end_wait(struct device *device, uint64_t timeout_ns)
{
	uint64_t until = clock_now_ns() + timeout_ns;

	while (!device_is_dead(device)) {
		if (clock_now_ns() > until)
			return false;
		usleep(200);
	}
	return true;
}

static void aicpu_end(struct device *device)
{
	if (device_is_dead(device))
		return;
	/* An idle one closes its loader and leaves when asked. */
	if (!device->busy) {
		device->control->request.leave = true;
		bell_ring(&device->control->begun);
		bell_ring(&device->control->doorbell);
		if (end_wait(device, END_TIMEOUT_NS))
			return;
	}
	kill(device->process, SIGTERM);
	if (end_wait(device, END_TIMEOUT_NS))
		return;
	kill(device->process, SIGKILL);
	end_wait(device, UINT64_MAX / 2);
}

void device_stop(struct device *device)
{
	if (!device->control)
		return;
	aicpu_end(device);
	staged_unlink_list(&device->control->staged);
	folder_drop(device);
	control_unmap(device->control);
	device->control = NULL;
	close(device->control_fd);
}

int device_revive(struct device *device, struct err *err)
{
	int r;

	if (device_is_dead(device))
		device_stop(device);
	if (device->control)
		return 0;
	r = device_start(device, err);
	device->revived = r == 0;
	return r;
}
