/* The smallest program there is, onto a function of soload's own. */
#include "probes/ldphase_try.h"

#ifdef HAVE_BPF
#include "probes/calibrate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int nothing_load(enum attach_way way)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_load_opts options = {
		.sz = sizeof(options),
		.expected_attach_type =
			(enum bpf_attach_type)(way == ATTACH_MULTI ? ATTACH_UPROBE_MULTI : 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", nothing, 2, &options);
}

static int nothing_attach(enum attach_way way, struct err *err)
{
	struct attach attach = { .way = way };
	struct calibrate_sites own = { "", 0, 0 };
	uint64_t cookie = 0;
	struct attach_sites sites = { .pid = getpid(), .count = 1, .cookies = &cookie };
	int program = nothing_load(way), r;

	if (program < 0)
		return err_sys(err, "load a BPF program");
	r = calibrate_sites(&own, err);
	sites.path = own.path;
	sites.offsets = &own.step;
	if (r == 0)
		r = attach_uprobes(&attach, program, false, &sites, err);
	attach_close(&attach);
	close(program);
	return r;
}

int ldphase_try(enum attach_way way, struct err *err)
{
	int fd, code, r = -EOPNOTSUPP;

	libbpf_set_print(quiet);
	fd = nothing_load(ATTACH_PERF);
	code = errno;
	if (fd >= 0)
		close(fd);
	else if (code == EPERM || code == EACCES)
		return err_set(
			err, code,
			"no CAP_BPF and CAP_PERFMON; to get them: run as root, or sudo setcap "
			"cap_bpf,cap_perfmon+ep soload");
	else
		return err_set(err, code, "this kernel loads no BPF program: %s", strerror(code));
	if (way == ATTACH_PERF)
		return nothing_attach(ATTACH_PERF, err);
	r = nothing_attach(ATTACH_MULTI, err);
	if (r == 0 || way == ATTACH_MULTI)
		return r;
	return nothing_attach(ATTACH_PERF, NULL) == 0 ? 0 : r; /* the reason of the newer way */
}
#endif
