/*
 * A virtual AICPU: an aarch64 machine under QEMU that counts instructions instead of time. It is
 * booted for one command and gone with it. Nothing in it depends on the host's clock or load: equal
 * options give equal bytes.
 */
#ifndef SOLOAD_BENCH_VM_GUEST_H
#define SOLOAD_BENCH_VM_GUEST_H

#include "base/err.h"
#include "bench/vm/cpio.h"
#include "bench/vm/frames.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_KERNEL "6.1"
#define GUEST_QEMU "qemu-system-aarch64"
#define GUEST_ABSENT ENOMEDIUM /* no guest here; any other file that is missing is ENOENT */

struct guest_file {
	const char *name; /* in the guest, relative to its root, its folder being there */
	const char *path; /* of the file that goes there */
};

struct guest_options {
	const char *parts;	     /* what tools/vm fetched */
	const char *program;	     /* soload for aarch64 */
	bool objects;		     /* take the folder objects/ beside it along */
	const char *kernel;	     /* a folder of `parts`: "6.1" */
	const char *const *settings; /* names of settings.def, ends with NULL */
	char *const *command;	     /* ends with NULL */
	const struct guest_file *files;
	size_t file_count;
	unsigned int cpus;
	uint64_t memory_bytes; /* whole megabytes of it */
	uint64_t quiet_ns;     /* without a byte: it hangs */
	frame_take take;       /* all frames but EXIT and NOTE */
	void *to;
};

/*
 * Boots, runs the command, and waits for the end: 0 with the command's exit code, -EINTR when
 * command_interrupted(), -GUEST_ABSENT with what is missing and what to do, else a negative errno
 * with one sentence: the kernel panicked, the guest hung, its output is damaged, QEMU could not
 * start, a file is missing.
 */
int guest_run(const struct guest_options *options, int *ret_code, struct err *err);

/* Parts of it, for the tests. */

/* What the console of a guest that ended too early says: the panic, else its last line, else "". */
void guest_last_words(const char *console, size_t size, char *ret_text, size_t text_size);

#endif
