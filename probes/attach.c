/*
 * Attaching. libbpf 1.1 knows no uprobe_multi, so its link is made by the system call itself. Perf
 * events work everywhere, but each takes 0.1 s to remove, and since 6.16 CAP_SYS_ADMIN to open.
 */
#include "probes/attach.h"

#ifdef HAVE_BPF
#include "base/file.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CPUS_MAX 4096
#define MULTI_RETURN 1u /* BPF_F_UPROBE_MULTI_RETURN */

/* The part of union bpf_attr that BPF_LINK_CREATE reads for uprobe_multi (linux/bpf.h, 6.6). */
struct multi_attr {
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, padding;
};

static int link_keep(struct attach *attach, int fd)
{
	if (attach->count == ATTACH_MAX) {
		close(fd);
		return -E2BIG;
	}
	attach->fds[attach->count++] = fd;
	return 0;
}

static int multi_attach(struct attach *attach, int program, bool returns,
			const struct attach_sites *sites)
{
	struct multi_attr attr = {
		.program = (uint32_t)program,
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)sites->path,
		.offsets = (uint64_t)(uintptr_t)sites->offsets,
		.cookies = (uint64_t)(uintptr_t)sites->cookies,
		.count = sites->count,
		.multi_flags = returns ? MULTI_RETURN : 0,
		.pid = (uint32_t)sites->pid,
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : link_keep(attach, fd);
}

/* The number at the end of a file of sysfs: "6", "config:0". */
static int sysfs_number(const char *path, unsigned int *ret_number)
{
	char text[64], *at;

	if (!file_line(path, text, sizeof(text)))
		return -errno;
	at = strrchr(text, ':');
	*ret_number = (unsigned int)strtoul(at ? at + 1 : text, NULL, 10);
	return 0;
}

static int perf_open(const struct attach_sites *sites, unsigned int site, bool returns)
{
	unsigned int type, bit = 0;
	struct perf_event_attr attr = { .size = sizeof(attr) };
	int r = sysfs_number("/sys/bus/event_source/devices/uprobe/type", &type);

	if (r == 0)
		r = sysfs_number("/sys/bus/event_source/devices/uprobe/format/retprobe", &bit);
	if (r < 0)
		return r;
	attr.type = type;
	attr.config = returns ? UINT64_C(1) << bit : 0;
	attr.config1 = (uint64_t)(uintptr_t)sites->path;
	attr.config2 = sites->offsets[site];
	r = (int)syscall(SYS_perf_event_open, &attr, sites->pid ? sites->pid : -1,
			 sites->pid ? -1 : 0, -1, PERF_FLAG_FD_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int perf_attach(struct attach *attach, int program, bool returns,
		       const struct attach_sites *sites)
{
	for (unsigned int i = 0; i < sites->count; i++) {
		struct bpf_link_create_opts options = {
			.sz = sizeof(options),
			.perf_event.bpf_cookie = sites->cookies[i],
		};
		int fd = perf_open(sites, i, returns), link;

		if (fd < 0)
			return fd;
		if (attach->count + 2 > ATTACH_MAX) {
			close(fd);
			return -E2BIG;
		}
		link = bpf_link_create(program, fd, BPF_PERF_EVENT, &options);
		if (link < 0) {
			close(fd);
			return link;
		}
		link_keep(attach, link);
		link_keep(attach, fd);
	}
	return 0;
}

int attach_uprobes(struct attach *attach, int program, bool returns,
		   const struct attach_sites *sites, struct err *err)
{
	unsigned int before = attach->count;
	int r = -EOPNOTSUPP, first = 0;

	if (sites->count == 0)
		return 0;
	if (attach->way != ATTACH_PERF)
		r = first = multi_attach(attach, program, returns, sites);
	if (r == 0)
		attach->way = ATTACH_MULTI;
	else if (attach->way != ATTACH_MULTI)
		r = perf_attach(attach, program, returns, sites);
	if (r == 0 && attach->way == ATTACH_AUTO)
		attach->way = ATTACH_PERF;
	/* To a program of the one kind the other is no answer: EINVAL would hide the reason. */
	if (r == -EINVAL && first < 0)
		r = first;
	if (r == 0)
		return 0;
	while (attach->count > before)
		close(attach->fds[--attach->count]);
	return err_set(err, -r, "uprobes on %s: %s", sites->path, strerror(-r));
}

uint64_t attach_counter(int map)
{
	static uint64_t values[CPUS_MAX];
	int cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (cpus < 0 || cpus > CPUS_MAX || bpf_map_lookup_elem(map, &zero, values) < 0)
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

int attach_tracepoint(struct attach *attach, int program, const char *name, struct err *err)
{
	int fd = bpf_raw_tracepoint_open(name, program);

	if (fd < 0)
		return err_set(err, errno, "tracepoint %s: %s", name, strerror(errno));
	return link_keep(attach, fd);
}
#endif

#include <unistd.h>

void attach_close(struct attach *attach)
{
	while (attach->count)
		close(attach->fds[--attach->count]);
}
