/* What /proc, /sys and the C library say about this machine. See machine.h. */
#include "bench/machine.h"

#include "base/clock.h"
#include "base/file.h"

#include "revision.h" /* generated, see bench/revision.mk */

#include <errno.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LINE_BYTES 512

bool machine_cpuinfo(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)) != 0)
			continue;
		colon += strspn(colon, ": \t");
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(value, size, "%s", colon);
		found = value[0] != '\0';
	}
	if (file)
		fclose(file);
	return found;
}

static bool cpu_model(char *model, size_t size)
{
	/* x86 has a name; arm64 kernels only give numbers, device trees often a board. */
	return machine_cpuinfo("model name", model, size) ||
	       machine_cpuinfo("CPU part", model, size) ||
	       file_line("/sys/firmware/devicetree/base/model", model, size);
}

static bool hypervisor(char *name, size_t size)
{
	char flags[4096];

	if (file_line("/sys/hypervisor/type", name, size) ||
	    file_line("/sys/class/dmi/id/product_name", name, size))
		return true;
	if (!machine_cpuinfo("flags", flags, sizeof(flags)) || !strstr(flags, " hypervisor"))
		return false;
	snprintf(name, size, "a virtual machine");
	return true;
}

static void file_add(json_t *object, const char *key, const char *path)
{
	char line[LINE_BYTES];

	if (file_line(path, line, sizeof(line)))
		json_object_set_new(object, key, json_string(line));
}

static void names_add(json_t *object)
{
	char text[LINE_BYTES];
	struct utsname names;

	if (cpu_model(text, sizeof(text)))
		json_object_set_new(object, "cpu", json_string(text));
	if (machine_cpuinfo("microcode", text, sizeof(text)))
		json_object_set_new(object, "microcode", json_string(text));
	if (hypervisor(text, sizeof(text)))
		json_object_set_new(object, "hypervisor", json_string(text));
	if (uname(&names) == 0) {
		json_object_set_new(object, "kernel", json_string(names.release));
		json_object_set_new(object, "architecture", json_string(names.machine));
	}
	snprintf(text, sizeof(text), "glibc %s", gnu_get_libc_version());
	json_object_set_new(object, "libc", json_string(text));
}

static void settings_add(json_t *object)
{
	static const struct {
		const char *key, *path;
	} files[] = {
		{ "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor" },
		{ "clocksource",
		  "/sys/devices/system/clocksource/clocksource0/current_clocksource" },
		{ "thp", "/sys/kernel/mm/transparent_hugepage/enabled" },
		{ "thp_shmem", "/sys/kernel/mm/transparent_hugepage/shmem_enabled" },
		{ "ksm", "/sys/kernel/mm/ksm/run" },
		{ "aslr", "/proc/sys/kernel/randomize_va_space" },
		{ "memfd_noexec", "/proc/sys/vm/memfd_noexec" },
		{ "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid" },
		{ "smt", "/sys/devices/system/cpu/smt/control" },
		{ "cpu_max", "/sys/fs/cgroup/cpu.max" },
		{ "memory_max", "/sys/fs/cgroup/memory.max" },
		{ "spectre_v2", "/sys/devices/system/cpu/vulnerabilities/spectre_v2" },
		{ "meltdown", "/sys/devices/system/cpu/vulnerabilities/meltdown" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file_add(object, files[i].key, files[i].path);
}

static void limits_add(json_t *object)
{
	struct rlimit limit;

	json_object_set_new(object, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(object, "page_bytes", json_integer(sysconf(_SC_PAGESIZE)));
	json_object_set_new(object, "memory_bytes",
			    json_integer(sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)));
	json_object_set_new(object, "uid", json_integer((json_int_t)getuid()));
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		json_object_set_new(object, "memlock_bytes",
				    json_integer((json_int_t)limit.rlim_cur));
}

static const char *filesystem_name(const char *folder)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{ TMPFS_MAGIC, "tmpfs" },
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ NFS_SUPER_MAGIC, "nfs" },
		{ F2FS_SUPER_MAGIC, "f2fs" },
	};
	struct statfs fs;

	if (statfs(folder, &fs) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((unsigned long)fs.f_type == names[i].magic)
			return names[i].name;
	}
	return "other";
}

/* Where objects are staged, and on what: a loader through a file is as fast as its file system. */
static void folders_add(json_t *object)
{
	static const char *const folders[] = { "/tmp", "/var/tmp", "/dev/shm", "/usr/lib64" };
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *name = filesystem_name(folders[i]);

		if (name)
			json_object_set_new(json, folders[i], json_string(name));
	}
	json_object_set_new(object, "filesystems", json);
}

json_t *machine_json(void)
{
	json_t *object = json_object();

	names_add(object);
	settings_add(object);
	limits_add(object);
	folders_add(object);
	json_object_set_new(object, "counter", json_string(clock_name()));
	json_object_set_new(object, "counter_step_ns", json_real(clock_step_ns()));
	if (SOLOAD_REVISION[0])
		json_object_set_new(object, "revision", json_string(SOLOAD_REVISION));
	return object;
}

json_t *machine_state_json(void)
{
	json_t *object = json_object();
	double load[3], steal, total;

	if (getloadavg(load, 3) == 3)
		json_object_set_new(object, "load_average",
				    json_pack("[f,f,f]", load[0], load[1], load[2]));
	if (machine_steal(&steal, &total) == 0) {
		json_object_set_new(object, "steal_seconds", json_real(steal));
		json_object_set_new(object, "cpu_seconds", json_real(total));
	}
	return object;
}

const char *machine_line(char *buffer, size_t size)
{
	char cpu[128], host[96] = "";
	struct utsname names = { .release = "?" };
	bool virtual = hypervisor(host, sizeof(host));

	if (!cpu_model(cpu, sizeof(cpu)))
		snprintf(cpu, sizeof(cpu), "unknown CPU");
	uname(&names);
	snprintf(buffer, size, "%s, %ld CPUs, Linux %s, glibc %s%s%s", cpu,
		 sysconf(_SC_NPROCESSORS_ONLN), names.release, gnu_get_libc_version(),
		 virtual ? ", " : "", host);
	return buffer;
}

const char *machine_build(char *buffer, size_t size)
{
	snprintf(buffer, size, "soload " SOLOAD_VERSION "%s%s", SOLOAD_REVISION[0] ? " at " : "",
		 SOLOAD_REVISION);
	return buffer;
}

int machine_steal(double *ret_steal, double *ret_total)
{
	char line[LINE_BYTES];
	unsigned long long ticks[8] = { 0 };
	double sum = 0.0, hz = (double)sysconf(_SC_CLK_TCK);

	if (!file_line("/proc/stat", line, sizeof(line)) ||
	    sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
		   &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]) != 8)
		return -ENOENT;
	for (int i = 0; i < 8; i++)
		sum += (double)ticks[i];
	*ret_steal = (double)ticks[7] / hz;
	*ret_total = sum / hz;
	return 0;
}
