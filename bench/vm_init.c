/*
 * soload vm_init: the first process of a virtual AICPU. Mounts what an AICPU has, applies the
 * settings of the plan, runs its command, sends output and results over the line, and turns the
 * machine off. Nothing of it waits for time to pass: equal plans run equal instructions.
 */
#include "bench/command.h"
#include "bench/vm/frames.h"
#include "bench/vm/plan.h"
#include "bench/vm/restrict.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FIRST_PID "20000" /* as many digits for every process: they are part of file names */

struct init {
	int line;
	struct plan plan;
};

static const struct {
	const char *type, *target, *options;
	unsigned long flags;
} mounts[] = {
	{ "devtmpfs", "/dev", "", 0 }, { "proc", "/proc", "", 0 },
	{ "sysfs", "/sys", "", 0 },    { "tmpfs", "/dev/shm", "mode=1777", 0 },
	{ "tmpfs", "/tmp", "", 0 },    { "tmpfs", "/var/tmp", "", 0 },
};

#define MOUNTS (sizeof(mounts) / sizeof(mounts[0]))

static void file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	fd_write_all(fd, text, strlen(text), path, NULL);
	close(fd);
}

static void system_mount(void)
{
	for (size_t i = 0; i < MOUNTS; i++) {
		file_make_directory(mounts[i].target, NULL);
		mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
		      mounts[i].options);
	}
	file_put("/proc/sys/kernel/ns_last_pid", FIRST_PID);
	file_put("/proc/sys/kernel/perf_user_access", "1");
	file_put("/proc/sys/kernel/printk", "1");
	setenv("PATH", "/" GUEST_FOLDER ":/bin", 1);
	setenv("HOME", "/", 1);
}

/* Bytes as they are: no echo, no line ends of a terminal's own. */
static int line_open(struct init *init, struct err *err)
{
	struct termios raw;

	init->line = open(GUEST_LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (init->line < 0 || tcgetattr(init->line, &raw) < 0)
		return err_sys(err, GUEST_LINE);
	cfmakeraw(&raw);
	if (tcsetattr(init->line, TCSANOW, &raw) < 0)
		return err_sys(err, GUEST_LINE);
	return 0;
}

static int plan_read(struct init *init, struct err *err)
{
	struct file_bytes file;
	int r = file_load(GUEST_PLAN, &file, err);

	return r < 0 ? r : plan_take(file.bytes, file.size, &init->plan, err);
}

static int settings_apply(const struct init *init, struct err *err)
{
	static const struct {
		const char *name;
		int (*apply)(struct err *err);
	} settings[] = {
#define SETTING(name, function, text) { #name, function },
#include "bench/vm/settings.def"
#undef SETTING
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		for (char *const *word = init->plan.words; r == 0 && *word; word++) {
			if (strcmp(*word, settings[i].name) == 0)
				r = settings[i].apply(err);
		}
	}
	return r;
}

/* The child: settings first, so that they bind the command and nothing else. */
static void child_start(const struct init *init, const int *out, const int *note)
{
	struct err err = { "" };
	int r;

	setsid();
	dup2(out[0], STDOUT_FILENO);
	dup2(out[1], STDERR_FILENO);
	r = settings_apply(init, &err);
	if (r == 0) {
		execvp(init->plan.command[0], init->plan.command);
		err_sys(&err, "%s", init->plan.command[0]);
		r = EXIT_USAGE;
	} else {
		r = EXIT_SKIPPED;
	}
	fd_write_all(*note, err.text, strlen(err.text), "note", NULL);
	_exit(r);
}

static void pipes_send(const struct init *init, struct pollfd *pipes, nfds_t count)
{
	static const enum frame_type types[] = { FRAME_OUT, FRAME_ERR, FRAME_NOTE };
	char bytes[FRAME_BYTES_MAX];
	nfds_t open = count;

	while (open && poll(pipes, count, -1) >= 0) {
		for (nfds_t i = 0; i < count; i++) {
			ssize_t n;

			if (pipes[i].fd < 0 || !pipes[i].revents)
				continue;
			n = read(pipes[i].fd, bytes, sizeof(bytes));
			if (n > 0) {
				frame_send(init->line, types[i], bytes, (size_t)n, NULL);
				continue;
			}
			close(pipes[i].fd);
			pipes[i].fd = -1;
			open--;
		}
	}
}

static int child_run(const struct init *init, struct err *err)
{
	int ends[3][2], status = 0;
	struct pollfd pipes[3];
	pid_t child;

	for (int i = 0; i < 3; i++) {
		if (pipe2(ends[i], O_CLOEXEC) < 0)
			return err_sys(err, "pipe");
		pipes[i] = (struct pollfd){ .fd = ends[i][0], .events = POLLIN };
	}
	child = fork();
	if (child < 0)
		return err_sys(err, "fork");
	if (child == 0)
		child_start(init, (int[]){ ends[0][1], ends[1][1] }, &ends[2][1]);
	for (int i = 0; i < 3; i++)
		close(ends[i][1]);
	pipes_send(init, pipes, 3);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

static void file_send(const struct init *init, const char *path)
{
	char bytes[FRAME_BYTES_MAX];
	const char *name = path + strlen(GUEST_RESULTS "/");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return;
	frame_send(init->line, FRAME_FILE, name, strlen(name), NULL);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		frame_send(init->line, FRAME_DATA, bytes, (size_t)n, NULL);
	close(fd);
}

static void results_send(const struct init *init, const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char *path = NULL;
		struct stat st;

		if (name[0] != '.' && asprintf(&path, "%s/%s", folder, name) > 0 &&
		    lstat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				results_send(init, path);
			else if (S_ISREG(st.st_mode))
				file_send(init, path);
		}
		free(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static int init_run(struct init *init, struct err *err)
{
	struct utsname machine;
	int32_t code;
	int r = plan_read(init, err);

	uname(&machine);
	frame_send(init->line, FRAME_HELLO, machine.release, strlen(machine.release), NULL);
	if (r == 0)
		r = child_run(init, err);
	if (r < 0) {
		frame_send(init->line, FRAME_NOTE, err->text, strlen(err->text), NULL);
		r = EXIT_USAGE;
	}
	results_send(init, GUEST_RESULTS);
	code = r;
	return frame_send(init->line, FRAME_EXIT, &code, sizeof(code), err);
}

int command_vm_init(int argc, char **argv)
{
	struct init init = { .line = -1 };
	struct err err = { "" };

	if (getpid() != 1) {
		fprintf(stderr,
			"soload: %s is the first process of a virtual AICPU (see: soload vm "
			"--help)\n",
			argv[argc - 1]);
		return EXIT_USAGE;
	}
	system_mount();
	if (line_open(&init, &err) < 0 || init_run(&init, &err) < 0)
		fprintf(stderr, "soload: %s\n", err.text);
	tcdrain(init.line);
	reboot(RB_POWER_OFF);
	return EXIT_USAGE;
}
