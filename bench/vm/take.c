/* Where a guest's frames end up. Names of files are the guest's: plain ones below one folder. */
#include "bench/vm/take.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int text_keep(struct take *take, const void *bytes, size_t size, struct err *err)
{
	if (take->kept_size + size > TAKE_KEPT_MAX)
		return err_set(err, EFBIG, "the guest printed more than %u bytes", TAKE_KEPT_MAX);
	if (take->kept_size + size + 1 > take->kept_capacity) {
		size_t capacity = 2 * (take->kept_size + size + 1);
		char *kept = realloc(take->kept, capacity);

		if (!kept)
			return err_set(err, ENOMEM, "out of memory");
		take->kept = kept;
		take->kept_capacity = capacity;
	}
	memcpy(take->kept + take->kept_size, bytes, size);
	take->kept_size += size;
	take->kept[take->kept_size] = '\0';
	return 0;
}

static int file_begin(struct take *take, const char *name, size_t length, struct err *err)
{
	char path[PATH_MAX], *slash;

	if (take->file >= 0)
		close(take->file);
	take->file = -1;
	if (!take->results)
		return 0;
	if (!frames_name_is_plain(name, length) ||
	    snprintf(path, sizeof(path), "%s/%.*s", take->results, (int)length, name) >=
		    (int)sizeof(path))
		return err_set(err, EBADMSG, "the guest sends a file of a name that is none");
	slash = strrchr(path, '/');
	*slash = '\0';
	if (file_make_directory(path, err) < 0)
		return -errno;
	*slash = '/';
	take->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	take->files++;
	return take->file < 0 ? err_sys(err, "%s", path) : 0;
}

static int file_more(struct take *take, const void *bytes, size_t size, struct err *err)
{
	take->file_bytes += size;
	if (take->file_bytes > FRAMES_FILE_BYTES_MAX)
		return err_set(err, EFBIG, "the guest's files have more than %u bytes",
			       FRAMES_FILE_BYTES_MAX);
	return take->file < 0 ? 0
			      : fd_write_all(take->file, bytes, size, "a file of the guest", err);
}

int take_frame(void *to, enum frame_type type, const void *bytes, size_t size, struct err *err)
{
	struct take *take = to;

	switch (type) {
	case FRAME_HELLO:
		snprintf(take->release, sizeof(take->release), "%.*s", (int)size,
			 (const char *)bytes);
		return 0;
	case FRAME_OUT:
		if (!take->out)
			return text_keep(take, bytes, size, err);
		fwrite(bytes, 1, size, take->out);
		fflush(take->out);
		return 0;
	case FRAME_ERR:
		fwrite(bytes, 1, size, stderr);
		return 0;
	case FRAME_FILE:
		return file_begin(take, bytes, size, err);
	case FRAME_DATA:
		return file_more(take, bytes, size, err);
	default:
		return 0;
	}
}

void take_close(struct take *take)
{
	if (take->file >= 0)
		close(take->file);
	free(take->kept);
	*take = (struct take){ .file = -1 };
}
