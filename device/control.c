/* The control page's memory. */
#include "device/control.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct control *control_map(int fd)
{
	struct control *control;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*control))
		return NULL;
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		return NULL;
	if (control->magic == CONTROL_MAGIC && control->bytes == sizeof(*control))
		return control;
	control_unmap(control);
	return NULL;
}

void control_unmap(struct control *control)
{
	if (control)
		munmap(control, sizeof(*control));
}

int control_create(struct control **ret_control, struct err *err)
{
	struct control *control;
	int r = 0, fd = fd_shared("soload-control", sizeof(*control), err);

	if (fd < 0)
		return fd;
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		r = err_sys(err, "control page: map");
	if (r < 0) {
		close(fd);
		return r;
	}
	memset(control, 0, sizeof(*control));
	control->magic = CONTROL_MAGIC;
	control->bytes = sizeof(*control);
	*ret_control = control;
	return fd;
}
