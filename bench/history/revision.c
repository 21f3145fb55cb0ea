/* Asks git and tools/build-revision, as programs of their own. See revision.h. */
#include "bench/history/revision.h"

#include "bench/command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUILDER "tools/build-revision"

static void child_run(char *const *argv, int to, bool quiet)
{
	int nowhere = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	dup2(to, STDOUT_FILENO);
	if (nowhere >= 0)
		dup2(nowhere, STDERR_FILENO);
	setenv("TZ", "UTC0", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	execvp(argv[0], argv);
	_exit(127);
}

/* A program's first line of output. Its exit code, 127 when there is no such program, or -errno. */
static int line_of(char *const *argv, bool quiet, char *line, size_t size)
{
	int ends[2], status;
	size_t n = 0;
	ssize_t got = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child_run(argv, ends[1], quiet);
	close(ends[1]);
	while (pid > 0 && n < size - 1 && (got = read(ends[0], line + n, size - 1 - n)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	close(ends[0]);
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text; /* execvp takes no const, and changes nothing */
}

static int git_line(const char *const *words, char *line, size_t size)
{
	char *argv[8] = { word("git") };

	for (size_t i = 0; i < 6 && words[i]; i++)
		argv[i + 1] = word(words[i]);
	return line_of(argv, true, line, size);
}

/* Titles come from anybody and are cut at some byte: what is not printable is no part of them. */
static void title_clean(char *title)
{
	json_t *text = json_string(title);
	bool ascii = !text; /* jansson takes valid UTF-8 only */

	json_decref(text);
	for (unsigned char *at = (unsigned char *)title; *at; at++) {
		if (*at < ' ' || *at == 0x7f || (ascii && *at > 0x7f) ||
		    (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) {
			if (*at == 0xc2 && at[1])
				*at++ = '?';
			*at = '?';
		}
	}
}

static int place_find(struct revision *revision, struct err *err)
{
	const char *const counted[] = { "rev-list", "--count", revision->hash, NULL };
	const char *const dated[] = {
		"log",		"-1",		"--date=format-local:%Y-%m-%dT%H:%M:%SZ",
		"--format=%cd", revision->hash, NULL
	};
	const char *const titled[] = { "log", "-1", "--format=%s", revision->hash, NULL };
	char count[32];

	if (git_line(counted, count, sizeof(count)) != 0 ||
	    git_line(dated, revision->time, sizeof(revision->time)) != 0 ||
	    git_line(titled, revision->title, sizeof(revision->title)) != 0)
		return err_set(err, ENOENT, "git does not know about revision %.12s",
			       revision->hash);
	revision->number = strtoll(count, NULL, 10);
	title_clean(revision->title);
	return 0;
}

int revision_find(const char *name, struct revision *ret_revision, struct err *err)
{
	const char *const shallow[] = { "rev-parse", "--is-shallow-repository", NULL };
	char wanted[300], answer[16];
	const char *const parse[] = { "rev-parse", "--verify", "--quiet", wanted, NULL };
	int code = git_line(shallow, answer, sizeof(answer));

	*ret_revision = (struct revision){ .number = 0 };
	if (code == 127)
		return err_set(err, ENOENT, "git is not installed, and only git knows revisions");
	if (code != 0)
		return err_set(err, ENOENT, "this is no git repository, so it has no revisions");
	if (strcmp(answer, "false") != 0)
		return err_set(err, ENOENT,
			       "this clone is shallow: revisions have no place in it (git fetch "
			       "--unshallow)");
	snprintf(wanted, sizeof(wanted), "%.250s^{commit}", name);
	if (*name == '-' || git_line(parse, ret_revision->hash, sizeof(ret_revision->hash)) != 0 ||
	    strlen(ret_revision->hash) != HISTORY_HASH)
		return err_set(err, ENOENT, "'%.100s' is no revision of this repository", name);
	return place_find(ret_revision, err);
}

int revision_pinned(const char *path, char *ret_name, size_t size, struct err *err)
{
	FILE *file = fopen(path, "re");
	char line[256];

	*ret_name = '\0';
	if (!file)
		return err_sys(err, "%s names the revision to compare with", path);
	while (!*ret_name && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "#\r\n")] = '\0';
		snprintf(ret_name, size, "%.*s", (int)strcspn(line + strspn(line, " \t"), " \t"),
			 line + strspn(line, " \t"));
	}
	fclose(file);
	return *ret_name ? 0 : err_set(err, ENOENT, "%s names no revision", path);
}

int revision_build(const struct revision *revision, const char *folder, char *ret_program,
		   size_t size, struct err *err)
{
	char *argv[] = { word(BUILDER), word(revision->hash), word(folder), NULL };
	int code;

	if (access(BUILDER, X_OK) < 0)
		return err_set(err, ENOEXEC, BUILDER " is not here: run this in the sources");
	code = line_of(argv, false, ret_program, size);
	if (command_interrupted())
		return err_set(err, EINTR, "interrupted");
	if (code != 0 || access(ret_program, X_OK) < 0)
		return err_set(err, ENOEXEC, "revision %.12s does not build here", revision->hash);
	return 0;
}
