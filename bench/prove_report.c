/* Counts and times of campaigns, shown and judged. See prove_report.h. */
#include "bench/prove_report.h"

#include "bench/command.h"
#include "bench/cost.h"
#include "bench/machine.h"
#include "bench/stats.h"

#include <string.h>

/* One false alarm misses the goal, whatever the number of gates. So do more gates without the right
 * verdict than a full campaign may have: inconclusive or broken is not right. */
static bool is_missed(const struct prove_campaign *campaign, const struct prove_result *result)
{
	unsigned int spare = campaign->gates - campaign->least;

	if (campaign->right == JUDGE_PASS && result->verdicts[JUDGE_FAIL])
		return true;
	if (campaign->not_by_p10 && result->found_by_p10)
		return true;
	return result->gates - result->verdicts[campaign->right] > spare;
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
		"| %s | %.0f %% | %u of %u | %u | %u | %u | %u | %.1f | %.1f | %.1f to %.1f | %s "
		"|\n",
		campaign->text, 100.0 * campaign->delta, result->gates, campaign->gates,
		result->verdicts[JUDGE_PASS], result->verdicts[JUDGE_FAIL],
		result->verdicts[JUDGE_INCONCLUSIVE], result->broken,
		result->gates ? stats_median(result->seconds, result->gates) : 0.0,
		result->gates ? stats_percentile(result->seconds, result->gates, 95.0) : 0.0,
		result->load_low, result->load_high,
		is_missed(campaign, result)	  ? "**missed**"
		: is_late(campaign, result)	  ? "**late**"
		: result->gates < campaign->gates ? "so far"
						  : "reached");
}

/* What the columns have no room for. */
static void campaign_notes(const struct prove_campaign *campaign, const struct prove_result *result,
			   FILE *out)
{
	if (campaign->not_by_p10)
		fprintf(out, "- %s: p10 alone, in the same epochs, finds it in %u of %u gates%s\n",
			campaign->text, result->found_by_p10, result->gates,
			result->found_by_p10 ? ": **missed**, none should" : "");
	if (result->broken)
		fprintf(out, "- %s: %u broken, the first: %s\n", campaign->text, result->broken,
			result->error.text);
}

static void redrawn_write(const struct prove_redrawn *redrawn, const char *text, FILE *out)
{
	fprintf(out,
		"- %s: %u gates drawn again, with signs from coins, from the %zu epochs without a "
		"difference above: %u pass, %u fail, %u inconclusive\n",
		text, redrawn->gates, redrawn->pool, redrawn->verdicts[JUDGE_PASS],
		redrawn->verdicts[JUDGE_FAIL], redrawn->verdicts[JUDGE_INCONCLUSIVE]);
}

static bool is_complete(const struct prove_table *table)
{
	bool complete = table->counted_count > 0;

	for (size_t i = 0; i < table->count; i++)
		complete &= table->results[i].gates == table->campaigns[i].gates;
	for (size_t i = 0; i < table->counted_count; i++)
		complete &= table->counted[i].counted;
	return complete;
}

/* ", metrics p10 p50", or "" where all are judged. */
static const char *metrics_list(const struct verdict_rule *rule, char *buffer, size_t size)
{
	int length = snprintf(buffer, size, ", metrics"), chosen = 0;

	for (int q = 0; q < EPOCH_QUANTILES; q++) {
		if (rule->quantiles[q])
			length += snprintf(buffer + length, size - (size_t)length, " %s",
					   epoch_quantile_name(q));
		chosen += rule->quantiles[q];
	}
	return chosen < EPOCH_QUANTILES ? buffer : "";
}

void prove_report_write(const struct prove_table *table, FILE *out)
{
	const char *slash = strrchr(table->object, '/');
	char machine[256], build[64], metrics[32];

	fprintf(out,
		"# What the gate does on this machine\n\n%s; %s. Loader %s, object %s, "
		"alpha %.3g%s, at most %.3g s a gate, %d at once%s. The load average counts "
		"the gates themselves, the busy loops, and what else ran.\n\n",
		machine_line(machine, sizeof(machine)), machine_build(build, sizeof(build)),
		table->loader, slash ? slash + 1 : table->object, table->rules->verdict.alpha,
		metrics_list(&table->rules->verdict, metrics, sizeof(metrics)),
		(double)table->rules->budget_ns / 1e9, table->jobs,
		table->quick ? "; a quick run, a tenth of the gates that prove it" : "");
	fputs("| head is | delta | gates run | pass | fail | inconclusive | broken | s, median | "
	      "s, "
	      "p95 | load average | goal |\n"
	      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
	      out);
	for (size_t i = 0; i < table->count; i++)
		campaign_write(&table->campaigns[i], &table->results[i], out);
	fputc('\n', out);
	for (size_t i = 0; i < table->count; i++)
		campaign_notes(&table->campaigns[i], &table->results[i], out);
	for (size_t i = 0; i < table->counted_count; i++)
		fprintf(out, "- %s: %s: %s\n", table->counted[i].text,
			!table->counted[i].counted ? "**not counted**"
			: table->counted[i].found  ? "found"
						   : "**not found**",
			table->counted[i].result);
	redrawn_write(&table->same, "no difference, delta 5 %", out);
	redrawn_write(&table->slower, "5 % added to every epoch", out);
	fprintf(out,
		"- one timeline record costs %.1f ns (limit %.0f ns); it is subtracted nowhere\n",
		table->record_ns, COST_LIMIT_NS);
	fputs(is_complete(table) ? "\nA whole proof: all its gates were run.\n"
				 : "\nNot a whole proof: gates or counts are missing.\n",
	      out);
}

int prove_report_last_line(const struct prove_table *table, FILE *out)
{
	bool missed = table->record_ns > COST_LIMIT_NS ||
		      (double)table->same.verdicts[JUDGE_FAIL] > 0.002 * table->same.gates;
	bool complete = is_complete(table);

	for (size_t i = 0; i < table->counted_count; i++)
		missed |= !table->counted[i].found;
	for (size_t i = 0; i < table->count; i++)
		missed |= is_missed(&table->campaigns[i], &table->results[i]) ||
			  is_late(&table->campaigns[i], &table->results[i]);
	fprintf(out, "verdict=%s%s\n",
		missed	   ? "fail"
		: complete ? "pass"
			   : "inconclusive",
		missed	   ? " reason=a goal was missed"
		: complete ? ""
			   : " reason=fewer gates than the goals ask for");
	return missed ? EXIT_MEASURED_FAILURE : complete ? EXIT_DONE : EXIT_INCONCLUSIVE;
}
