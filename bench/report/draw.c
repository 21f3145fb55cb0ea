/*
 * Runs the drawing engine in the figures' folder, where every file has a plain name: no name of
 * the user's reaches a command line or a script.
 */
#include "bench/report/draw.h"

#include "bench/command.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 4096

static bool scripts_at(const char *folder)
{
	char path[PATH_BYTES];

	return snprintf(path, sizeof(path), "%s/stack.gp", folder) < (int)sizeof(path) &&
	       access(path, R_OK) == 0;
}

/* reports/ beside the program, in a folder above it, or here. */
static int scripts_find(const char *wanted, char *ret_folder, struct err *err)
{
	char folder[PATH_BYTES], at[PATH_BYTES + 16];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	if (wanted)
		return scripts_at(wanted) && realpath(wanted, ret_folder)
			       ? 0
			       : err_set(err, ENOENT, "no drawings (stack.gp …) in %s", wanted);
	folder[n < 0 ? 0 : n] = '\0';
	for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
		*slash = '\0';
		snprintf(at, sizeof(at), "%s/reports", folder);
		if (scripts_at(at) && realpath(at, ret_folder))
			return 0;
	}
	if (scripts_at("reports") && realpath("reports", ret_folder))
		return 0;
	return err_set(err, ENOENT,
		       "the drawings (folder reports/ of the sources) were not found; "
		       "name it with --scripts");
}

/* In the child. Its words go to drawing.log beside the tables. */
static void child_run(const char *folder, char *const *argv)
{
	int log;

	if (chdir(folder) < 0)
		_exit(126);
	log = open("drawing.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (log >= 0) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("SOURCE_DATE_EPOCH", "0", 0);
	execvp(argv[0], argv);
	_exit(127);
}

/* The exit code of a command run in `folder`; 127 when there is no such program. */
static int engine_run(const char *folder, char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return 126;
	if (pid == 0)
		child_run(folder, argv);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 126;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text; /* execvp takes no const, and changes nothing */
}

static bool gnuplot_is_here(const char *folder)
{
	char *argv[] = { word("gnuplot"), word("--version"), NULL };

	return engine_run(folder, argv) == 0;
}

/* The Python that has matplotlib: the first of the path, or the system's own. */
static const char *python_find(const char *folder)
{
	static const char *const pythons[] = { "python3", "/usr/bin/python3" };

	for (size_t i = 0; i < 2; i++) {
		char *argv[] = { word(pythons[i]), word("-c"), word("import matplotlib"), NULL };

		if (engine_run(folder, argv) == 0)
			return pythons[i];
	}
	return NULL;
}

static bool picture_is_there(const struct plots *plots, const struct plot *plot, const char *suffix)
{
	char path[PATH_BYTES + 100];

	snprintf(path, sizeof(path), "%s/%s.%s", plots->folder, plot->name, suffix);
	return access(path, R_OK) == 0;
}

static void picture_remove(const struct plots *plots, const struct plot *plot, const char *suffix)
{
	char path[PATH_BYTES + 100];

	snprintf(path, sizeof(path), "%s/%s.%s", plots->folder, plot->name, suffix);
	unlink(path);
}

static int plot_draw(const struct plots *plots, struct plot *plot, const char *scripts,
		     struct err *err)
{
	static const char *const suffixes[] = { "svg", "png" };
	char script[PATH_BYTES + 64], set[PATH_BYTES + 64];

	for (size_t i = 0; i < 2; i++) {
		char *argv[] = { word("gnuplot"),   word("-c"), script, plot->name,
				 word(suffixes[i]), set,	NULL };
		int code;

		snprintf(script, sizeof(script), "%s/%s.gp", scripts, plot->kind);
		snprintf(set, sizeof(set), "%s/style.gp", scripts);
		code = engine_run(plots->folder, argv);
		if (code != 0 || !picture_is_there(plots, plot, suffixes[i]))
			return err_set(
				err, EIO,
				"gnuplot could not draw %s (exit code %d); what it said is in "
				"%s/drawing.log",
				plot->name, code, plots->folder);
	}
	plot->drawn = true;
	return 0;
}

static int python_draw(struct plots *plots, const char *scripts, struct err *err)
{
	char script[PATH_BYTES + 64], *argv[40] = { NULL, script };
	const char *python = python_find(plots->folder);
	size_t n = 2;
	int code;

	if (!python)
		return err_set(err, ENOENT, "python3 with matplotlib is not installed");
	argv[0] = word(python);
	snprintf(script, sizeof(script), "%s/draw.py", scripts);
	for (size_t i = 0; i < plots->n; i++) {
		argv[n++] = word(plots->at[i].kind);
		argv[n++] = plots->at[i].name;
	}
	code = engine_run(plots->folder, argv);
	if (code != 0)
		return err_set(err, EIO,
			       "matplotlib could not draw (exit code %d); what it said is in "
			       "%s/drawing.log",
			       code, plots->folder);
	for (size_t i = 0; i < plots->n; i++)
		plots->at[i].drawn = picture_is_there(plots, &plots->at[i], "svg");
	return 0;
}

static int engine_choose(const char *folder, enum draw_engine *engine, struct err *err)
{
	if (*engine != DRAW_MATPLOTLIB && gnuplot_is_here(folder)) {
		*engine = DRAW_GNUPLOT;
		return 0;
	}
	if (*engine == DRAW_GNUPLOT)
		return err_set(err, ENOENT, "gnuplot is not installed (make deps)");
	if (python_find(folder)) {
		*engine = DRAW_MATPLOTLIB;
		return 0;
	}
	return err_set(err, ENOENT,
		       *engine == DRAW_MATPLOTLIB
			       ? "python3 with matplotlib is not installed"
			       : "neither gnuplot nor matplotlib is installed (make deps)");
}

void draw_engine_parse(struct argp_state *state, const char *text, enum draw_engine *ret_engine,
		       bool *ret_draw)
{
	static const char *const names[] = { "auto", "gnuplot", "matplotlib", "none", NULL };
	char hint[64];

	for (size_t i = 0; names[i]; i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		*ret_draw = i < 3;
		*ret_engine = i < 3 ? (enum draw_engine)i : DRAW_AUTO;
		return;
	}
	command_usage(state, "no engine '%s'%s", text,
		      text_suggest(text, strlen(text), names, hint, sizeof(hint)));
}

int draw_figures(struct plots *plots, enum draw_engine engine, const char *scripts, struct err *err)
{
	char folder[PATH_BYTES], log[PATH_BYTES + 16];
	int r = scripts_find(scripts, folder, err);

	if (r < 0)
		return r;
	snprintf(log, sizeof(log), "%s/drawing.log", plots->folder);
	unlink(log);
	for (size_t i = 0; i < plots->n; i++) {
		picture_remove(plots, &plots->at[i], "svg");
		picture_remove(plots, &plots->at[i], "png");
	}
	r = engine_choose(plots->folder, &engine, err);
	if (r == 0 && engine == DRAW_MATPLOTLIB)
		r = python_draw(plots, folder, err);
	for (size_t i = 0; r == 0 && engine == DRAW_GNUPLOT && i < plots->n; i++)
		r = plot_draw(plots, &plots->at[i], folder, err);
	if (r == 0)
		unlink(log);
	return r;
}
