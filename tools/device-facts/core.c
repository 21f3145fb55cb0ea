/*
 * device-facts: prints what is unknown about a device until it was asked. One static file to copy
 * there; its dynamic part is inside. See facts.h.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PART_SECONDS 60
#define PART_OUTPUT_BYTES 32768

extern const char loaders_program[], loaders_program_end[];

static const char usage[] =
	"Usage: device-facts [--json FILE]\n"
	"Prints what loading a shared object depends on here: kernel, processor, memory, places "
	"for\n"
	"files, ways to executable memory, and what each step and each loader costs. Changes\n"
	"nothing: its files have no name, and what may kill a process runs in one of its own.\n"
	"\n"
	"  --json FILE   the same as JSON, too; - prints JSON alone\n"
	"\n"
	"Exit codes: 0 done, whatever was found; 2 usage, or FILE cannot be written.\n";

/* What runs in a process of its own; its output is lines for fact_line(). */
struct part {
	const char *group;
	const char *name; /* of the fact that it came to nothing, or not to its end */
	void (*run)(void);
};

/* All of the dynamic part's bytes into `fd`. */
static int program_write(int fd)
{
	size_t done = 0, size = (size_t)(loaders_program_end - loaders_program);

	while (done < size) {
		ssize_t r = write(fd, loaders_program + done, size - done);

		if (r < 0 && errno != EINTR)
			return -errno;
		done += r > 0 ? (size_t)r : 0;
	}
	return 0;
}

/* A read-only descriptor of the dynamic part: a file that is open for writing cannot be run. */
static int program_open(const char *place)
{
	int fd = place ? place_file(place) : (int)syscall(SYS_memfd_create, "loaders", 1u), shown;
	char path[64];

	if (fd < 0)
		return place ? fd : -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (program_write(fd) < 0) {
		close(fd);
		return -EIO;
	}
	shown = open(path, O_RDONLY);
	close(fd);
	return shown < 0 ? -errno : shown;
}

/* In a child whose output is taken: runs it from memory, else from the first place that allows it.
 */
static void loaders_run(void)
{
	static char name[] = "device-facts-loaders";
	char *const arguments[] = { name, NULL };
	int why = ENOENT;

	for (size_t i = 0; i == 0 || places[i - 1]; i++) {
		int fd = program_open(i == 0 ? NULL : places[i - 1]);

		if (fd < 0) {
			why = -fd;
			continue;
		}
		syscall(SYS_execveat, fd, "", arguments, environ, 0x1000 /* AT_EMPTY_PATH */);
		why = errno;
		close(fd);
	}
	printf("no place from which a program can be run: %s\n", strerror(why));
	fflush(stdout);
	_exit(126);
}

static size_t output_read(int fd, char *text, size_t size)
{
	size_t length = 0;

	for (;;) {
		ssize_t r = read(fd, text + length, size - 1 - length);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || length + (size_t)r == size - 1) {
			length += r > 0 ? (size_t)r : 0;
			text[length] = '\0';
			return length;
		}
		length += (size_t)r;
	}
}

static void status_fact(const struct part *part, int status, const char *words)
{
	if (WIFSIGNALED(status))
		fact_unknown(part->group, part->name, "killed by signal %d (%s)%s%.100s",
			     WTERMSIG(status), strsignal(WTERMSIG(status)), *words ? ": " : "",
			     words);
	else if (WEXITSTATUS(status) != 0)
		fact_unknown(part->group, part->name, "cannot start here: %.150s",
			     *words ? words : "it says nothing");
}

/* Lines of facts are taken, also those before a kill; what is left is ld.so speaking, or an error.
 */
static void part_facts(const struct part *part)
{
	static char output[PART_OUTPUT_BYTES];
	const char *words = "";
	char *next;
	int ends[2], status = 0;
	pid_t child;

	fflush(NULL);
	if (pipe(ends) < 0) {
		fact_unknown(part->group, part->name, "no pipe: %s", strerror(errno));
		return;
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		alarm(PART_SECONDS);
		if (dup2(ends[1], STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
			_exit(126);
		part->run();
		_exit(0);
	}
	close(ends[1]);
	output_read(ends[0], output, sizeof(output));
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	for (char *line = output; *line; line = next) {
		size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		line[length] = '\0';
		if (fact_line(part->group, line) < 0 && !*words)
			words = line;
	}
	if (child < 0)
		fact_unknown(part->group, part->name, "no process: %s", strerror(errno));
	else
		status_fact(part, status, words);
}

static void costs_facts(void)
{
	part_facts(&(struct part){ "costs", "the rest", costs_run });
}

/* What a load costs with each loader. */
static void loaders_facts(void)
{
	part_facts(&(struct part){ "loads", "dynamic part", loaders_run });
}

static int json_write(const char *path)
{
	FILE *out = fopen(path, "we");
	int r = out ? facts_write_json(out) : -errno;

	if (out && fclose(out) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		fprintf(stderr, "soload: device-facts: %s: %s\n", path, strerror(-r));
	return r < 0 ? 2 : 0;
}

int main(int argc, char **argv)
{
	static void (*const steps[])(void) = { machine_facts, place_facts, memory_facts,
					       costs_facts, loaders_facts };
	const char *json = NULL;
	bool alone;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	if (argc == 3 && strcmp(argv[1], "--json") == 0)
		json = argv[2];
	else if (argc != 1) {
		fprintf(stderr,
			"soload: device-facts: '%s' makes no sense (see device-facts --help)\n",
			argc == 2 && strcmp(argv[1], "--json") == 0 ? "--json with no file"
								    : argv[1]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	alone = json && strcmp(json, "-") == 0;
	/* What is known is shown at once: the next step may be the last. */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		steps[i]();
		if (!alone)
			facts_print(stdout);
	}
	if (alone)
		return facts_write_json(stdout) < 0 ? 2 : 0;
	if (ferror(stdout))
		return 2;
	return json ? json_write(json) : 0;
}
