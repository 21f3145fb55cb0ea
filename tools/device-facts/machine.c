/* What the kernel and the processor say of themselves. See facts.h. */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif

/* The first `size` - 1 bytes of a small file, a trailing newline cut. -errno. */
static int file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
	int r = length < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return r;
}

static void file_fact(const char *group, const char *name, const char *path)
{
	char text[160];
	int r = file_read(path, text, sizeof(text));

	if (r < 0)
		fact_unknown(group, name, "%s: %s", path, strerror(-r));
	else
		fact_text(group, name, "%s", text);
}

/* "Key:   value" of a file in that form; the first one counts. */
static void line_fact(const char *group, const char *name, const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[512], *value = NULL;

	while (file && !value && fgets(line, sizeof(line), file)) {
		size_t length = strlen(key);

		if (strncmp(line, key, length) != 0)
			continue;
		value = line + length;
		value += strspn(value, " \t:=\"");
		value[strcspn(value, "\"\n")] = '\0';
	}
	if (file)
		fclose(file);
	if (value)
		fact_text(group, name, "%.150s", value);
	else
		fact_unknown(group, name, "%s has no %s", path, key);
}

static void kernel_facts(void)
{
	struct utsname name;

	if (uname(&name) == 0) {
		fact_text("kernel", "release", "%s", name.release);
		fact_text("kernel", "version", "%s", name.version);
		fact_text("kernel", "machine", "%s", name.machine);
	}
	line_fact("kernel", "distribution", "/etc/os-release", "PRETTY_NAME");
	fact_number("kernel", "page size", (double)getauxval(AT_PAGESZ), "bytes");
	file_fact("kernel", "command line", "/proc/cmdline");
	file_fact("kernel", "address randomisation", "/proc/sys/kernel/randomize_va_space");
	file_fact("kernel", "transparent huge pages",
		  "/sys/kernel/mm/transparent_hugepage/enabled");
	file_fact("kernel", "huge pages for shared memory",
		  "/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	file_fact("kernel", "overcommit", "/proc/sys/vm/overcommit_memory");
}

#if defined(__aarch64__)
#define HWCAP_BIT_CPUID (1ul << 11)

/* A macro, for the register's name is part of the instruction. */
#define REGISTER_READER(name) \
	static uint64_t name(void) \
	{ \
		uint64_t value; \
\
		__asm__ volatile("mrs %0, " #name : "=r"(value)); \
		return value; \
	}
REGISTER_READER(ctr_el0)
REGISTER_READER(dczid_el0)
REGISTER_READER(midr_el1)
REGISTER_READER(cntfrq_el0)

static void register_facts(void)
{
	uint64_t ctr = ctr_el0(), dczid = dczid_el0();

	if (getauxval(AT_HWCAP) & HWCAP_BIT_CPUID)
		fact_text("processor", "MIDR_EL1", "0x%08llx", (unsigned long long)midr_el1());
	else
		fact_unknown("processor", "MIDR_EL1", "this kernel does not show it to programs");
	fact_text("processor", "CTR_EL0", "0x%08llx", (unsigned long long)ctr);
	fact_number("processor", "data cache line", (double)(4u << (ctr >> 16 & 15)), "bytes");
	fact_number("processor", "instruction cache line", (double)(4u << (ctr & 15)), "bytes");
	fact_text("processor", "new code needs", "%s, %s",
		  ctr >> 28 & 1 ? "no data cache clean (IDC)" : "a data cache clean by line",
		  ctr >> 29 & 1 ? "no instruction cache invalidation (DIC)"
				: "an instruction cache invalidation by line");
	if (dczid & 16)
		fact_text("processor", "dc zva", "not allowed");
	else
		fact_number("processor", "dc zva", (double)(4u << (dczid & 15)), "bytes");
	fact_number("processor", "CNTFRQ_EL0", (double)cntfrq_el0(), "Hz");
}
#else
static void register_facts(void)
{
	fact_unknown("processor", "CTR_EL0", "not an aarch64 processor");
}
#endif

static void processor_facts(void)
{
	cpu_set_t allowed;

	line_fact("processor", "implementer", "/proc/cpuinfo", "CPU implementer");
	line_fact("processor", "part", "/proc/cpuinfo", "CPU part");
	line_fact("processor", "model", "/proc/cpuinfo", "model name");
	line_fact("processor", "features", "/proc/cpuinfo", "Features");
	fact_text("processor", "hwcap", "0x%lx 0x%lx", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
	file_fact("processor", "online", "/sys/devices/system/cpu/online");
	file_fact("processor", "isolated", "/sys/devices/system/cpu/isolated");
	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		fact_number("processor", "allowed to this process", CPU_COUNT(&allowed), "CPUs");
	file_fact("processor", "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	file_fact("processor", "highest frequency",
		  "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");
	register_facts();
}

static void limit_fact(const char *name, __rlimit_resource_t resource, const char *unit)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		fact_unknown("limits", name, "%s", strerror(errno));
	else if (limit.rlim_cur == RLIM_INFINITY)
		fact_text("limits", name, "unlimited");
	else
		fact_number("limits", name, (double)limit.rlim_cur, unit);
}

static void security_facts(void)
{
	long mdwe = prctl(PR_GET_MDWE, 0, 0, 0, 0);

	fact_number("security", "user", (double)geteuid(), "");
	line_fact("security", "capabilities", "/proc/self/status", "CapEff");
	line_fact("security", "seccomp", "/proc/self/status", "Seccomp");
	line_fact("security", "no new privileges", "/proc/self/status", "NoNewPrivs");
	file_fact("security", "SELinux enforces", "/sys/fs/selinux/enforce");
	file_fact("security", "modules", "/sys/kernel/security/lsm");
	file_fact("security", "measured by IMA",
		  "/sys/kernel/security/ima/runtime_measurements_count");
	file_fact("security", "memfd_noexec", "/proc/sys/vm/memfd_noexec");
	if (mdwe < 0)
		fact_unknown("security", "memory deny write execute",
			     "the kernel knows no such thing");
	else
		fact_number("security", "memory deny write execute", (double)mdwe, "");
	file_fact("security", "perf events", "/proc/sys/kernel/perf_event_paranoid");
	file_fact("security", "unprivileged BPF off", "/proc/sys/kernel/unprivileged_bpf_disabled");
}

void machine_facts(void)
{
	kernel_facts();
	processor_facts();
	line_fact("memory", "total", "/proc/meminfo", "MemTotal");
	line_fact("memory", "available", "/proc/meminfo", "MemAvailable");
	line_fact("memory", "shared", "/proc/meminfo", "Shmem:");
	limit_fact("address space", RLIMIT_AS, "bytes");
	limit_fact("locked memory", RLIMIT_MEMLOCK, "bytes");
	limit_fact("open files", RLIMIT_NOFILE, "");
	limit_fact("file size", RLIMIT_FSIZE, "bytes");
	security_facts();
}
