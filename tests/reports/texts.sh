#!/bin/sh
# The texts to paste (an issue, a comment on a pull request) and the timeline, from committed records of a machine.
# shellcheck disable=SC1091,SC2154,SC2016 # the sourced file defines what is used here
. tests/cli/expect

run 0 "$soload" report --engine none --out "$scratch/r" --issue performance tests/reports/repro
cp "$out" "$scratch/issue"
# Upstream's form, label by label and in its order, and something below each.
equal "the headings" "$(sed -n 's/^### //p' "$scratch/issue" | paste -sd '|')" "Platform|Runtime Variant|Summary|Git Commit ID|CANN Version|\
Driver Version|Host Platform|Reproduction|Expected Performance|Actual Performance|Profiling Data (Optional)|Additional Context"
equal "headings with nothing below" "$(awk '/^### / { if (bare) n++; bare = 1; next } NF { bare = 0 } END { print n + bare }' "$scratch/issue")" 0
has "$scratch/issue" "78f0869 (the flow that was modelled), measured by soload "
has "$scratch/issue" "Linux (x86_64): "
has "$scratch/issue" "None: nothing ran on an Ascend device"
has "$scratch/issue" "\`elf\` brings the same object in anew"
has "$scratch/issue" "One load through a file, as at 78f0869 (\`disk\`, inline): "
has "$scratch/issue" "soload repro paged_attention_unroll --loader all --transport all"
has "$scratch/issue" "| disk | inline |"
has "$scratch/issue" "a2a3, modelled on a host"
has "$scratch/issue" "_Not recorded._"
has_not "$scratch/issue" "report: "

run 0 "$soload" report --engine none --out "$scratch/p" --pr tests/reports/gate
cp "$out" "$scratch/pr"
equal "the verdict comes first" "$(head -1 "$scratch/pr" | cut -c 1-8)" "**pass**"
has "$scratch/pr" "<details><summary>All rows</summary>"
has "$scratch/pr" "| disk | cycle@gen\\_390k.so |"
equal "rows of the table" "$(grep -c '^| .*cannot be told' "$scratch/pr")" 7

# A regression is called one, and a record without a comparison gets no verdict.
mkdir "$scratch/gate"
sed 's/"exit_code": 0/"exit_code": 1/' tests/reports/gate/run.json >"$scratch/gate/run.json"
sed '/disk.*total,ratio.p50/s/,ratio,.*/,ratio,52,52,1.2,1.1,1.3/' tests/reports/gate/summary.csv >"$scratch/gate/summary.csv"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/gate"
has "$out" "**regression** — 7 rows: 1 slower, 0 faster"
has "$out" "| +20.00 | +10.00 to +30.00 | 52 | slower |"
# Without the gate's own figures the epochs are judged.
rm "$scratch/gate/summary.csv"
cp tests/reports/gate/epochs.csv "$scratch/gate/"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/gate"
has "$out" "2 rows:"
run 0 "$soload" report --engine none --out "$scratch/p" --pr tests/reports/repro
has "$out" "**No verdict"
run 2 "$soload" report --issue praise tests/reports/repro
one_line "$err"

# Every span and every load of the record is in the timeline, in lanes that have names.
run 0 "$soload" report --engine none --trace --out "$scratch/r" tests/reports/repro
spans=$(($(wc -l <tests/reports/repro/spans.csv) + $(wc -l <tests/reports/repro/samples.csv) - 2))
if command -v python3 >/dev/null 2>&1; then
	run 0 python3 tests/reports/trace_schema "$scratch/r/trace.json"
	equal "what is in the trace" "$(cat "$out")" "8 lanes, $spans spans"
	# Where the AICPU's clock is known to be a millisecond late, its lanes are put right; where that cannot be told, they are left alone.
	cp -r tests/reports/repro "$scratch/late"
	for uncertainty in 500 2000000; do
		python3 - tests/reports/repro/run.json "$scratch/late/run.json" $uncertainty <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
run["clocks"] = [{"arm": "x", "from_monotonic_ns": run["start_monotonic_ns"], "to_monotonic_ns": 0, "offset_ns": 1e6, "drift_ppm": 0,
                  "uncertainty_ns": float(sys.argv[3])}]
json.dump(run, open(sys.argv[2], "w"))
END
		run 0 "$soload" report --engine none --trace --out "$scratch/r2" "$scratch/late"
		python3 - "$scratch/r/trace.json" "$scratch/r2/trace.json" >"$scratch/moved" <<'END'
import json, sys
spans = [[(e["cat"] if "cat" in e else "", e["tid"], e["name"], e["ts"]) for e in json.load(open(f))["traceEvents"] if e["ph"] == "X"] for f in sys.argv[1:]]
names = {e["tid"]: e["args"]["name"] for e in json.load(open(sys.argv[1]))["traceEvents"] if e["ph"] == "M" and e["name"] == "thread_name"}
moved = {(names[a[1]].startswith("aicpu"), round(a[3] - b[3])) for a, b in zip(*spans) if a[2] == b[2]}
print(sorted(moved))
END
		[ $uncertainty = 500 ] && moved="[(False, 0), (True, 1000)]" || moved="[(False, 0), (True, 0)]"
		equal "how far lanes were moved, uncertainty $uncertainty" "$(cat "$scratch/moved")" "$moved"
	done
fi
expect_end
