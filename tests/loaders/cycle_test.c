/* Conformance, the long run: a thousand cycles leave nothing behind, on no disk that was not asked
 * for. */
#include "tests/loaders/fixture.h"
#include "tests/loaders/leaks.h"
#include "tests/loaders/trial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#define CYCLES 1000
#define WARM_CYCLES 20 /* until a loader that keeps memory between loads holds all it wants */

static int cycle(struct image *image, const char *name, int expected)
{
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so(name), NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0 && result == expected);
	EXPECT(fixture_call(image, "answer_entry", 1, &result) == 0 && result == 10 * expected);
	image_unload(image);
	return 0;
}

static int case_cycles(struct trial *trial)
{
	bool any = trial->loader->caps & (LOADER_FRESH_EVERY_LOAD | LOADER_MANY_IMAGES);
	struct image *image = image_new(trial->loader);
	unsigned int files = leaks_files(trial->folder);
	struct leaks before;

	for (int i = 0; i < CYCLES; i++) {
		const char *name = any && i % 3 == 0 ? "answer_2" : "answer_1";

		if (i == WARM_CYCLES)
			before = leaks_now();
		EXPECT(cycle(image, name, name[7] - '0') == 0);
	}
	EXPECT(leaks_none(&before) == 0);
	image_free(image);
	EXPECT(leaks_files(trial->folder) == files);
	return 0;
}

/* Everything a loader took it gives back when it is closed. */
static int case_close_leaves_nothing(struct trial *trial)
{
	struct leaks before;
	struct err err = { { 0 } };

	for (int i = 0; i < 4; i++) {
		struct image *image = image_new(trial->loader);

		EXPECT(cycle(image, "answer_1", 1) == 0);
		image_free(image);
		loader_close(trial->loader);
		trial->loader = NULL;
		if (i == 0)
			before = leaks_now();
		else
			EXPECT(leaks_none(&before) == 0);
		EXPECT_OK(loader_open(&trial->loader, trial->spec, &err));
	}
	return 0;
}

/* Where the file that was staged lies, while it is loaded. */
static int case_diskless(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	char folder[256], *slash;
	struct statfs fs;

	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	if (image->report.staged_at && strncmp(image->report.staged_at, "/proc/", 6) != 0) {
		snprintf(folder, sizeof(folder), "%s", image->report.staged_at);
		slash = strrchr(folder, '/');
		EXPECT(slash);
		*slash = '\0';
		EXPECT(statfs(folder, &fs) == 0);
		EXPECT(fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
	}
	image_free(image);
	return 0;
}

/* While it is loaded, no folder has an entry for it. */
static int case_fileless(struct trial *trial)
{
	unsigned int files = leaks_files(trial->folder);
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };

	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	EXPECT(!image->report.staged_at || strncmp(image->report.staged_at, "/proc/", 6) == 0);
	EXPECT(leaks_files(trial->folder) == files);
	image_free(image);
	return 0;
}

static const struct trial_case cases[] = {
	{ "cycles", LOADER_EXECUTES, case_cycles },
	{ "close_leaves_nothing", LOADER_EXECUTES, case_close_leaves_nothing },
	{ "diskless", LOADER_DISKLESS, case_diskless },
	{ "fileless", LOADER_FILELESS, case_fileless },
	{ 0 },
};

int main(void)
{
	return trial_run("loaders: cycles", cases);
}
