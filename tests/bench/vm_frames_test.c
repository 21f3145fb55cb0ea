/* What a guest says, cut at every byte, damaged in every byte, and hostile on purpose. */
#include "bench/vm/frames.h"
#include "bench/vm/guest.h"
#include "bench/vm/take.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned char stream[8192];
static size_t stream_size;

struct seen {
	char text[4096];
	size_t size, frames;
};

static int seen_take(void *to, enum frame_type type, const void *bytes, size_t size,
		     struct err *err)
{
	struct seen *seen = to;

	(void)type;
	(void)err;
	assert_true(seen->size + size <= sizeof(seen->text));
	memcpy(seen->text + seen->size, bytes, size);
	seen->size += size;
	seen->frames++;
	return 0;
}

static int stream_make(void **state)
{
	static const int32_t code = 7;
	int ends[2];
	struct err err = { "" };

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(frame_send(ends[1], FRAME_HELLO, "6.1", 3, &err), 0);
	assert_int_equal(frame_send(ends[1], FRAME_OUT, "hello", 5, &err), 0);
	assert_int_equal(frame_send(ends[1], FRAME_DATA, "", 0, &err), 0);
	assert_int_equal(frame_send(ends[1], FRAME_EXIT, &code, sizeof(code), &err), 0);
	close(ends[1]);
	stream_size = (size_t)read(ends[0], stream, sizeof(stream));
	close(ends[0]);
	return 0;
}

static void whatever_the_pieces_the_frames_are_the_same(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= stream_size; piece++) {
		struct seen seen = { 0 };
		struct frames frames = { .take = seen_take, .to = &seen };
		struct err err = { "" };

		for (size_t at = 0; at < stream_size; at += piece) {
			size_t part = stream_size - at < piece ? stream_size - at : piece;

			assert_int_equal(frames_feed(&frames, stream + at, part, &err), 0);
		}
		assert_int_equal(seen.frames, 4);
		assert_true(frames.ended);
		assert_memory_equal(seen.text, "6.1hello\7\0\0\0", 12);
	}
}

static void cut_short_it_has_not_ended(void **state)
{
	(void)state;
	for (size_t size = 0; size < stream_size; size++) {
		struct seen seen = { 0 };
		struct frames frames = { .take = seen_take, .to = &seen };
		struct err err = { "" };

		assert_int_equal(frames_feed(&frames, stream, size, &err), 0);
		assert_false(frames.ended);
	}
}

/* Only the high bits of a length can be read as a longer frame that is still to come. */
static void a_damaged_byte_never_passes(void **state)
{
	(void)state;
	for (size_t at = 0; at < stream_size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			struct seen seen = { 0 };
			struct frames frames = { .take = seen_take, .to = &seen };
			struct err err = { "" };
			unsigned char copy[sizeof(stream)];
			int r;

			memcpy(copy, stream, stream_size);
			copy[at] ^= (unsigned char)(1 << bit);
			r = frames_feed(&frames, copy, stream_size, &err);
			if (r < 0)
				assert_non_null(strstr(err.text, "damaged at byte"));
			else
				assert_false(frames.ended);
		}
	}
}

static void nothing_follows_the_exit(void **state)
{
	struct seen seen = { 0 };
	struct frames frames = { .take = seen_take, .to = &seen };
	struct err err = { "" };

	(void)state;
	assert_int_equal(frames_feed(&frames, stream, stream_size, &err), 0);
	assert_int_equal(frames_feed(&frames, "x", 1, &err), -EBADMSG);
}

static void a_long_text_takes_many_frames(void **state)
{
	static char text[3 * FRAME_BYTES_MAX + 5];
	struct take take = { .file = -1 };
	struct frames frames = { .take = take_frame, .to = &take };
	struct err err = { "" };
	FILE *file = tmpfile();
	char bytes[512];
	ssize_t n;

	(void)state;
	assert_non_null(file);
	memset(text, 'a', sizeof(text));
	assert_int_equal(frame_send(fileno(file), FRAME_OUT, text, sizeof(text), &err), 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
	while ((n = read(fileno(file), bytes, sizeof(bytes))) > 0)
		assert_int_equal(frames_feed(&frames, bytes, (size_t)n, &err), 0);
	assert_int_equal(take.kept_size, sizeof(text));
	assert_memory_equal(take.kept, text, sizeof(text));
	take_close(&take);
	fclose(file);
}

static void only_plain_names_are_files(void **state)
{
	static const char *const good[] = { "a", "a/b.csv", "...", "a..b/.c" };
	static const char *const bad[] = { "",	   "/etc/x", "a//b", "../x", "a/../x",
					   "a/..", ".",	     "a/",   "a\nb" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(frames_name_is_plain(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(frames_name_is_plain(bad[i], strlen(bad[i])));
	assert_false(frames_name_is_plain("a\0b", 3));
}

static void a_hostile_file_leaves_nothing(void **state)
{
	char folder[] = "/tmp/soload-take-XXXXXX", path[64];
	struct err err = { "" };
	struct take take = { .file = -1, .results = mkdtemp(folder) };

	(void)state;
	assert_int_equal(take_frame(&take, FRAME_DATA, "lost", 4, &err), 0);
	assert_int_equal(take_frame(&take, FRAME_FILE, "../x", 4, &err), -EBADMSG);
	assert_int_equal(take_frame(&take, FRAME_FILE, "x", 1, &err), 0);
	assert_int_equal(take_frame(&take, FRAME_DATA, "kept", 4, &err), 0);
	take_close(&take);
	snprintf(path, sizeof(path), "%s/x", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void last_words(void **state)
{
	static const char panic[] =
		"[ 0.9] a\n[ 1.0] Kernel panic - not syncing: no init\n[ 1.1] b\n";
	static const char line[] = "one\ntwo\x1b[0m\r\n\n";
	char text[64];

	(void)state;
	guest_last_words(panic, strlen(panic), text, sizeof(text));
	assert_string_equal(text, "Kernel panic - not syncing: no init");
	guest_last_words(panic, 46, text, sizeof(text));
	assert_string_equal(text, "Kernel panic - not syncing: no");
	guest_last_words(line, strlen(line), text, sizeof(text));
	assert_string_equal(text, "two?[0m");
	guest_last_words("", 0, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_the_pieces_the_frames_are_the_same),
		cmocka_unit_test(cut_short_it_has_not_ended),
		cmocka_unit_test(a_damaged_byte_never_passes),
		cmocka_unit_test(nothing_follows_the_exit),
		cmocka_unit_test(a_long_text_takes_many_frames),
		cmocka_unit_test(only_plain_names_are_files),
		cmocka_unit_test(a_hostile_file_leaves_nothing),
		cmocka_unit_test(last_words),
	};

	return cmocka_run_group_tests(tests, stream_make, NULL);
}
