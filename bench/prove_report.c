/* Counts and times of campaigns, shown and judged. See prove_report.h. */
#include "bench/prove_report.h"

#include "bench/command.h"
#include "bench/cost.h"
#include "bench/machine.h"
#include "bench/stats.h"

#include <string.h>

/* A wrong verdict misses the goal, whatever the number of gates; too few right ones of a full
 * campaign do, too: inconclusive counts as not found. */
static bool is_missed(const struct prove_campaign *campaign, const struct prove_result *result)
{
	enum judge_verdict wrong = campaign->right == JUDGE_PASS ? JUDGE_FAIL : JUDGE_PASS;
	unsigned int spare = campaign->gates - campaign->least;

	if (campaign->right == JUDGE_PASS)
		return result->verdicts[wrong] > 0;
	return result->gates - result->verdicts[JUDGE_FAIL] > spare;
}

/* Right, but later than the goals allow. `seconds` are sorted. */
static bool is_late(const struct prove_campaign *campaign, const struct prove_result *result)
{
	if (!result->gates || campaign->median_most == 0.0)
		return false;
	return stats_median(result->seconds, result->gates) > campaign->median_most ||
	       stats_percentile(result->seconds, result->gates, 95.0) > campaign->p95_most;
}

static void campaign_write(const struct prove_campaign *campaign, struct prove_result *result,
			   FILE *out)
{
	if (result->gates)
		stats_sort(result->seconds, result->gates);
	fprintf(out,
		"| %s | %.0f %% | %u of %u | %u | %u | %u | %.1f | %.1f | %.1f to %.1f | %s |\n",
		campaign->text, 100.0 * campaign->delta, result->gates, campaign->gates,
		result->verdicts[JUDGE_PASS], result->verdicts[JUDGE_FAIL],
		result->verdicts[JUDGE_INCONCLUSIVE],
		result->gates ? stats_median(result->seconds, result->gates) : 0.0,
		result->gates ? stats_percentile(result->seconds, result->gates, 95.0) : 0.0,
		result->load_low, result->load_high,
		is_missed(campaign, result)	  ? "**missed**"
		: is_late(campaign, result)	  ? "**late**"
		: result->gates < campaign->gates ? "so far"
						  : "reached");
}

static void redrawn_write(const struct prove_redrawn *redrawn, const char *text, FILE *out)
{
	fprintf(out,
		"- %s: %u gates drawn again, with signs from coins, from the %zu epochs without a "
		"difference above: %u pass, %u fail, %u inconclusive\n",
		text, redrawn->gates, redrawn->pool, redrawn->verdicts[JUDGE_PASS],
		redrawn->verdicts[JUDGE_FAIL], redrawn->verdicts[JUDGE_INCONCLUSIVE]);
}

void prove_report_write(const struct prove_table *table, FILE *out)
{
	const char *slash = strrchr(table->object, '/');
	char machine[256];

	fprintf(out,
		"# What the gate does on this machine\n\n%s. Loader %s, object %s, alpha 0.001, at "
		"most 30 s a gate, %d at once%s. The load average counts the gates themselves, "
		"the busy loops, and what else ran.\n\n",
		machine_line(machine, sizeof(machine)), table->loader,
		slash ? slash + 1 : table->object, table->jobs,
		table->quick ? "; a quick run, a tenth of the gates that prove it" : "");
	fputs("| head is | delta | gates run | pass | fail | inconclusive | s, median | s, p95 | "
	      "load average | goal |\n"
	      "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
	      out);
	for (size_t i = 0; i < table->count; i++)
		campaign_write(&table->campaigns[i], &table->results[i], out);
	fputc('\n', out);
	for (size_t i = 0; i < table->counted_count; i++)
		fprintf(out, "- %s: %s: %s\n", table->counted[i].text,
			table->counted[i].found ? "found" : "**not found**",
			table->counted[i].result);
	redrawn_write(&table->same, "no difference, delta 5 %", out);
	redrawn_write(&table->slower, "5 % added to every epoch", out);
	fprintf(out,
		"- one timeline record costs %.1f ns (limit %.0f ns); it is subtracted nowhere\n",
		table->record_ns, COST_LIMIT_NS);
}

int prove_report_last_line(const struct prove_table *table, FILE *out)
{
	bool missed = table->record_ns > COST_LIMIT_NS ||
		      (double)table->same.verdicts[JUDGE_FAIL] > 0.002 * table->same.gates;
	bool complete = true;

	for (size_t i = 0; i < table->counted_count; i++)
		missed |= !table->counted[i].found;
	for (size_t i = 0; i < table->count; i++) {
		missed |= is_missed(&table->campaigns[i], &table->results[i]) ||
			  is_late(&table->campaigns[i], &table->results[i]);
		complete &= table->results[i].gates == table->campaigns[i].gates;
	}
	fprintf(out, "verdict=%s%s\n",
		missed	   ? "fail"
		: complete ? "pass"
			   : "inconclusive",
		missed	   ? " reason=a goal was missed"
		: complete ? ""
			   : " reason=fewer gates than the goals ask for");
	return missed ? EXIT_MEASURED_FAILURE : complete ? EXIT_DONE : EXIT_INCONCLUSIVE;
}
