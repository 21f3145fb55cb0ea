/*
 * Private directories by bind mounts. An overlay would be shorter, but may not lie on another
 * overlay, which is what a container's root is. So each private directory is a plain folder with
 * one link per entry of the original, which stays reachable through a descriptor the AICPU keeps
 * open: ld.so's own file in /usr/lib64 must be found by whoever looks for it.
 */
#include "device/directories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 16384
#define REMOVE_DEPTH_MAX 8
#define PRIVATE_MAX 5
#define SHARED_DESCRIPTORS 200 /* from here on, where a folder is shared */

/* Parents before what lies in them. */
static const char *const privates[PRIVATE_MAX] = {
	"/usr/lib64", "/lib64", "/usr/lib64/aicpu_kernels/0/aicpu_kernels_device",
	"/var/tmp",   "/tmp",
};

static const char kernels_directory[] = "aicpu_kernels/0/aicpu_kernels_device";

#define NAME_PREFIX "soload-"
#define NAME_LENGTH 13 /* with six random characters */
#define ABANDONED_SECONDS 10

/* The folder that directories_enter() moved into: its parent and name, for a signal handler. */
static int entered_parent = -1;
static char entered_name[64];
static bool entered_shared;

static bool directory_usable(const char *path)
{
	struct statvfs fs;

	return access(path, W_OK | X_OK) == 0 && statvfs(path, &fs) == 0 &&
	       !(fs.f_flag & (ST_NOEXEC | ST_RDONLY));
}

static void tree_remove(int parent, const char *name, int depth);

/* Whoever uses a folder holds a shared lock on it: one that can be locked alone, and is not about
 * to be used, belongs to processes that were both killed. */
static void abandoned_remove(int parent, const char *name)
{
	int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (folder < 0)
		return;
	if (fstat(folder, &st) == 0 && st.st_uid == geteuid() &&
	    time(NULL) - st.st_mtime > ABANDONED_SECONDS && flock(folder, LOCK_EX | LOCK_NB) == 0)
		tree_remove(parent, name, 0);
	close(folder);
}

static void sweep(const char *path)
{
	DIR *entries = opendir(path);
	const struct dirent *entry;

	if (!entries)
		return;
	while ((entry = readdir(entries))) {
		if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) == 0 &&
		    strlen(entry->d_name) == NAME_LENGTH)
			abandoned_remove(dirfd(entries), entry->d_name);
	}
	closedir(entries);
}

/*
 * ext4 skips inodes deleted in the last minutes, one by one, whenever it looks for a free one in a
 * directory's block group. The links made here are such inodes, and after some rounds creating one
 * file took a millisecond instead of ten microseconds. Below a folder with this flag every
 * directory goes to a group of its own, chosen by its name; other file systems refuse the flag or
 * ignore it.
 */
static void groups_spread(int folder)
{
	int flags = 0;

	if (ioctl(folder, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags |= FS_TOPDIR_FL;
	ioctl(folder, FS_IOC_SETFLAGS, &flags);
}

static int folder_lock(const char *path)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder >= 0)
		flock(folder, LOCK_SH);
	return folder;
}

int directories_create(char *ret_path, size_t size, struct err *err)
{
	const char *candidates[] = { "/var/tmp", "/tmp", getenv("TMPDIR") };

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		char path[256];
		int length, folder;

		if (!candidates[i] || candidates[i][0] != '/' || !directory_usable(candidates[i]))
			continue;
		length = snprintf(path, sizeof(path), "%s/" NAME_PREFIX "XXXXXX", candidates[i]);
		if (length < 0 || (size_t)length >= sizeof(path) || (size_t)length >= size)
			continue;
		sweep(candidates[i]);
		folder = mkdtemp(path) ? folder_lock(path) : -1;
		if (folder < 0)
			continue;
		groups_spread(folder);
		memcpy(ret_path, path, (size_t)length + 1);
		return folder;
	}
	return err_set(err, EACCES,
		       "no folder for staging: /var/tmp, /tmp and $TMPDIR are not writable or "
		       "noexec");
}

static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -EIO : 0;
}

/* As root a mount namespace is enough; anybody else first becomes root of a user namespace, under
 * their own number. */
static int namespace_enter(struct err *err)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_sys(err, "no private mount namespace");
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	file_write("/proc/self/setgroups", "deny");
	if (file_write("/proc/self/uid_map", map) < 0)
		return err_set(err, EPERM, "no private mount namespace: the user map is refused");
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	file_write("/proc/self/gid_map", map);
	return 0;
}

/* One link per entry of the directory open as `original`, through that descriptor. */
static int links_make(int original, int folder, const char *what, struct err *err)
{
	int scan = openat(original, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = scan < 0 ? NULL : fdopendir(scan);
	const struct dirent *entry;
	int count = 0, r = 0;

	if (!entries)
		return err_sys(err, "list %s", what);
	while (r == 0 && (entry = readdir(entries))) {
		char target[300];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(target, sizeof(target), "/proc/self/fd/%d/%s", original, entry->d_name);
		if (++count > ENTRIES_MAX)
			r = err_set(err, E2BIG, "%s has more than %d entries", what, ENTRIES_MAX);
		else if (symlinkat(target, folder, entry->d_name) < 0)
			r = err_sys(err, "link to %s/%s", what, entry->d_name);
	}
	closedir(entries);
	return r;
}

/* The innermost of upstream's directories exists on devices only. */
static void kernels_directory_make(int folder)
{
	char part[sizeof(kernels_directory)];

	memcpy(part, kernels_directory, sizeof(part));
	for (char *c = part;; c++) {
		bool last = *c == '\0';

		if (*c != '/' && !last)
			continue;
		*c = '\0';
		if (mkdirat(folder, part, 0755) < 0)
			return;
		if (last)
			return;
		*c = '/';
	}
}

/* A private directory: its folder below `own`, and the descriptor its links lead through. */
struct private
{
	char name[32];
	int folder, original;
};

static int private_create(int own, int index, const char *path, struct private *private,
			  struct err *err)
{
	uint32_t random;
	int r;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)getpid();
	snprintf(private->name, sizeof(private->name), "%d-%d-%08x", index, private->original,
		 random);
	if (mkdirat(own, private->name, 0755) < 0)
		return err_sys(err, "create a folder for %s", path);
	private->folder = openat(own, private->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (private->folder < 0)
		return err_sys(err, "open the folder for %s", path);
	r = links_make(private->original, private->folder, path, err);
	if (index == 0)
		kernels_directory_make(private->folder);
	return r;
}

/* The folder another AICPU made for the same directory: 1, 0 = there is none. */
static int private_find(int own, int index, struct private *private)
{
	int scan = openat(own, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = scan < 0 ? NULL : fdopendir(scan);
	const struct dirent *entry;
	char prefix[16];
	int found = 0;

	snprintf(prefix, sizeof(prefix), "%d-", index);
	while (entries && !found && (entry = readdir(entries))) {
		found = strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
			strlen(entry->d_name) < sizeof(private->name);
		if (found)
			snprintf(private->name, sizeof(private->name), "%.31s", entry->d_name);
	}
	if (entries)
		closedir(entries);
	return found;
}

/* Its links lead through a descriptor by its number, which is in the name: ours gets the same. */
static int private_join(int own, const char *path, struct private *private, struct err *err)
{
	const char *dash = strchr(private->name, '-');
	int number = dash ? atoi(dash + 1) : -1;

	private->folder = openat(own, private->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (private->folder < 0)
		return err_sys(err, "open the folder for %s", path);
	if (number == private->original)
		return 0;
	if (number < 0 || fcntl(number, F_GETFD) >= 0)
		return err_set(err, EBUSY, "a private %s: descriptor %d is taken", path, number);
	if (dup3(private->original, number, O_CLOEXEC) < 0)
		return err_sys(err, "a private %s", path);
	close(private->original);
	private->original = number;
	return 0;
}

/* Shared, it has a number that is hardly ever in use in the AICPU that joins. */
static int original_open(const char *path)
{
	int moved, original = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (original < 0 || !entered_shared)
		return original;
	moved = fcntl(original, F_DUPFD_CLOEXEC, SHARED_DESCRIPTORS);
	if (moved < 0)
		return original;
	close(original);
	return moved;
}

static int private_mount(int own, int index, const char *path, struct err *err)
{
	struct private private = { .folder = -1, .original = original_open(path) };
	char source[64], target[64];
	int r;

	if (private.original < 0) /* not on this machine: upstream's flow passes it over, too */
		return 0;
	if (entered_shared && private_find(own, index, &private))
		r = private_join(own, path, &private, err);
	else
		r = private_create(own, index, path, &private, err);
	snprintf(source, sizeof(source), "/proc/self/fd/%d", private.folder);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", private.original);
	if (r == 0 && mount(source, target, NULL, MS_BIND, NULL) < 0)
		r = err_sys(err, "mount a private %s", path);
	if (private.folder >= 0)
		close(private.folder);
	return r; /* `original` stays open: the links lead through it */
}

/* /lib64 is /usr/lib64 on most systems: one mount serves both. Judged before the first mount. */
static bool is_repeated(const struct stat *stats, const bool *present, int index)
{
	for (int i = 0; i < index; i++) {
		if (present[i] && present[index] && stats[i].st_dev == stats[index].st_dev &&
		    stats[i].st_ino == stats[index].st_ino)
			return true;
	}
	return false;
}

static int privates_mount(int own, struct err *err)
{
	struct stat stats[PRIVATE_MAX];
	bool present[PRIVATE_MAX];
	int r = 0;

	for (int i = 0; i < PRIVATE_MAX; i++)
		present[i] = stat(privates[i], &stats[i]) == 0;
	for (int i = 0; r == 0 && i < PRIVATE_MAX; i++) {
		if (present[i] && !is_repeated(stats, present, i))
			r = private_mount(own, i, privates[i], err);
	}
	return r;
}

/* Remembers parent and name while the path still leads there. */
static int folder_open(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char parent[256];
	int own;

	if (!slash || slash == path || strlen(slash + 1) >= sizeof(entered_name) ||
	    strlen(path) >= sizeof(parent))
		return err_set(err, EINVAL, "'%s' is no folder for staging", path);
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	entered_parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own = folder_lock(path);
	if (entered_parent < 0 || own < 0)
		return err_sys(err, "open %s", path);
	snprintf(entered_name, sizeof(entered_name), "%s", slash + 1);
	return own;
}

int directories_enter(const char *path, struct err *err)
{
	int r, own;

	r = namespace_enter(err);
	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "no private mount namespace");
	own = folder_open(path, err);
	if (own < 0)
		return own;
	return privates_mount(own, err); /* `own` stays open: it holds the lock */
}

int directories_enter_shared(const char *path, struct err *err)
{
	entered_shared = true;
	return directories_enter(path, err);
}

struct kernel_dirent {
	uint64_t ino, next;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* readdir() allocates, which a signal handler must not: the system call does not. */
static void entries_remove(int folder, int depth)
{
	_Alignas(8) char buffer[2048];
	long bytes;

	while ((bytes = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < bytes;) {
			const struct kernel_dirent *entry = (const void *)(buffer + at);

			at += entry->length;
			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				tree_remove(folder, entry->name, depth + 1);
		}
	}
}

/* Follows no link. */
static void tree_remove(int parent, const char *name, int depth)
{
	int folder;

	if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return;
	/* Twice: a directory that changes while it is read may hide an entry. */
	for (int pass = 0; pass < 2 && depth < REMOVE_DEPTH_MAX; pass++) {
		lseek(folder, 0, SEEK_SET);
		entries_remove(folder, depth);
	}
	close(folder);
	unlinkat(parent, name, AT_REMOVEDIR);
}

void directories_remove(const char *path)
{
	if (path[0] == '/')
		tree_remove(AT_FDCWD, path, 0);
}

void directories_leave_last(void)
{
	if (entered_parent >= 0 && entered_name[0])
		tree_remove(entered_parent, entered_name, 0);
}

void directories_leave(void)
{
	if (!entered_shared)
		directories_leave_last();
}
