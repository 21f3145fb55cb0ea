/* A table for an issue or a pull request, in GitHub Flavored Markdown. */
#include "bench/export/export.h"

#include "bench/limits.h"
#include "bench/machine.h"
#include "bench/run/columns.h"

#include <math.h>

static void us_put(FILE *out, double ns)
{
	if (isfinite(ns))
		fprintf(out, " %.2f |", ns / 1000.0);
	else
		fputs(" - |", out);
}

/* A bar would end the cell. */
static void name_put(FILE *out, const char *name)
{
	for (; *name; name++) {
		if (*name == '|' || *name == '\\')
			fputc('\\', out);
		fputc(*name == '\n' ? ' ' : *name, out);
	}
}

static void row_put(const struct runner *runner, const struct arm *arm, FILE *out)
{
	struct stats_summary total = column_summary(arm, COLUMN(total_ns));
	double width = limits_width(arm);
	char name[512];

	fputs("| ", out);
	name_put(out, export_name(runner, arm, name, sizeof(name)));
	fprintf(out, " | %u |", arm->count);
	us_put(out, total.p10);
	us_put(out, total.p50);
	us_put(out, total.p90);
	if (isfinite(width))
		fprintf(out, " %.1f |", 100.0 * width);
	else
		fputs(" - |", out);
	fprintf(out, " %u |\n", arm->stale);
}

static void document(const struct export_source *source, FILE *out)
{
	const struct runner *runner = source->runner;
	char machine[256];

	fputs("| Load | Loads | p10 (us) | p50 (us) | p90 (us) | CI (%) | Stale |\n"
	      "|:---|---:|---:|---:|---:|---:|---:|\n",
	      out);
	for (size_t i = 0; i < runner->arm_count; i++)
		row_put(runner, &runner->arms[i], out);
	fprintf(out, "\n%s; soload %s, seed %llu\n", machine_line(machine, sizeof(machine)),
		SOLOAD_VERSION, (unsigned long long)runner->options.seed);
	for (size_t i = 0; i < runner->arm_count; i++) {
		if (!runner->arms[i].error.text[0])
			continue;
		fputs("\n- ", out);
		name_put(out, runner->arms[i].name);
		fputs(": ", out);
		name_put(out, runner->arms[i].error.text);
		fputc('\n', out);
	}
}

const struct export_format export_md = { .write = document };
