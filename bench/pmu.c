/* One counter of one process. See pmu.h. */
#include "bench/pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

static int event_open(struct perf_event_attr *attr, pid_t pid)
{
	return (int)syscall(SYS_perf_event_open, attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int (*pmu_event_open)(struct perf_event_attr *attr, pid_t pid) = event_open;

int pmu_open(struct pmu *pmu, pid_t pid, struct err *err)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	pmu->fd = pmu_event_open(&attr, pid);
	if (pmu->fd >= 0)
		return 0;
	pmu->fd = -1;
	switch (errno) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
		return err_set(err, ENOENT, "no PMU here (a virtual machine without one)");
	case EACCES:
	case EPERM:
		return err_set(err, EACCES,
			       "the PMU is not permitted (sysctl kernel.perf_event_paranoid=2 or "
			       "lower, or CAP_PERFMON)");
	case ENOSYS:
		return err_set(err, ENOSYS, "this kernel has no perf events");
	default:
		return err_sys(err, "perf_event_open");
	}
}

bool pmu_read(const struct pmu *pmu, uint64_t *ret_count)
{
	struct {
		uint64_t value, enabled, running;
	} answer;

	if (pmu->fd <= 0 || read(pmu->fd, &answer, sizeof(answer)) != sizeof(answer) ||
	    answer.running != answer.enabled)
		return false;
	*ret_count = answer.value;
	return true;
}

void pmu_close(struct pmu *pmu)
{
	if (pmu->fd > 0)
		close(pmu->fd);
	pmu->fd = -1;
}
