/* Loading the object in the host, and sending what it built. See host_graph.h. */
#include "device/host_graph.h"

#include "loaders/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t graph_bytes(unsigned int workers)
{
	return transport_runtime_bytes(workers) + sizeof(struct graph_table);
}

static int graph_host_bytes(const struct transport_host *host, size_t *ret_bytes, struct err *err)
{
	(void)err;
	*ret_bytes = graph_bytes(host->workers);
	return 0;
}

/* The object stays on the host. */
static int graph_stage(struct transport_host *host, struct err *err)
{
	(void)host;
	(void)err;
	return 0;
}

static int graph_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, graph_bytes(host->workers),
			    &host->runtime_address, err);
}

static int graph_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	(void)device;
	(void)ret_so;
	return err_set(err, ENODATA, "host_build_graph sends no object to the device");
}

const struct transport transport_graph = {
	.name = "whole",
	.summary = "293,083,648 bytes per run: every task the host has built",
	.host_bytes = graph_host_bytes,
	.stage = graph_stage,
	.send = graph_send,
	.receive = graph_receive,
};

/* One write, as upstream's; here its failure is told. */
static int object_write(const char *path, const struct so *so, struct image_report *report,
			struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700), r = 0;
	struct stat st = { 0 };
	ssize_t n;

	if (fd < 0)
		return err_sys(err, "create %s", path);
	n = write(fd, so->bytes, so->size);
	if (n < 0)
		r = err_sys(err, "write %s", path);
	else if ((size_t)n != so->size)
		r = err_set(err, ENOSPC, "write %s: only %zd of %zu bytes", path, n, so->size);
	fstat(fd, &st);
	close(fd);
	report->staged_dev = st.st_dev;
	report->staged_ino = st.st_ino;
	report->staged_at = path;
	report->load_bytes = so->size;
	if (r < 0)
		unlink(path);
	return r;
}

/* The name goes before anybody looks whether the object came. */
static int object_open(struct image *image, char *path, void **ret_handle, struct err *err)
{
	int r, place;

	timeline_enter(image->time, PHASE_STAGE);
	place = staged_add(path);
	r = object_write(path, image->so, &image->report, err);
	if (r == 0) {
		r = dl_load(image, path, RTLD_NOW | RTLD_LOCAL, ret_handle, err);
		timeline_enter(image->time, PHASE_UNSTAGE);
		unlink(path);
	}
	staged_remove(place);
	return r;
}

static int entry_find(void *handle, struct timeline *time, graph_entry_function *ret_entry,
		      struct err *err)
{
	void *address = NULL;
	int r;

	timeline_enter(time, PHASE_RESOLVE);
	r = dl_symbol(handle, GRAPH_ENTRY_SYMBOL, &address, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "no symbol '" GRAPH_ENTRY_SYMBOL
			       "': not an orchestration object for host_build_graph");
	if (r == 0)
		*ret_entry = (graph_entry_function)(uintptr_t)address;
	return r;
}

static void object_judge(struct graph_object *object, struct timeline *time,
			 struct graph_load *ret_load)
{
	timeline_enter(time, PHASE_CHECK);
	freshness_check(&object->image, &ret_load->verdict);
	ret_load->report = object->image.report;
}

static int copy_keep(struct graph_object *object, struct err *err)
{
	object->copy = malloc(object->so.size ? object->so.size : 1);
	if (!object->copy)
		return err_set(err, ENOMEM, "no memory for a copy of %zu bytes", object->so.size);
	memcpy(object->copy, object->so.bytes, object->so.size);
	object->so.bytes = object->copy;
	object->so.path = NULL;
	return 0;
}

int graph_object_open(struct graph_object *object, const struct so *so, struct timeline *time,
		      struct graph_load *ret_load, struct err *err)
{
	static unsigned int numbers;
	const bool kept = object->kept;
	int r;

	*object = (struct graph_object){ .so = *so };
	object->image = (struct image){ .so = &object->so, .time = time, .loaded = true };
	if (kept)
		snprintf(ret_load->staged_at, sizeof(ret_load->staged_at), "/tmp/orch_so_%d_%u.so",
			 (int)getpid(), __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED));
	else
		snprintf(ret_load->staged_at, sizeof(ret_load->staged_at), "/tmp/orch_so_%d.so",
			 (int)getpid());
	r = object_open(&object->image, ret_load->staged_at, &object->handle, err);
	if (r < 0)
		return r;
	/* What is known was never closed, on purpose. */
	object->image.report.hit = !kept && object->image.report.known_before;
	object_judge(object, time, ret_load);
	r = entry_find(object->handle, time, &object->entry, err);
	return r == 0 && kept ? copy_keep(object, err) : r;
}

void graph_object_find(struct graph_object *object, struct timeline *time,
		       struct graph_load *ret_load)
{
	object->image.report.hit = true;
	object->image.report.load_bytes = 0;
	object->image.report.staged_at = NULL;
	object_judge(object, time, ret_load);
}

void graph_object_close(struct graph_object *object, struct timeline *time)
{
	if (!object->handle)
		return;
	timeline_enter(time, PHASE_UNLOAD);
	dl_unload(object->handle);
	free(object->copy);
	*object = (struct graph_object){ .handle = NULL };
}
