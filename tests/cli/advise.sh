#!/bin/sh
# soload advise from outside: one ranked table, steps and paragraph, a record that reports can draw, objects that do not work everywhere
# explained, wrong usage in one line.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

# 0, or 3 on a machine where nothing can be told in so few rounds: never a failure. The model is a thousand times as slow as this machine, so
# that one modelled figure among the measured ones would be seen.
"$soload" advise -n 2 --dma 1000000+2 --coherent no --out "$scratch/run" >"$scratch/out" 2>"$scratch/err" </dev/null
status=$? out=$scratch/out err=$scratch/err
checks=$((checks + 1))
[ "$status" = 0 ] || [ "$status" = 3 ] || fail "exit code $status: $(cat "$err")"
equal "what is on stderr" "$(cat "$err")" ""
for text in "16 rounds in 8 processes each" "95 % intervals over 8 processes" "DMA by model custom" "What to do first" "Start: disk + inline" "1. " "2. " "3. " \
	"To paste into an issue:" "Bringing the orchestration object pa_unroll_cxx_nounique.so ($(wc -c <"$build/objects/pa_unroll_cxx_nounique.so") bytes)" "modelled as 1e+06 us + bytes / 2 GB/s each" \
	"not measured, part of no figure above" "Measured by \`soload advise -n 2 --dma 1000000+2 --coherent no"; do
	has "$out" "$text"
done
# Every combination has one row, in the order of its cost; ranks never fall.
awk '/^ +[0-9]+=? / { sub("=", "", $1); if ($5 + 0 < cost || $1 + 0 < rank) { print "out of order: " $0; bad = 1 } cost = $5 + 0; rank = $1 + 0; rows++ }
	END { if (rows != 41) { print rows " rows"; bad = 1 } exit bad }' "$out" >"$scratch/said" || fail "$(cat "$scratch/said")"
equal "the paragraph's lines" "$(sed -n '/^To paste into an issue:$/,/^results in/p' "$out" | grep -c .)" 3

# The record: epochs are processes; modelled figures are L + bytes/B of the copies and in no other column.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$at["scenario"] == "reproduction" {
		rows++
		epochs[$at["epoch"]]
		sum = 0
		for (name in at)
			if (name ~ /^(read|stage|link|map|relocate|protect|init|resolve|call|unload|unstage|other)_ns$/)
				sum += $at[name]
		if (sum != $at["total_ns"]) { print "row " NR ": phases add up to " sum; bad = 1 }
		if ($at["dma_model_ns"] < 1e9 + $at["dma_bytes"] / 2 - 4 || $at["dma_model_ns"] > 3e9 + $at["dma_bytes"] / 2 + 4) {
			print "row " NR ": modelled " $at["dma_model_ns"] " for " $at["dma_bytes"] " bytes"; bad = 1
		}
		if ($at["dma_ns"] >= 1e9 || $at["total_ns"] >= 1e9) { print "row " NR ": the model is in a measured column"; bad = 1 }
		if ($at["minflt"] == "") { print "row " NR ": no page faults"; bad = 1 }
	}
	END { for (e in epochs) n++; if (rows != 41 * 24 || n != 8) { print rows " rows, " n " epochs"; bad = 1 } exit bad }' \
	"$scratch/run/samples.csv" >"$scratch/said" || fail "samples.csv: $(cat "$scratch/said")"
awk '/^ +[0-9]+=? / { rows++; if ($5 + 0 >= 1000000 || $NF + 0 < 1000000) { print; bad = 1 } } END { exit bad || rows != 41 }' "$out" >"$scratch/said" ||
	fail "modelled time among the measured: $(cat "$scratch/said")"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$at["unit"] == "ns" && $at["phase"] != "dma_model" && $at["value"] >= 1e9 { print; bad = 1 } $at["phase"] == "dma_model" && $at["value"] < 1e9 { print; bad = 1 }
	END { exit bad }' "$scratch/run/summary.csv" >"$scratch/said" || fail "summary.csv: $(cat "$scratch/said")"
run 0 python3 -c '
import json, sys
advice = json.load(open(sys.argv[1]))["advise"]
assert len(advice["ranking"]) == 41 and advice["unranked"] == [] and len(advice["steps"]) == 3, advice
assert advice["ranking"][0]["rank"] == 1 and all(r["cost_ns"] > 0 for r in advice["ranking"])
assert all(r["when"] in ("per-run", "once", "register", "prewarm") for r in advice["ranking"])
first = advice["steps"][0]
assert first["added"] == first["alone"] == first["together"], first
' "$scratch/run/run.json"
# Every row says what is kept and called: loading a file takes calls and what is kept takes none; an object that stays loaded is kept besides what its
# loader keeps. The first run of a registered object pays for the registration, host and device.
run 0 python3 -c '
import csv, math, statistics, sys
rows = {}
for row in csv.DictReader(open(sys.argv[1] + "/summary.csv")):
    rows.setdefault((row["loader"], row["transport"], row["when"]), {})[row["phase"]] = float(row["value"] or "nan")
assert len(rows) == 41, len(rows)
for name, row in rows.items():
    assert row["kept"] >= 0 and (row["syscalls"] >= 0 or name[2] == "per-run"), (name, row)
    assert name[2] in ("per-run", "prewarm") or row["syscalls"] == 0, (name, row)
if math.isnan(rows["disk", "inline", "per-run"]["syscalls"]):
    print("advise: not judged here: system calls cannot be counted")
else:
    assert rows["disk", "inline", "per-run"]["syscalls"] > rows["prelinked", "inline", "per-run"]["syscalls"]
    assert rows["disk", "inline", "register"]["kept"] > rows["disk", "inline", "per-run"]["kept"]
assert rows["cached", "trimmed", "per-run"]["kept"] > 0
samples = list(csv.DictReader(open(sys.argv[1] + "/samples.csv")))
parts = {}
for span in csv.DictReader(open(sys.argv[1] + "/spans.csv")):
    if span["phase"] in ("so_copy", "send", "invalidate"):
        parts[span["seq"]] = parts.get(span["seq"], 0) + int(span["dur_ns"])
kept = [name for name in rows if name[2] == "register"]
assert len(kept) == 8, kept
for name in kept:
    firsts = []
    for epoch in range(8):
        mine = [s for s in samples if (s["loader"], s["transport"], s["when"]) == name and int(s["epoch"]) == epoch]
        paid = [next(s for s in mine if s["scenario"] == kind) for kind in ("registration", "reproduction")]
        assert all(parts[s["seq"]] > 0 for s in paid)
        firsts.append(sum(parts[s["seq"]] + int(s["total_ns"]) for s in paid))
    assert abs(statistics.median(firsts) - rows[name]["first"]) < 100, (name, firsts, rows[name]["first"])
' "$scratch/run"
run 0 "$soload" report "$scratch/run" --out "$scratch/report" --engine none

# An object with GNU-unique symbols is stale with disk, and one of 5 MB does not fit the buffer: explained, not ranked, and the steps begin
# elsewhere.
cp "$build/objects/pa_unroll_cxx.so" "$scratch/large.so" && truncate -s 5M "$scratch/large.so" || exit 1
run 1 "$soload" advise -n 2 --so "$scratch/large.so" --out "$scratch/large"
has "$out" "Not ranked, because it does not work for this object here:"
has "$out" "disk + rightsize, disk + trimmed"
has "$out" "loads stale: "
has "$out" "build it with -fno-gnu-unique"
has "$out" "does not fit the Runtime struct's buffer"
has "$out" "Start: disk:mended + rightsize"
has "$out" "(upstream's own, disk + inline, does not work for this object: see above)"
has "$out" "FAIL: 23 of 41 combinations work"

# Wrong usage and objects nothing can be done with: one line, exit code 2, no table.
printf 'hello' >"$scratch/short.so"
refused() {
	words=$1
	shift
	run 2 "$soload" advise --out "$scratch/none" "$@"
	one_line "$err"
	has "$err" "$words"
	has_not "$out" "What to do first"
}
refused "5 bytes are too few" --orch "$scratch/short.so"
refused "No such file" --orch "$scratch/absent.so"
refused "soload run --so measures loads alone" --so "$build/objects/gen_16k.so"
refused "there is nothing to combine" -r host_build_graph
refused "platform 'a6' is not modelled" -p a6
refused "DMA model 'a9'" --dma a9
refused "-n: '1' is not a number from 2 to 64" -n 1
refused "-n: '1000'" -n 1000
refused "--seconds: 'soon'" --seconds soon
refused "--seconds: '1' is not a time from 5s to 24h" --seconds 1
refused "coherent 'maybe'" --coherent maybe
refused "has no case 'nothing'" --case nothing
refused "'x' is no option" x
refused "results folder" --out /proc/soload-cannot-be
expect_end
