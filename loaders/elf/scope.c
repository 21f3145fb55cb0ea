/*
 * The libraries an object needs. A list once seen is found again by comparing names; its handles
 * are never closed, so what was bound to them stays.
 */
#include "loaders/elf/imports.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096
#define ORDER_MAX 512 /* libraries one object needs, directly or not */

static pthread_mutex_t scopes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct elf_scope *scopes;

/* "$ORIGIN/../lib" and the library's name to a path; false when it can't be said. */
static bool path_expand(const char *directory, size_t length, const char *path, char *ret_path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	int origin = slash ? (int)(slash - path) : 0, n;
	size_t skip = 0;

	if (length >= 7 && strncmp(directory, "$ORIGIN", 7) == 0)
		skip = 7;
	else if (length >= 9 && strncmp(directory, "${ORIGIN}", 9) == 0)
		skip = 9;
	if ((skip && !slash) || memchr(directory + skip, '$', length - skip) || length > 2048)
		return false;
	n = snprintf(ret_path, PATH_BYTES, "%.*s%.*s", skip ? origin : 0, skip ? path : "",
		     (int)(length - skip), directory + skip);
	return n > 0 && n < PATH_BYTES / 2;
}

/* The name of a needed library as it counts: of one beside the object, the path. */
static const char *name_expand(const struct elf_scope_request *request, const char *name,
			       char *buffer)
{
	if (name[0] == '$' && path_expand(name, strlen(name), request->path, buffer))
		return buffer;
	return name;
}

/* Apart, because of the stack it takes. */
__attribute__((noinline)) static bool name_matches(const struct elf_scope_request *request,
						   const char *name, const char *known)
{
	char path[PATH_BYTES];

	return strcmp(known, name_expand(request, name, path)) == 0;
}

static bool scope_matches(const struct elf_scope *scope, const struct elf_scope_request *request)
{
	const struct elf_file *file = request->file;
	size_t at = 0;

	if (scope->count != file->dynamic.needed_count)
		return false;
	for (size_t i = 0; i < file->dynamic.count && at < scope->count; i++) {
		const elf_dyn *entry = &file->dynamic.entries[i];
		const char *name, *known;

		if (entry->d_tag != DT_NEEDED)
			continue;
		name = elf_string(file, entry->d_un.d_val);
		known = scope->names[at++];
		if (name[0] == '$' ? !name_matches(request, name, known) : strcmp(known, name) != 0)
			return false;
	}
	return true;
}

/* Looks through the object's own RUNPATH, as the dynamic linker would for an object it had mapped.
 */
static void *needed_open_in(const char *directories, const char *path, const char *name)
{
	char file[PATH_BYTES];
	void *handle = NULL;

	while (directories && !handle) {
		const char *colon = strchr(directories, ':');
		size_t length = colon ? (size_t)(colon - directories) : strlen(directories);
		size_t at;

		if (path_expand(directories, length, path, file)) {
			at = strlen(file);
			if (snprintf(file + at, sizeof(file) - at, "/%s", name) <
			    (int)(sizeof(file) - at))
				handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
		}
		directories = colon ? colon + 1 : NULL;
	}
	return handle;
}

/*
 * Bound now, all of it: a library that leaves a symbol to another one the object needs finds it
 * when the linker opens both for the object, but not when it is opened by itself. Refused here, it
 * goes a step down; opened lazily, it would end the process at the first call.
 */
static int needed_open(const struct elf_scope_request *request, const char *name, void **ret_handle,
		       struct err *err)
{
	const struct elf_dynamic *dynamic = &request->file->dynamic;
	const char *reason, *directories = dynamic->runpath ? dynamic->runpath : dynamic->rpath;
	void *handle;

	if (!name[0]) /* to dlopen(), an empty name is the program itself */
		return err_set(err, ENOEXEC, "DT_NEEDED names nothing");
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (!handle && request->present_only)
		return err_set(err, ENOENT, "needs '%s', which is not loaded", name);
	if (!handle && !strchr(name, '/'))
		handle = needed_open_in(directories, request->path, name);
	if (!handle)
		handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	reason = handle ? NULL : dlerror();
	if (!handle)
		return err_set(err, ENOENT, "needs '%s': %s", name, reason ? reason : "not found");
	*ret_handle = handle;
	return 0;
}

static void scope_free(struct elf_scope *scope)
{
	for (size_t i = 0; i < scope->count; i++) {
		if (scope->handles && scope->handles[i])
			dlclose(scope->handles[i]);
		if (scope->names)
			free(scope->names[i]);
	}
	free(scope->handles);
	free(scope->names);
	free(scope->order);
	free(scope);
}

static void order_add(struct elf_scope *scope, void *handle)
{
	struct link_map *map = NULL;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return;
	for (size_t i = 0; i < scope->order_count; i++) {
		if (scope->order[i] == map)
			return;
	}
	if (scope->order_count < ORDER_MAX)
		scope->order[scope->order_count++] = map;
}

/* What one library needs goes behind all that is in the list. */
static void order_extend(struct elf_scope *scope, const struct link_map *map)
{
	const char *strings = NULL;

	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_STRTAB)
			strings = (const char *)(entry->d_un.d_ptr < map->l_addr
							 ? entry->d_un.d_ptr + map->l_addr
							 : entry->d_un.d_ptr);
	}
	for (const ElfW(Dyn) *entry = map->l_ld; strings && entry->d_tag != DT_NULL; entry++) {
		void *handle = NULL;

		if (entry->d_tag == DT_NEEDED)
			handle = dlopen(strings + entry->d_un.d_val,
					RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
		if (!handle)
			continue;
		order_add(scope, handle);
		dlclose(handle); /* the one that needs it keeps it */
	}
}

static int order_make(struct elf_scope *scope, struct err *err)
{
	scope->order = calloc(ORDER_MAX, sizeof(struct link_map *));
	if (!scope->order)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < scope->count; i++)
		order_add(scope, scope->handles[i]);
	for (size_t i = 0; i < scope->order_count; i++)
		order_extend(scope, scope->order[i]);
	(void)dlerror();
	return 0;
}

static int scope_make(const struct elf_scope_request *request, struct elf_scope **ret_scope,
		      struct err *err)
{
	size_t count = request->file->dynamic.needed_count;
	struct elf_scope *scope = calloc(1, sizeof(*scope));
	char path[PATH_BYTES];
	int r = 0;

	if (!scope)
		return err_set(err, ENOMEM, "out of memory");
	scope->count = count;
	scope->handles = calloc(count + 1, sizeof(*scope->handles));
	scope->names = calloc(count + 1, sizeof(*scope->names));
	if (!scope->handles || !scope->names)
		r = err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count && r == 0; i++) {
		scope->names[i] = strdup(name_expand(request, elf_needed(request->file, i), path));
		r = scope->names[i] ? needed_open(request, scope->names[i], &scope->handles[i], err)
				    : err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = order_make(scope, err);
	if (r < 0) {
		scope_free(scope);
		return r;
	}
	*ret_scope = scope;
	return 0;
}

static struct elf_scope *scope_known(const struct elf_scope_request *request)
{
	struct elf_scope *scope;

	pthread_mutex_lock(&scopes_lock);
	for (scope = scopes; scope; scope = scope->next) {
		if (scope_matches(scope, request))
			break;
	}
	pthread_mutex_unlock(&scopes_lock);
	return scope;
}

int elf_scope_find(const struct elf_scope_request *request, struct elf_scope **ret_scope,
		   struct err *err)
{
	struct elf_scope *scope = scope_known(request);
	int r;

	if (!scope) {
		/* Not under the lock: a library's constructor may load objects itself. Two threads
		 * may make the same scope; both work. */
		r = scope_make(request, &scope, err);
		if (r < 0)
			return r;
		pthread_mutex_lock(&scopes_lock);
		scope->id = scopes ? scopes->id + 1 : 1;
		scope->next = scopes;
		scopes = scope;
		pthread_mutex_unlock(&scopes_lock);
	}
	*ret_scope = scope;
	return 0;
}

void elf_scopes_lock(void)
{
	pthread_mutex_lock(&scopes_lock);
}

void elf_scopes_unlock(void)
{
	pthread_mutex_unlock(&scopes_lock);
}
