#!/bin/sh
# soload run --export-…: every format against its schema, the record it came from, and its real reader where Debian has one.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

object=$fixtures/answer_1.so
record=$scratch/record
formats="json md gbench hyperfine bmf gha"
python=
for candidate in /usr/bin/python3 python3; do
	if "$candidate" -c 'import jsonschema' 2>/dev/null; then
		python=$candidate
		break
	fi
done

# exported NAME ARGUMENTS…: a run with every export, $scratch/NAME.FORMAT.
exported() {
	name=$1
	shift
	options=
	for format in $formats; do
		options="$options --export-$format $scratch/$name.$format"
	done
	# shellcheck disable=SC2086 # words on purpose
	run "$code_wanted" "$soload" run "$@" --out "$record" $options
}

# valid NAME: every JSON of that run is what its readers expect, and what the record says.
valid() {
	[ -n "$python" ] || return
	for format in json gbench hyperfine bmf gha; do
		checks=$((checks + 1))
		"$python" tests/cli/export_check "$format" "$scratch/$1.$format" "$record/samples.csv" >"$scratch/said" 2>&1 ||
			fail "$1.$format: $(tail -3 "$scratch/said")"
	done
}

code_wanted=0
exported plain --so "$object" -l null,memfd,elf -n 40 --counters
valid plain
exported again --so "$object" -l null,memfd,elf -n 40
valid again
equal "rows of the Markdown table" "$(grep -c '^| [a-z]*@answer_1.so | 40 |' "$scratch/plain.md")" 3
equal "columns of every row" "$(grep '^|' "$scratch/plain.md" | awk -F'|' '{ print NF }' | sort -u)" 9
exported one --so "$object" -l memfd -n 1 --warmup 0
valid one
exported threads --so "$object" -l memfd,elf -n 6 --threads 2
valid threads
has "$scratch/threads.gbench" '"memfd@answer_1.so/threads:2"'
exported isolated --so "$object" -l memfd -n 5 --isolate
valid isolated
exported scan --scan relocs=10,100 -l memfd,elf -n 10
valid scan
has "$scratch/scan.hyperfine" '"relocs": "100"'
# An arm that fails is told where there is a word for it, and left out elsewhere.
code_wanted=1
exported failed --so "$fixtures/orch_constructor_crashes.so" --so "$object" -l memfd -n 12
valid failed
has "$scratch/failed.gbench" '"error_occurred": true'
has "$scratch/failed.json" "in phase link"
has "$scratch/failed.md" "in phase link"
has_not "$scratch/failed.bmf" "crashes"
[ -n "$python" ] || echo "no python3 with jsonschema: schemas were not checked (package python3-jsonschema)"

# Google Benchmark's own comparison reads ours, and tests over the turns.
compare=/usr/share/benchmark/compare.py
if [ -f "$compare" ] && /usr/bin/python3 -c 'import scipy' 2>/dev/null; then
	code_wanted=0
	exported many --so "$object" -l memfd,elf -n 120
	run 0 /usr/bin/python3 -B "$compare" --no-color benchmarks "$scratch/many.gbench" "$scratch/many.gbench"
	has "$out" "memfd@answer_1.so "
	has "$out" "memfd@answer_1.so_median"
	has "$out" "memfd@answer_1.so_pvalue"
	has "$out" "U Test, Repetitions: 12 vs 12"
	run 0 /usr/bin/python3 -B "$compare" --no-color filters "$scratch/many.gbench" memfd elf
	has "$out" "[memfd vs. elf]@answer_1.so"
else
	echo "no compare.py of Google Benchmark with scipy here (packages libbenchmark-tools, python3-scipy)"
fi
# The schema for hyperfine is not only ours: hyperfine's own output fits it.
if [ -n "$python" ] && command -v hyperfine >/dev/null; then
	run 0 hyperfine -N --warmup 0 --runs 3 --export-json "$scratch/theirs" "$soload --version"
	run 0 "$python" tests/cli/export_check hyperfine "$scratch/theirs"
	run 0 hyperfine -N --warmup 0 --runs 2 -P size 1 2 --export-json "$scratch/theirs" "$soload help {size}" -i
	run 0 "$python" tests/cli/export_check hyperfine "$scratch/theirs"
else
	echo "no hyperfine here: its own output was not held against the schema (package hyperfine)"
fi

# Nothing is lost when a file cannot be written: before the run it ends it, an earlier file stays.
code_wanted=0
echo earlier >"$scratch/kept"
rm -rf "$record"
run 2 "$soload" run --so "$object" -l memfd -n 5 --out "$record" --export-json "$scratch/kept" --export-md /nonexistent/x
one_line "$err"
has "$err" "--export-md: open /nonexistent/x"
has "$scratch/kept" earlier
checks=$((checks + 1))
[ ! -e "$record" ] || fail "a record of nothing"
run 2 "$soload" run --so /nonexistent -l memfd -n 5 --out "$record" --export-json "$scratch/kept"
has "$scratch/kept" earlier
equal "files beside it" "$(find "$scratch" -name 'kept.*' | wc -l)" 0
if [ -e /dev/full ]; then
	run 2 "$soload" run --so "$object" -l memfd -n 5 --out "$record" --export-gha /dev/full
	has "$err" "--export-gha: cannot write /dev/full"
	has "$record/summary.csv" ",total,p50,ns,"
fi
run 0 sh -c "'$soload' run --so '$object' -l memfd -n 5 --out '$record' --export-bmf /dev/stdout | grep -c latency"
# Interrupted, what there is is exported.
run 130 timeout --foreground --preserve-status -s INT 1 "$soload" run --so "$object" -l memfd --time 1h --out "$record" --export-gha "$scratch/cut.gha"
has "$scratch/cut.gha" "memfd@answer_1.so"
run 2 "$soload" run --so "$object" --export-yaml x
run 2 "$soload" run --so "$object" --export-json

expect_end
