/* Where a file could be staged: what lies there, and whether it takes files and runs code. */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The five of simpler in its order, then those a loader could use instead. */
const char *const places[] = {
	"/usr/lib64/aicpu_kernels/0/aicpu_kernels_device",
	"/usr/lib64",
	"/lib64",
	"/var/tmp",
	"/tmp",
	"/dev/shm",
	"/run",
	NULL,
};

int place_file(const char *place)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/soload-facts-%d", place, (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0700);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* "ext4 on / (rw,relatime)": the last mount whose folder is a beginning of `place`. */
static void mount_describe(const char *place, char *text, size_t size)
{
	FILE *mounts = fopen("/proc/mounts", "re");
	size_t longest = 0;
	char line[1024];

	snprintf(text, size, "%s", mounts ? "no mount" : "/proc/mounts cannot be read");
	while (mounts && fgets(line, sizeof(line), mounts)) {
		char folder[256], type[64], options[256];
		size_t length;

		if (sscanf(line, "%*s %255s %63s %255s", folder, type, options) != 3)
			continue;
		length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
		if (strncmp(place, folder, length) != 0 || length < longest ||
		    (place[length] != '/' && place[length] != '\0'))
			continue;
		longest = length;
		snprintf(text, size, "%s on %s (%.60s)", type, folder, options);
	}
	if (mounts)
		fclose(mounts);
}

/* Whether a file there may be mapped as code, and how much room there is. */
static void place_try(const char *place, char *text, size_t size)
{
	int fd = place_file(place);
	struct statvfs room;
	void *code;

	if (fd < 0) {
		snprintf(text, size, "no file can be made (%s)", strerror(-fd));
		return;
	}
	if (ftruncate(fd, 4096) < 0)
		snprintf(text, size, "no room (%s)", strerror(errno));
	else {
		code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		if (code == MAP_FAILED)
			snprintf(text, size, "a file, but no code in it (%s)", strerror(errno));
		else
			snprintf(text, size, "takes a file and maps it as code, %.0f MB free",
				 fstatvfs(fd, &room) == 0
					 ? (double)room.f_bavail * (double)room.f_frsize / 1e6
					 : 0.0);
		if (code != MAP_FAILED)
			munmap(code, 4096);
	}
	close(fd);
}

void place_facts(void)
{
	for (size_t i = 0; places[i]; i++) {
		char where[400], what[200];

		if (access(places[i], F_OK) < 0) {
			fact_text("places", places[i], "%s", strerror(errno));
			continue;
		}
		mount_describe(places[i], where, sizeof(where));
		place_try(places[i], what, sizeof(what));
		fact_text("places", places[i], "%.90s; %.100s", what, where);
	}
}
