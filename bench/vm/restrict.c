/* Settings by mount options, sysctls, prctl and seccomp filters. */
#include "bench/vm/restrict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* linux/memfd.h, Linux 6.3 */
#define MFD_EXEC 0x0010u
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* linux/prctl.h, Linux 6.3 */
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* The root holds the program and the libraries, so it stays executable: no loader stages in it. */
int setting_noexec(struct err *err)
{
	static const char *const folders[] = { "/dev/shm", "/tmp", "/var/tmp" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (mount(NULL, folders[i], NULL, MS_REMOUNT | MS_NOEXEC, NULL) < 0)
			return err_sys(err, "mount %s noexec", folders[i]);
	}
	if (mount("tmpfs", "/usr/lib64", "tmpfs", MS_NOEXEC, "") < 0)
		return err_sys(err, "mount /usr/lib64 noexec");
	if (mount("tmpfs", "/lib64", "tmpfs", MS_NOEXEC, "") < 0)
		return err_sys(err, "mount /lib64 noexec");
	return 0;
}

int setting_noproc(struct err *err)
{
	return umount2("/proc", MNT_DETACH) < 0 ? err_sys(err, "unmount /proc") : 0;
}

int setting_memfdnoexec(struct err *err)
{
	int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, "2", 1);

	if (fd >= 0)
		close(fd);
	return n == 1 ? 0 : err_sys(err, "this kernel has no vm.memfd_noexec");
}

int setting_mdwe(struct err *err)
{
	return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L) < 0
		       ? err_sys(err, "this kernel has no PR_SET_MDWE")
		       : 0;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ABOVE(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)
#define ARGUMENT(n) args[n] /* its low half: little endian */

static int filter_install(struct sock_filter *filter, size_t count, struct err *err)
{
	struct sock_fprog program = { .len = (unsigned short)count, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return err_sys(err, "seccomp filter");
	return 0;
}

#define INSTALL(filter, err) filter_install(filter, sizeof(filter) / sizeof((filter)[0]), err)

int setting_nomemfd(struct err *err)
{
	struct sock_filter filter[] = { LOAD(nr), IS(SYS_memfd_create, 0, 1), ANSWER(ENOSYS),
					ALLOW };

	return INSTALL(filter, err);
}

int setting_oldmemfd(struct err *err)
{
	struct sock_filter filter[] = {
		LOAD(nr),	   IS(SYS_memfd_create, 0, 3),
		LOAD(ARGUMENT(1)), HAS(MFD_NOEXEC_SEAL | MFD_EXEC, 0, 1),
		ANSWER(EINVAL),	   ALLOW,
	};

	return INSTALL(filter, err);
}

/*
 * Linux 4.19 ends its table on arm64 with rseq (293); what 5.0 and later added begins at 424
 * (pidfd_send_signal). Its prctl knows nothing above PR_SPEC (54: PR_PAC_RESET_KEYS is of 5.0), its
 * memfd_create no MFD_EXEC.
 */
int setting_old(struct err *err)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		ABOVE(424, 0, 1),
		ANSWER(ENOSYS),
		IS(SYS_prctl, 0, 3),
		LOAD(ARGUMENT(0)),
		IS(PR_SET_MDWE, 4, 0),
		IS(PR_SET_VMA, 3, 4),
		IS(SYS_memfd_create, 0, 3),
		LOAD(ARGUMENT(1)),
		HAS(MFD_NOEXEC_SEAL | MFD_EXEC, 0, 1),
		ANSWER(EINVAL),
		ALLOW,
	};

	return INSTALL(filter, err);
}
