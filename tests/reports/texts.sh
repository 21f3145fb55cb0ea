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
has "$scratch/issue" "Linux (x86\\_64): "
has "$scratch/issue" "None: nothing ran on an Ascend device"
has "$scratch/issue" "elf brings the same object in anew"
has "$scratch/issue" "One load through a file, as at 78f0869 (disk, inline): "
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
equal "totals of the table" "$(grep -c '^| .* total .*cannot be told' "$scratch/pr")" 7
has "$scratch/pr" "7 rows: 0 slower, 0 faster, 7 cannot be told from no change; 17 phases of them: 0 slower"
equal "rows of the table" "$(grep -c '^| .*cycle@' "$scratch/pr")" 24
equal "rows of the forest" "$(grep -c . "$scratch/p/figures/forest.dat")" 24
has "$scratch/p/figures/forest.dat" "tmpfs stage, cycle@gen_390k.so	"
has "$scratch/p/figures/forest.set" "alpha 0.1 %"
has "$scratch/p/figures/forest.set" "Base: base/soload"
has "$scratch/p/figures/forest.set" "cut = 1.025"

# What has no interval says why; phases that differ most come first among them.
mkdir "$scratch/few"
cp tests/reports/gate/run.json "$scratch/few/"
sed '/tmpfs.*,stage,ratio.p50/s/,ratio,.*/,ratio,20,20,0.89,0,/' tests/reports/gate/summary.csv >"$scratch/few/summary.csv"
run 0 "$soload" report --engine none --out "$scratch/p" "$scratch/few"
equal "the row after the seven totals" "$(sed -n 8p "$scratch/p/figures/forest.dat" | cut -f 2,3)" "tmpfs stage, cycle@gen_390k.so	-11.0 % [none]  20"
has "$scratch/p/figures/forest.set" "note = '[none]: too few epochs for an interval;"

# A regression is called one, and a record without a comparison gets no verdict.
mkdir "$scratch/gate"
sed 's/"exit_code": 0/"exit_code": 1/' tests/reports/gate/run.json >"$scratch/gate/run.json"
sed '/disk.*total,ratio.p50/s/,ratio,.*/,ratio,52,52,1.2,1.1,1.3/' tests/reports/gate/summary.csv >"$scratch/gate/summary.csv"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/gate"
has "$out" "**regression** — 7 rows: 1 slower, 0 faster"
has "$out" "| disk | cycle@gen\\_390k.so | total | +20.00 | +10.00 to +30.00 | 52 | slower |"

# Of several gates the worst verdict is the headline, whoever has the highest ratio: a counter that rose slows nothing down.
mkdir "$scratch/fast"
sed 's/"exit_code": 0/"exit_code": 1/; s/"run": "gate/"run": "fast/' tests/reports/gate/run.json >"$scratch/fast/run.json"
sed 's/ratio,\([0-9]*\),\([0-9]*\),[0-9.]*,[0-9.]*,/ratio,\1,\2,0.5,0.4,/' tests/reports/gate/summary.csv >"$scratch/fast/summary.csv"
run 0 "$soload" report --engine none --out "$scratch/p" --pr tests/reports/gate "$scratch/fast"
has "$out" "**regression** — 14 rows: 0 slower"
has "$out" "- fast-20261122-110235-22910: regression"
has "$out" "- gate-20261122-110235-22910: pass"
sed -i 's/"exit_code": 1/"exit_code": 3/' "$scratch/fast/run.json"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/fast" tests/reports/gate
has "$out" "**inconclusive** — 14 rows"

# Names of others are shown, and do nothing: no comment begins, nobody is mentioned.
sed -i 's/"run": "fast[^"]*/"run": "a<!--@x/; s/"state": "done"/"state": "cut @y"/' "$scratch/fast/run.json"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/fast" tests/reports/gate
has "$out" "- a&lt;!--@"
for text in "<!--" "@x" "@y"; do
	has_not "$out" "$text"
done
cp -r tests/reports/repro "$scratch/hostile"
sed -i 's/"\(run\|platform\|runtime\|cpu\|kernel\|libc\|architecture\|hypervisor\|revision\|state\)": "/&x<!--@org-team /' "$scratch/hostile/run.json"
sed -i 's/,disk,inline,/,disk:dirs=@org-team<!--,inline,/; s/pa_unroll_cxx_nounique.so/<!--@org-team/' "$scratch/hostile/samples.csv"
run 0 "$soload" report --engine none --out "$scratch/p" --issue performance "$scratch/hostile"
equal "comments in the issue" "$(grep -n '<!--' "$out" | cut -d : -f 1 | paste -sd '|')" "1|$(sed -n '/<!-- pictures/=' "$out")"
has_not "$out" "@org-team"

# Without the gate's own figures its epochs are judged, beside another gate's figures, too.
rm "$scratch/gate/summary.csv"
cp tests/reports/gate/epochs.csv "$scratch/gate/"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/gate"
has "$out" "2 rows:"
sed -i 's/"run": "gate/"run": "cut/; /"exit_code"/d; s/"state": "done"/"state": "running"/' "$scratch/gate/run.json"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/gate" tests/reports/gate
has "$out" "**no verdict recorded** — 9 rows:"
has "$scratch/p/figures/forest.set" "or of 95 %"

# More rows than a figure has room for: the worst are shown, whatever their place in the file, and the rest is counted.
mkdir "$scratch/many"
cp tests/reports/gate/run.json "$scratch/many/"
awk 'BEGIN { print "run,scenario,loader,transport,so,so_bytes,phase,metric,unit,n,epochs,value,ci_low,ci_high"
	for (i = 1; i <= 60; i++) printf "g,cycle@a.so,l%d,,,,total,ratio.p50,ratio,20,20,%s\n", i, i == 60 ? "1.5,1.4,1.6" : "1,0.9,1.1" }' >"$scratch/many/summary.csv"
run 0 "$soload" report --engine none --out "$scratch/p" --pr "$scratch/many"
equal "the first row" "$(head -1 "$scratch/p/figures/forest.dat" | cut -f 2)" "l60, cycle@a.so"
has "$out" "60 rows: 1 slower"
has "$scratch/p/report.md" "the worst 30 of 60 rows; 0 of the others are slower"

# However many subjects a file has: time grows with its rows.
rm "$scratch/many/summary.csv"
awk 'BEGIN { print "epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order"
	for (i = 0; i < 200000; i++) printf "0,disk,s%d,0,p%d,p50,1,1,0.%03d,b\n", i % 450, i / 450, i % 1000 }' >"$scratch/many/epochs.csv"
run 0 timeout 60 "$soload" report --engine none --out "$scratch/p" "$scratch/many"
has "$scratch/p/report.md" "the worst 30 of 200000 rows"

run 0 "$soload" report --engine none --out "$scratch/p" --pr tests/reports/repro
has "$out" "**No verdict"
run 2 "$soload" report --issue praise tests/reports/repro
one_line "$err"

# The pictures of a text to paste are links, to where they will be, and every one of them was drawn.
if command -v gnuplot >/dev/null 2>&1; then
	run 0 "$soload" report --out "$scratch/d" --issue performance --figures-url https://example.org/x tests/reports/repro
	equal "pictures of the issue" "$(grep -c '^!\[.*\](https://example.org/x/[a-z]*\.png)$' "$out")" 6
	has_not "$out" "](figures/"
	sed -n 's/^!.*example.org\/x\/\([a-z]*\.png\))$/\1/p' "$out" >"$scratch/linked"
	while read -r picture; do
		checks=$((checks + 1))
		[ -s "$scratch/d/figures/$picture" ] || fail "the issue has $picture, which was not drawn"
	done <"$scratch/linked"
	run 0 "$soload" report --out "$scratch/d" --pr --figures-url https://example.org/x tests/reports/gate
	has "$out" "![Did this change make loading slower?](https://example.org/x/forest.png)"
	run 0 "$soload" report --out "$scratch/d" --pr tests/reports/gate
	has "$out" "](figures/forest.png)"
	# What an earlier report drew here is gone.
	equal "pictures of the last report" "$(cd "$scratch/d/figures" && echo *.png)" "forest.png"
fi

# Every span and every load of the record is in the timeline, in lanes that have names.
run 0 "$soload" report --engine none --trace --out "$scratch/r" tests/reports/repro
spans=$(($(wc -l <tests/reports/repro/spans.csv) + $(wc -l <tests/reports/repro/samples.csv) - 2))
if command -v python3 >/dev/null 2>&1; then
	run 0 python3 tests/reports/trace_schema "$scratch/r/trace.json"
	equal "what is in the trace" "$(cat "$out")" "8 lanes, $spans spans"
	for name in "soload repro, record repro-20261122-110209-18689" "AICPU 3: loads, orchestrates" "AICPU 0: schedules" "host: sends, waits"; do
		has "$scratch/r/trace.json" "{\"name\":\"$name\"}"
	done
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
moved = {(names[a[1]].startswith("AICPU"), round(a[3] - b[3])) for a, b in zip(*spans) if a[2] == b[2]}
print(sorted(moved))
END
		[ $uncertainty = 500 ] && moved="[(False, 0), (True, 1000)]" || moved="[(False, 0), (True, 0)]"
		equal "how far lanes were moved, uncertainty $uncertainty" "$(cat "$scratch/moved")" "$moved"
	done
	# Clocks that cannot be are ignored, and that is said.
	for offset in 1e18 -9.3e18 1e300 1.1e9; do
		sed -i "s/\"offset_ns\": [^,]*/\"offset_ns\": $offset/; s/\"uncertainty_ns\": [^,}]*/\"uncertainty_ns\": 500/" "$scratch/late/run.json"
		run 0 "$soload" report --engine none --trace --out "$scratch/r2" "$scratch/late"
		run 0 python3 tests/reports/trace_schema "$scratch/r2/trace.json"
		run 0 cmp "$scratch/r/trace.json" "$scratch/r2/trace.json"
		has "$scratch/r2/report.md" "clocks that are more than a second apart"
	done
	# What is put right may begin before the run: a number all the same.
	sed -i 's/"offset_ns": [^,]*/"offset_ns": 9e8/' "$scratch/late/run.json"
	awk -F, 'BEGIN { OFS = FS } NR > 1 { $6 -= 1200000000; if ($6 < 0) next } { print }' tests/reports/repro/spans.csv >"$scratch/late/spans.csv"
	run 0 "$soload" report --engine none --trace --out "$scratch/r2" "$scratch/late"
	run 0 python3 -c 'import json, sys; sys.exit(not -9e5 <= min(e.get("ts", 0) for e in json.load(open(sys.argv[1]))["traceEvents"]) < 0)' \
		"$scratch/r2/trace.json"
fi
run 0 "$soload" report --engine none --out "$scratch/r" tests/reports/repro
checks=$((checks + 1))
[ ! -e "$scratch/r/trace.json" ] || fail "the trace of an earlier report is still there"
expect_end
