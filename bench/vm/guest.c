/*
 * QEMU, started, listened to and ended. The guest writes into plain files, which never make it
 * wait, and this side reads them as they grow: how fast it does cannot be seen from inside.
 */
#include "bench/vm/guest.h"

#include "base/clock.h"
#include "base/file.h"
#include "bench/command.h"
#include "bench/vm/image.h"
#include "bench/vm/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000

/* One instruction is one nanosecond, an idle machine jumps to its next timer, and what the kernel
 * draws at random comes from the seed. Mitigations off: they cost TCG far more than hardware. */
#define KERNEL_LINE \
	"console=ttyAMA0 quiet panic=-1 mitigations=off nokaslr kpti=0 norandmaps " \
	"randomize_kstack_offset=off " \
	"rdinit=" GUEST_PROGRAM " -- vm_init"

struct guest {
	const struct guest_options *options;
	struct frames frames;
	char folder[1024];
	int line;
	pid_t qemu;
	bool exited;
	int32_t code;
	char note[ERR_TEXT_BYTES]; /* what the guest's init had to say */
	uint64_t heard_ns;	   /* when it last said something */
};

static int file_needed(const char *folder, const char *name, const char *what, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s%s", folder, *name ? "/" : "", name);
	if (access(path, R_OK) == 0)
		return 0;
	return err_set(err, ENOENT, "%s is missing (%s): make vm", what, path);
}

static bool program_is_there(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	while (path && *path) {
		size_t length = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name);
		if (access(file, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Whether all that guest_run() needs is here: 0, or -ENOENT with what is missing and what to do. */
static int guest_available(const struct guest_options *options, struct err *err)
{
	char kernel[64];
	int r;

	if (!program_is_there(GUEST_QEMU))
		return err_set(err, ENOENT, GUEST_QEMU " is not installed: tools/deps vm");
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", options->kernel);
	r = file_needed(options->program, "", "soload for aarch64", err);
	if (r == 0)
		r = file_needed(options->parts, "busybox", "what a guest is made of", err);
	if (r == 0)
		r = file_needed(options->parts, kernel, "the kernel of the guest", err);
	return r;
}

void guest_last_words(const char *console, size_t size, char *ret_text, size_t text_size)
{
	static const char panic[] = "Kernel panic - not syncing: ";
	const char *at = memmem(console, size, panic, strlen(panic));
	const char *end = console + size, *begin;

	if (at) {
		begin = at;
		end = memchr(at, '\n', size - (size_t)(at - console));
		end = end ? end : console + size;
	} else {
		while (end > console && (unsigned char)end[-1] <= ' ')
			end--;
		begin = end;
		while (begin > console && begin[-1] != '\n')
			begin--;
	}
	while (end > begin && (unsigned char)end[-1] <= ' ')
		end--;
	snprintf(ret_text, text_size, "%.*s", (int)(end - begin), begin);
	for (char *c = ret_text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

static int frame_arrived(void *to, enum frame_type type, const void *bytes, size_t size,
			 struct err *err)
{
	struct guest *guest = to;

	if (type == FRAME_EXIT) {
		memcpy(&guest->code, bytes, sizeof(guest->code));
		guest->exited = true;
		return 0;
	}
	if (type == FRAME_NOTE) {
		if (size)
			snprintf(guest->note, sizeof(guest->note), "%.*s", (int)size,
				 (const char *)bytes);
		return 0;
	}
	return guest->options->take(guest->options->to, type, bytes, size, err);
}

/* In the child: never returns. */
static void qemu_exec(const struct guest *guest)
{
	const struct guest_options *o = guest->options;
	char kernel[PATH_MAX], image[PATH_MAX], console[PATH_MAX + 32], line[PATH_MAX + 32];
	char cpus[16], memory[16];
	int null = open("/dev/null", O_RDWR);
	int log;

	snprintf(kernel, sizeof(kernel), "%s/%s/vmlinuz", o->parts, o->kernel);
	snprintf(image, sizeof(image), "%s/image", guest->folder);
	snprintf(console, sizeof(console), "%s/qemu", guest->folder);
	log = open(console, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	snprintf(console, sizeof(console), "file,id=console,path=%s/console", guest->folder);
	snprintf(line, sizeof(line), "file,id=line,path=%s/line", guest->folder);
	snprintf(cpus, sizeof(cpus), "%u", o->cpus);
	snprintf(memory, sizeof(memory), "%" PRIu64, o->memory_bytes >> 20);
	setpgid(0, 0); /* Ctrl-C is for soload, which ends it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execlp(GUEST_QEMU, GUEST_QEMU, "-M", "virt", "-cpu", "neoverse-n1", "-smp", cpus, "-m",
	       memory, "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
	       "-no-reboot", "-kernel", kernel, "-initrd", image, "-append", KERNEL_LINE, "-icount",
	       "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01,clock=vm", "-chardev",
	       console, "-serial", "chardev:console", "-chardev", line, "-device",
	       "pci-serial,chardev=line", (char *)NULL);
	_exit(127);
}

static int line_open(struct guest *guest, struct err *err)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/line", guest->folder);
	guest->line = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return guest->line < 0 ? err_sys(err, "%s", path) : 0;
}

/* Everything the guest has said since the last time. */
static int line_listen(struct guest *guest, struct err *err)
{
	unsigned char bytes[16384];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(guest->line, bytes, sizeof(bytes))) > 0) {
		r = frames_feed(&guest->frames, bytes, (size_t)n, err);
		guest->heard_ns = clock_now_ns();
	}
	return r;
}

static int tail_read(const struct guest *guest, const char *name, char *text, size_t size)
{
	char path[PATH_MAX + 8];
	struct file_bytes file;

	snprintf(path, sizeof(path), "%s/%s", guest->folder, name);
	text[0] = '\0';
	if (file_load(path, &file, NULL) < 0)
		return -ENOENT;
	guest_last_words(file.bytes, file.size, text, size);
	file_unload(&file);
	return 0;
}

static int ended_early(const struct guest *guest, int status, struct err *err)
{
	char words[256];

	if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		tail_read(guest, "qemu", words, sizeof(words));
		return err_set(err, EIO, GUEST_QEMU " ended with %d: %s", WEXITSTATUS(status),
			       words[0] ? words : "no reason given");
	}
	if (WIFSIGNALED(status))
		return err_set(err, EIO, GUEST_QEMU " was ended by signal %d", WTERMSIG(status));
	tail_read(guest, "console", words, sizeof(words));
	return err_set(err, EIO, "the guest ended before its command: %s",
		       words[0] ? words : "it said nothing");
}

static int hung(const struct guest *guest, struct err *err)
{
	char words[256];

	tail_read(guest, "console", words, sizeof(words));
	return err_set(err, ETIMEDOUT, "the guest hangs: nothing heard for %g s%s%s",
		       (double)guest->options->quiet_ns / 1e9, words[0] ? ", at last: " : "",
		       words);
}

static int guest_wait(struct guest *guest, struct err *err)
{
	static const struct timespec look = { .tv_nsec = LOOK_NS };
	int status, r = 0;
	pid_t done = 0;

	guest->heard_ns = clock_now_ns();
	while (r == 0 && done == 0) {
		if (command_interrupted())
			return -EINTR;
		nanosleep(&look, NULL);
		done = waitpid(guest->qemu, &status, WNOHANG);
		r = line_listen(guest, err);
		if (r == 0 && done == 0 &&
		    clock_now_ns() - guest->heard_ns > guest->options->quiet_ns)
			r = hung(guest, err);
	}
	if (done != 0)
		guest->qemu = 0;
	if (r == 0 && !guest->exited)
		r = ended_early(guest, status, err);
	return r;
}

static void guest_end(struct guest *guest)
{
	static const char *const names[] = { "image", "line", "console", "qemu" };
	char path[PATH_MAX + 8];

	if (guest->qemu > 0) {
		kill(guest->qemu, SIGKILL);
		waitpid(guest->qemu, NULL, 0);
	}
	if (guest->line >= 0)
		close(guest->line);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", guest->folder, names[i]);
		unlink(path);
	}
	rmdir(guest->folder);
}

static int guest_start(struct guest *guest, struct err *err)
{
	char image[PATH_MAX + 8];
	int r;

	snprintf(image, sizeof(image), "%s/image", guest->folder);
	r = image_write(image, guest->options, err);
	if (r == 0)
		r = line_open(guest, err);
	if (r < 0)
		return r;
	guest->qemu = fork();
	if (guest->qemu < 0)
		return err_sys(err, "fork");
	if (guest->qemu == 0)
		qemu_exec(guest);
	return 0;
}

int guest_run(const struct guest_options *options, int *ret_code, struct err *err)
{
	const char *scratch = getenv("TMPDIR");
	struct guest guest = { .options = options, .line = -1 };
	int r = guest_available(options, err);

	if (r < 0)
		return -GUEST_ABSENT;
	guest.frames = (struct frames){ .take = frame_arrived, .to = &guest };
	snprintf(guest.folder, sizeof(guest.folder), "%s/soload-vm-XXXXXX",
		 scratch && *scratch ? scratch : "/tmp");
	if (!mkdtemp(guest.folder))
		return err_sys(err, "%s", guest.folder);
	r = guest_start(&guest, err);
	if (r == 0)
		r = guest_wait(&guest, err);
	guest_end(&guest);
	if (r == 0 && guest.note[0])
		r = err_set(err, ENOEXEC, "%s", guest.note);
	*ret_code = guest.code;
	return r;
}
