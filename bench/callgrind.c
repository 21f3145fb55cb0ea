/* A worker under valgrind. See callgrind.h. */
#include "bench/callgrind.h"

#include "bench/command.h"
#include "bench/cycle.h"
#include "probes/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(120000000000)
#define TRIES 3
#define REPORT_FD_MIN 10 /* above those a worker is given */
#define LINE_BYTES 4096

/* The total in callgrind's report: "summary: 304544". */
static int report_read(int fd, uint64_t *ret_count, struct err *err)
{
	int copy = dup(fd);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
	char line[LINE_BYTES];
	unsigned long long count = 0;
	bool found = false;

	if (!file) {
		if (copy >= 0)
			close(copy);
		return err_sys(err, "read callgrind's report");
	}
	rewind(file);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "summary: %llu", &count) == 1 ||
			sscanf(line, "totals: %llu", &count) == 1;
	fclose(file);
	if (!found)
		return err_set(err, EIO, "callgrind wrote no report");
	if (count == 0)
		return err_set(err, ENOTSUP,
			       "this build cannot be counted inside: no function " CYCLE_COUNTED);
	*ret_count = count;
	return 0;
}

static int worker_run(const struct client_options *options, uint32_t warmup, uint32_t loads,
		      struct err *err)
{
	struct client_load *received = calloc(options->capacity, sizeof(received[0]));
	struct worker_run first = { .count = warmup }, counted = { .count = loads, .marks = 1 };
	struct client client = { .to = -1, .from = -1 };
	int r = received ? 0 : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = client_open(&client, options, err);
	if (r == 0)
		r = client_run(&client, &first, received, err);
	if (r >= 0)
		r = client_run(&client, &counted, received, err);
	if (r > 0 && received[r - 1].load.result < 0)
		r = err_set(err, EIO, "%s", received[r - 1].load.text);
	client_close(&client);
	free(received);
	return r < 0 ? r : 0;
}

/* The report goes to a memory file: the worker may hide /tmp behind private directories. */
static int once_count(const struct client_options *arm, uint32_t warmup, uint32_t loads,
		      uint64_t *ret_count, struct err *err)
{
	struct client_options options = *arm;
	static const char toggle[] = "--toggle-collect=" CYCLE_COUNTED;
	char report[64], self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *wrapper[] = { "valgrind",
				  "-q",
				  "--tool=callgrind",
				  "--vgdb=no",
				  "--log-file=/dev/null",
				  "--smc-check=all-non-file",
				  toggle,
				  report,
				  NULL };
	int memory = memfd_create("callgrind", MFD_CLOEXEC), fd, r;

	fd = memory < 0 ? -1 : fcntl(memory, F_DUPFD, REPORT_FD_MIN); /* inherited */
	if (memory >= 0)
		close(memory);
	if (fd < 0)
		return err_sys(err, "memory for callgrind's report");
	snprintf(report, sizeof(report), "--callgrind-out-file=/proc/self/fd/%d", fd);
	self[length > 0 ? length : 0] = '\0';
	if (!options.program) /* under valgrind, /proc/self/exe is valgrind */
		options.program = self;
	options.wrapper = wrapper;
	options.capacity = loads > warmup ? loads : warmup;
	options.timeout_ns = PATIENCE_NS;
	options.check_every = 0;
	r = worker_run(&options, warmup, loads, err);
	if (r == 0)
		r = report_read(fd, ret_count, err);
	close(fd);
	return r;
}

int callgrind_count(const struct client_options *arm, uint32_t warmup, uint32_t loads,
		    uint64_t *ret_count, struct err *err)
{
	unsigned int foreign = 0;
	int r = -EIO;

	/* Breakpoints that someone else has put into the dynamic linker of every process (uprobes)
	 * end a program under valgrind; they go away. */
	for (int i = 0; i < TRIES && r == -EIO; i++) {
		unsigned int now = foreign_probes();

		foreign = now ? now : foreign;
		r = command_interrupted() ? err_set(err, EINTR, "interrupted")
					  : once_count(arm, warmup, loads, ret_count, err);
	}
	if (r == -EIO && foreign)
		return err_set(err, EIO,
			       "under valgrind a program ends at a breakpoint of others: %u "
			       "uprobes are on this machine (another trace?); count when they are "
			       "gone",
			       foreign);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "no valgrind here (package valgrind)");
	return r == -EIO || r == -EPROTO ? err_prefix(err, r, "under valgrind") : r;
}
