/* soload doctor: what on this machine moves or forbids measurements, and what to do about it. */
#include "bench/command.h"
#include "bench/cost.h"
#include "bench/gate_sides.h"
#include "bench/lockstep.h"
#include "bench/machine.h"
#include "bench/stats.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <argp.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_GET_MDWE /* Linux 6.3 */
#define PR_GET_MDWE 66
#endif

#define VISIBLE_NS UINT64_C(5000000000)
#define EPOCHS_MIN 24
#define ALPHA (0.001 * 0.8 / 72.0) /* of one end, as in a gate with p10 and p50 */

enum { KEY_SO = 256, KEY_QUICK };

struct doctor {
	struct gate gate;
	bool quick;
	unsigned int warnings;
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object for the smallest visible effect, default objects/gen_390k.so "
	  "beside this program",
	  0 },
	{ "quick", KEY_QUICK, NULL, 0, "leave out the smallest visible effect, which takes 5 s",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Looks at everything on this machine that moves measurements or forbids "
	"them; each line that is not "
	"as it should be says what to do.\v"
	"Examples:\n"
	"  soload doctor           before the first measurement on a machine\n"
	"  soload doctor --quick   the same without trying what can be seen in 5 s\n\n"
	"Exit codes: 0 looked; 2 usage.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct doctor *doctor = state->input;
	struct gate_options *gate = &doctor->gate.options;

	switch (key) {
	case KEY_SO:
		gate->paths[0] = text;
		gate->path_count = 1;
		return 0;
	case KEY_QUICK:
		doctor->quick = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp doctor_argp = { options, option_parse, NULL, doc, NULL, NULL, NULL };

/* One line. An advice makes it a warning. */
static void line_print(struct doctor *doctor, const char *advice, const char *name,
		       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void line_print(struct doctor *doctor, const char *advice, const char *name,
		       const char *format, ...)
{
	va_list args;

	printf("%-8s %-22s ", advice ? "look" : "ok", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(advice ? "\n%32s%s\n" : "\n", "", advice ? advice : "");
	doctor->warnings += advice != NULL;
}

static void clock_look(struct doctor *doctor)
{
	double ns = cost_record_ns();

	line_print(doctor,
		   ns > COST_LIMIT_NS ? "phases of less than a microsecond are mostly this cost"
				      : NULL,
		   "one timing record", "%.1f ns, nothing is subtracted", ns);
	line_print(doctor,
		   clock_is_raw ? NULL
				: "no raw counter: the clock source is not the CPU's own; phases "
				  "cost more to time",
		   "clock", "%s, smallest step %.2f ns", clock_name(), clock_step_ns());
}

static void load_look(struct doctor *doctor)
{
	const struct timespec second = { .tv_sec = 1 };
	double load[1] = { 0.0 }, steal[2] = { 0.0 }, total[2] = { 0.0 }, share = 0.0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(load, 1) == 1)
		line_print(doctor,
			   load[0] > 0.5 * (double)cpus ? "other work runs: a gate needs more time "
							  "and stays honest; shares and absolute "
							  "times are worth little"
							: NULL,
			   "load average", "%.1f on %ld CPUs", load[0], cpus);
	if (machine_steal(&steal[0], &total[0]) == 0 && nanosleep(&second, NULL) == 0 &&
	    machine_steal(&steal[1], &total[1]) == 0 && total[1] > total[0])
		share = 100.0 * (steal[1] - steal[0]) / (total[1] - total[0]);
	line_print(doctor,
		   share > 1.0 ? "the hypervisor runs others meanwhile: use a dedicated machine "
				 "for absolute "
				 "times"
			       : NULL,
		   "steal", "%.1f %% in the last second", share);
}

static void settings_look(struct doctor *doctor)
{
	char text[256];

	file_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof(text));
	line_print(doctor,
		   *text && strcmp(text, "performance") != 0
			   ? "clocks change while loads are timed: cpupower frequency-set -g "
			     "performance"
			   : NULL,
		   "governor", "%s", *text ? text : "none to be seen (a virtual machine)");
	file_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text));
	line_print(doctor,
		   strstr(text, "[always]") ? "large pages come and go: echo madvise > "
					      "/sys/kernel/mm/transparent_hugepage/enabled"
					    : NULL,
		   "transparent huge pages", "%s", *text ? text : "none");
	file_line("/proc/sys/kernel/randomize_va_space", text, sizeof(text));
	line_print(doctor,
		   strcmp(text, "2") != 0
			   ? "every process has the same layout, so its luck is measured: "
			     "sysctl kernel.randomize_va_space=2"
			   : NULL,
		   "address randomisation", "%s", *text ? text : "unknown");
	file_line("/proc/sys/vm/memfd_noexec", text, sizeof(text));
	/* Not to be loaded needs a mount that is noexec; the bit that is missing is for execve. */
	line_print(doctor, NULL, "memfd_noexec", "%s%s", *text ? text : "not known to this kernel",
		   *text && strcmp(text, "0") != 0 ? ": memory files cannot be run as programs; "
						     "memfd loads all the same"
						   : "");
	line_print(doctor,
		   prctl(PR_GET_MDWE, 0, 0, 0, 0) > 0
			   ? "what was writable may not become executable: elf falls back; "
			     "start without MemoryDenyWriteExecute"
			   : NULL,
		   "write-execute refusal", "%s",
		   prctl(PR_GET_MDWE, 0, 0, 0, 0) > 0 ? "on" : "off");
	line_print(doctor, NULL, "page size", "%ld bytes", sysconf(_SC_PAGESIZE));
}

static void folders_look(struct doctor *doctor)
{
	static const char *const folders[] = { "/usr/lib64", "/usr/lib", "/var/tmp", "/tmp",
					       "/dev/shm" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct statvfs fs;

		if (statvfs(folders[i], &fs) < 0)
			continue;
		line_print(doctor,
			   fs.f_flag & ST_NOEXEC
				   ? "objects cannot be loaded from here: mount it without noexec, "
				     "or stage elsewhere (disk:dirs=…)"
				   : NULL,
			   folders[i], "%s%s, %.1f GB free",
			   fs.f_flag & ST_NOEXEC ? "noexec" : "exec",
			   access(folders[i], W_OK) == 0 ? "" : ", not writable",
			   (double)fs.f_bavail * (double)fs.f_frsize / 1e9);
	}
}

static void counters_look(struct doctor *doctor)
{
	struct perf_event_attr event = { .type = PERF_TYPE_HARDWARE,
					 .size = sizeof(event),
					 .config = PERF_COUNT_HW_INSTRUCTIONS,
					 .exclude_kernel = 1 };
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	long fd = syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
	int why = errno;
	char text[64];

	line_print(doctor, fd < 0 ? "soload count takes instructions from valgrind instead" : NULL,
		   "performance counters", "%s", fd < 0 ? strerror(why) : "there");
	if (fd >= 0)
		close((int)fd);
	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
	why = errno;
	line_print(doctor,
		   fd < 0 ? "probes inside the dynamic linker need root or CAP_BPF with CAP_PERFMON"
			  : NULL,
		   "BPF", "%s", fd < 0 ? strerror(why) : "allowed");
	if (fd >= 0)
		close((int)fd);
	file_line("/proc/sys/kernel/perf_event_paranoid", text, sizeof(text));
	line_print(doctor,
		   atoi(text) > 2 ? "perf needs root: sysctl kernel.perf_event_paranoid=2" : NULL,
		   "perf_event_paranoid", "%s", *text ? text : "no perf in this kernel");
	file_line("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text));
	line_print(doctor,
		   atoi(text) > 1
			   ? "system calls cannot be counted: sysctl kernel.yama.ptrace_scope=1"
			   : NULL,
		   "ptrace", "%s", *text ? text : "not restricted");
}

/* Epochs of a build against itself: how wide the interval is after 5 s. */
static int epochs_take(struct gate_row *row, struct err *err)
{
	struct lockstep lockstep;
	uint64_t begin = clock_now_ns();
	int r = lockstep_open(&lockstep, row->arms, begin, err);

	while (r == 0 && (clock_now_ns() - begin < VISIBLE_NS || row->epochs.count < EPOCHS_MIN))
		r = lockstep_epoch(&lockstep, &row->epochs, err);
	lockstep_close(&lockstep);
	return r;
}

static double half_width(const struct epoch_row *row, int quantile)
{
	double *values = calloc(row->count + 1, sizeof(values[0])), width = (double)NAN;
	struct judge_interval interval;

	for (size_t i = 0; values && i < row->count; i++)
		values[i] = row->epochs[i].values[EPOCH_TOTAL][quantile].ln_ratio;
	if (values) {
		stats_sort(values, row->count);
		interval = judge_interval(values, row->count, ALPHA);
		width = 50.0 * expm1(interval.high - interval.low);
	}
	free(values);
	return width;
}

static void effect_look(struct doctor *doctor)
{
	struct gate *gate = &doctor->gate;
	struct err err = { "" };
	double p10, p50;

	gate->options.loaders = "memfd";
	if (gate_open(gate, &err) < 0 || epochs_take(&gate->rows[0], &err) < 0) {
		line_print(doctor, "name an object with --so, or see the reason", "smallest effect",
			   "not measured: %s", err.text);
		return;
	}
	p10 = half_width(&gate->rows[0].epochs, EPOCH_P10);
	p50 = half_width(&gate->rows[0].epochs, EPOCH_P50);
	line_print(doctor,
		   p10 > 2.5 ? "a gate of 5 % will take long or stay inconclusive now: wait, or "
			       "raise --budget"
			     : NULL,
		   "smallest effect",
		   "%.1f %% of p10 and %.1f %% of p50 are visible in 5 s (memfd)", p10, p50);
}

int command_doctor(int argc, char **argv)
{
	struct doctor doctor = { .gate = { .argv = argv, .options = { .pin = GATE_PIN_AUTO } } };
	char machine[256], object[PATH_MAX];
	struct err err;

	if (argp_parse(&doctor_argp, argc, argv, 0, NULL, &doctor))
		return EXIT_USAGE;
	printf("%s\n\n", machine_line(machine, sizeof(machine)));
	clock_look(&doctor);
	load_look(&doctor);
	settings_look(&doctor);
	folders_look(&doctor);
	counters_look(&doctor);
	if (!doctor.gate.options.path_count && subject_default(object, sizeof(object), &err) == 0)
		doctor.gate.options.paths[doctor.gate.options.path_count++] = object;
	command_catch_signals();
	if (!doctor.quick)
		effect_look(&doctor);
	gate_close(&doctor.gate);
	printf("\n%u to look at\n", doctor.warnings);
	return command_interrupted() ? EXIT_SIGNAL_BASE + command_interrupted() : EXIT_DONE;
}
