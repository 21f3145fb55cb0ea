/*
 * cached: keeps images across invocations and loads nothing when the same content comes again. The
 * caller's identity (id and generation) says what is the same; an object without one is never kept.
 * Another loader, given by `inner`, does the work of a miss.
 *
 * What is shared is shared: a hit answers with the state the last user left. Two modes trust more
 * than they should and exist to be measured: key=build-id believes the linker's note in the object,
 * and policy=first is pypto's, where whatever was loaded first answers for ever.
 */
#include "loaders/cached.h"

#include "loaders/elf/file.h"
#include "loaders/staged.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_DEFAULT 64
#define ENTRIES_MAX 4096
#define BUILD_ID_BYTES 32 /* longer ones are not believed */
#define NOTE_BYTES 160

enum cached_key { KEY_ID, KEY_BUILD_ID };
enum cached_policy { POLICY_IDENTITY, POLICY_FIRST };

struct cached_options {
	const char *inner;
	uint64_t entries;
	int key, policy;
};

/* Equal keys are the same content, as far as this mode believes. Compared by their bytes. */
struct content_key {
	uint64_t a, b; /* id and generation, or size and length of the build id */
	unsigned char build_id[BUILD_ID_BYTES];
};

enum entry_state { ENTRY_FREE, ENTRY_LOADING, ENTRY_READY };

struct entry {
	enum entry_state state;
	unsigned int references;
	uint64_t used_at; /* by the cache's count of uses */
	struct content_key key;
	struct so so;	     /* as of the load; its bytes may be gone when nobody refers to it */
	char *name;	     /* the so's, a copy: that of the caller may be gone by the next load */
	struct image *image; /* of the inner loader; kept for the entry's next content too */
};

struct cached_loader {
	pthread_mutex_t lock; /* everything below; not held while an inner image loads or unloads */
	pthread_cond_t settled; /* an entry left ENTRY_LOADING */
	struct loader *inner;
	struct entry *entries;
	unsigned int entry_count;
	uint64_t uses;
	struct cached_counts counts;
};

struct cached_image {
	struct entry *entry; /* referenced, or NULL */
	struct image *own;   /* an image that is not kept, or NULL */
	char staged_at[STAGED_PATH_BYTES];
	char note[NOTE_BYTES];
};

static const char *const key_names[] = { "id", "build-id", NULL };
static const char *const policy_names[] = { "identity", "first", NULL };

static const struct option_def cached_option_table[] = {
	{ .name = "inner",
	  .kind = OPTION_TEXT,
	  .offset = offsetof(struct cached_options, inner),
	  .argument = "LOADER",
	  .help = "how a miss is loaded, memfd if not given (escape its ':' as '\\:')" },
	{ .name = "entries",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct cached_options, entries),
	  .argument = "N",
	  .help = "images to keep at most, 64 if not given; the one unused longest goes first" },
	{ .name = "key",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct cached_options, key),
	  .argument = "id|build-id",
	  .help = "same content = the caller's identity, or trust in the object's build id",
	  .choices = key_names },
	{ .name = "policy",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct cached_options, policy),
	  .argument = "identity|first",
	  .help = "first: the first object answers for ever, content never checked",
	  .choices = policy_names },
	{ 0 },
};

static int entries_new(struct cached_loader *self, unsigned int count, struct err *err)
{
	self->entries = calloc(count, sizeof(*self->entries));
	if (!self->entries)
		return err_set(err, ENOMEM, "out of memory for %u entries", count);
	self->entry_count = count;
	for (unsigned int i = 0; i < count; i++) {
		self->entries[i].image = image_new(self->inner);
		if (!self->entries[i].image)
			return err_set(err, ENOMEM, "out of memory for %u entries", count);
	}
	return 0;
}

static int cached_prepare(struct loader *loader, struct err *err)
{
	const struct cached_options *options = loader->options;
	const char *inner = options->inner ? options->inner : "memfd";
	uint64_t entries = options->entries ? options->entries : ENTRIES_DEFAULT;
	struct cached_loader *self = loader->state;
	int r;

	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->settled, NULL);
	if (entries > ENTRIES_MAX)
		return err_set(err, EINVAL, "entries: at most %u", ENTRIES_MAX);
	r = loader_open(&self->inner, inner, err);
	if (r < 0)
		return r;
	if (self->inner->type == loader->type)
		return err_set(err, EINVAL, "inner: a cache of a cache caches nothing more");
	if (!(self->inner->caps & LOADER_MANY_IMAGES))
		return err_set(err, EINVAL, "inner: %s cannot hold several images at once", inner);
	loader->caps = self->inner->caps & ~(unsigned int)LOADER_FRESH_EVERY_LOAD;
	if (options->policy == POLICY_FIRST)
		loader->caps &= ~(unsigned int)LOADER_MANY_IMAGES;
	return entries_new(self, (unsigned int)entries, err);
}

static void cached_finish(struct loader *loader)
{
	struct cached_loader *self = loader->state;

	for (unsigned int i = 0; i < self->entry_count; i++) {
		image_free(self->entries[i].image);
		free(self->entries[i].name);
	}
	free(self->entries);
	loader_close(self->inner);
	pthread_cond_destroy(&self->settled);
	pthread_mutex_destroy(&self->lock);
}

static bool key_by_build_id(struct content_key *key, const struct so *so)
{
	const unsigned char *bytes;
	struct elf_file file;
	size_t length;

	if (elf_file_check(&file, so->bytes, so->size, NULL) < 0)
		return false;
	length = elf_build_id(&file, &bytes);
	if (length == 0 || length > sizeof(key->build_id))
		return false;
	key->a = so->size;
	key->b = length;
	memcpy(key->build_id, bytes, length);
	return true;
}

/* False: nothing says what this content is. */
static bool key_make(struct content_key *key, const struct image *image)
{
	const struct cached_options *options = image->loader->options;

	memset(key, 0, sizeof(*key));
	if (options->policy == POLICY_FIRST)
		return true;
	if (options->key == KEY_BUILD_ID)
		return key_by_build_id(key, image->so);
	key->a = image->so->id;
	key->b = image->so->generation;
	return image->so->id != 0;
}

static struct entry *entry_find(struct cached_loader *self, const struct content_key *key)
{
	for (unsigned int i = 0; i < self->entry_count; i++) {
		struct entry *entry = &self->entries[i];

		if (entry->state != ENTRY_FREE && memcmp(&entry->key, key, sizeof(*key)) == 0)
			return entry;
	}
	return NULL;
}

/* A free entry, else the one unused longest, else NULL: all are in use. */
static struct entry *entry_choose(struct cached_loader *self)
{
	struct entry *oldest = NULL;

	for (unsigned int i = 0; i < self->entry_count; i++) {
		struct entry *entry = &self->entries[i];

		if (entry->state == ENTRY_FREE)
			return entry;
		if (entry->state == ENTRY_READY && entry->references == 0 &&
		    (!oldest || entry->used_at < oldest->used_at))
			oldest = entry;
	}
	return oldest;
}

static void entry_refer(struct cached_loader *self, struct entry *entry)
{
	entry->references++;
	entry->used_at = ++self->uses;
}

/* Returns a referenced ready entry, or a claimed one in ENTRY_LOADING, or NULL: no room. */
static struct entry *entry_claim(struct cached_loader *self, const struct content_key *key)
{
	struct entry *entry;

	pthread_mutex_lock(&self->lock);
	while ((entry = entry_find(self, key)) && entry->state == ENTRY_LOADING)
		pthread_cond_wait(&self->settled, &self->lock);
	if (entry) {
		self->counts.hits++;
		entry_refer(self, entry);
	} else {
		self->counts.misses++;
		entry = entry_choose(self);
		if (!entry)
			self->counts.uncached++;
		else if (entry->state == ENTRY_READY)
			self->counts.evictions++;
		if (entry) {
			entry->state = ENTRY_LOADING;
			entry->key = *key;
		}
	}
	pthread_mutex_unlock(&self->lock);
	return entry;
}

/* The inner image's report, without its memory: another thread may give that image to another
 * object. */
static void report_copy(struct image *image, const struct image *inner)
{
	struct cached_image *self = image->state;

	image->report = inner->report;
	if (image->report.staged_at) {
		snprintf(self->staged_at, sizeof(self->staged_at), "%s", image->report.staged_at);
		image->report.staged_at = self->staged_at;
	}
	if (image->report.note) {
		snprintf(self->note, sizeof(self->note), "%s", image->report.note);
		image->report.note = self->note;
	}
}

/* The claimed entry is this thread's alone until it settles. */
static int entry_load(struct image *image, struct entry *entry, struct err *err)
{
	struct cached_loader *self = image->loader->state;
	int r;

	entry->image->time = image->time;
	image_unload(entry->image);
	entry->so = *image->so;
	free(entry->name);
	entry->name = image->so->path ? strdup(image->so->path) : NULL;
	entry->so.path = entry->name;
	r = image_load(entry->image, &entry->so, image->time, err);
	entry->image->time = NULL;
	report_copy(image, entry->image);

	pthread_mutex_lock(&self->lock);
	entry->state = r < 0 ? ENTRY_FREE : ENTRY_READY;
	if (r == 0)
		entry_refer(self, entry);
	pthread_cond_broadcast(&self->settled);
	pthread_mutex_unlock(&self->lock);
	return r;
}

static int own_load(struct image *image, const char *note, struct err *err)
{
	struct cached_loader *shared = image->loader->state;
	struct cached_image *self = image->state;
	int r;

	self->own = image_new(shared->inner);
	if (!self->own)
		return err_set(err, ENOMEM, "out of memory");
	r = image_load(self->own, image->so, image->time, err);
	report_copy(image, self->own);
	if (!image->report.note)
		image->report.note = note;
	return r;
}

static int cached_load(struct image *image, struct err *err)
{
	struct cached_loader *shared = image->loader->state;
	struct cached_image *self = image->state;
	struct content_key key;
	struct entry *entry;
	int r;

	timeline_enter(image->time, PHASE_LINK);
	if (!key_make(&key, image)) {
		pthread_mutex_lock(&shared->lock);
		shared->counts.misses++;
		shared->counts.uncached++;
		pthread_mutex_unlock(&shared->lock);
		return own_load(image, "nothing says what the content is: not kept", err);
	}
	entry = entry_claim(shared, &key);
	if (!entry)
		return own_load(image, "all kept images are in use: not kept", err);
	if (entry->state == ENTRY_READY) {
		image->report.base = entry->image->report.base;
		image->report.hit = true;
		self->entry = entry;
		return 0;
	}
	r = entry_load(image, entry, err);
	if (r == 0)
		self->entry = entry;
	return r;
}

/* Several images may refer to the one that is kept, at once: looking up only reads it. Without the
 * lock, for whoever loads in a constructor that dlopen() runs holds what dlsym() waits for. */
static int cached_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	struct cached_image *self = image->state;

	return image_symbol(self->own ? self->own : self->entry->image, name, ret_address, err);
}

static void cached_unload(struct image *image)
{
	struct cached_loader *shared = image->loader->state;
	struct cached_image *self = image->state;

	if (self->own) {
		self->own->time = image->time;
		image_free(self->own);
		self->own = NULL;
	}
	if (self->entry) {
		pthread_mutex_lock(&shared->lock);
		self->entry->references--;
		pthread_mutex_unlock(&shared->lock);
		self->entry = NULL;
	}
}

const struct loader_type loader_cached = {
	.name = "cached",
	.summary = "keeps images and loads nothing when the same content comes again",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_FILELESS | LOADER_SPLIT_PHASES |
		LOADER_MANY_IMAGES | LOADER_CONCURRENT | LOADER_THREAD_LOCAL,
	.loader_size = sizeof(struct cached_loader),
	.image_size = sizeof(struct cached_image),
	.options_size = sizeof(struct cached_options),
	.options = cached_option_table,
	.prepare = cached_prepare,
	.load = cached_load,
	.symbol = cached_symbol,
	.unload = cached_unload,
	.finish = cached_finish,
};

int cached_counts(struct loader *loader, struct cached_counts *ret_counts)
{
	struct cached_loader *self = loader->state;

	if (loader->type != &loader_cached)
		return -EINVAL;
	pthread_mutex_lock(&self->lock);
	*ret_counts = self->counts;
	for (unsigned int i = 0; i < self->entry_count; i++) {
		ret_counts->kept += self->entries[i].state == ENTRY_READY;
		ret_counts->in_use += self->entries[i].references > 0;
	}
	pthread_mutex_unlock(&self->lock);
	return 0;
}
