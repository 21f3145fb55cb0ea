#!/bin/sh
# soload run's ends and ways: time, precision, fresh processes, threads, cold files, scans; what each records and refuses.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

record=$scratch/record
object=$fixtures/answer_1.so

# field NAME: a column of the measured rows of samples.csv.
field() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["warmup"] == 0 { print $at[name] }' "$record/samples.csv"
}

# at_least WHAT IS LEAST
at_least() {
	checks=$((checks + 1))
	[ "$2" -ge "$3" ] || fail "$1 is $2, not at least $3"
}

# A time ends it, after a turn of every arm at least; -n ends it before.
run 0 "$soload" run --so "$object" -l memfd,null --time 1s --out "$record"
at_least "the number of loads in a second" "$(field arm | wc -l)" 40
equal "the difference of the arms" "$(field arm | sort | uniq -c | awk '{ print $1 }' | sort -u | wc -l)" 1
has "$record/run.json" '"seconds": 1.0'
has "$out" "CI (%)"
run 0 "$soload" run --so "$object" -l memfd,null --time 1ms --out "$record"
at_least "the number of loads in a millisecond" "$(field arm | wc -l)" 20
run 0 "$soload" run --so "$object" -l memfd --time 1h -n 20 --out "$record"
equal "loads" "$(field arm | wc -l)" 20
run 0 "$soload" run --so "$object" -l memfd,null --time 1s --order sequential --out "$record"
equal "arms that took their share" "$(field arm | sort -u | wc -l)" 2

# A precision that is easy is met, long before the time; one that is not is said, row by row.
run 0 "$soload" run --so "$object" -l memfd,elf --until 100% --out "$record"
has_not "$out" "is known to"
has_not "$err" "did not get there"
equal "rows of the summary that tell how well medians are known" "$(grep -c ',total,p50_width,ratio,' "$record/summary.csv")" 2
run 0 "$soload" run --so "$object" -l memfd --until 0.000001% -n 100 --out "$record"
has "$out" "memfd: p50 is known to "
has "$err" "--until: 1 of 1 rows did not get there: raise -n"
has "$record/run.json" "rows did not get there"
# Known of many processes, not of one layout: a turn, a process.
at_least "the number of turns" "$(field epoch | sort -u | wc -l)" 4
equal "the number of processes" "$(field process | sort -u | wc -l)" "$(field epoch | sort -u | wc -l)"
run 0 "$soload" run --so "$object" -l memfd --until 1% -n 20 --out "$record"
has "$out" "memfd: too few turns"

# Warm-up: rows of their own. None: only the load that leads each turn.
run 0 "$soload" run --so "$object" -l memfd -n 20 --batch 10 --warmup 0 --out "$record"
equal "rows" "$(($(wc -l <"$record/samples.csv") - 1))" 22

# Isolated: as many processes as loads, the warm-up's among them.
run 0 "$soload" run --so "$object" -l memfd,elf -n 4 --warmup 1 --isolate --out "$record"
equal "processes" "$(awk -F, 'NR > 1 { print $3 }' "$record/samples.csv" | sort -u | wc -l)" 10
equal "measured processes" "$(field process | sort -u | wc -l)" 8
has "$out" "each in a fresh process"
# What does not unload is no trouble to the next process.
run 0 "$soload" run --so "$fixtures/unique_1.so" -l disk -n 3 --isolate --out "$record"
equal "stale loads" "$(field stale | sort -u)" 0
run 1 "$soload" run --so "$fixtures/orch_constructor_crashes.so" -l memfd -n 3 --isolate --out "$record"
has "$err" "in phase link"

# Threads: a row for each load of each, a line for each thread, a loader that cannot is told.
run 0 "$soload" run --so "$object" -l memfd,elf -n 6 --batch 4 --threads 3 --out "$record"
equal "rows of thread 2" "$(field thread | grep -c '^2$')" 12
equal "threads" "$(field thread | sort -u | tr '\n' ' ')" "1 2 3 "
equal "processes" "$(field process | sort -u | wc -l)" 2
equal "lines of threads" "$(grep -c '^ *thread [123] ' "$out")" 6
has "$out" "6 loads per loader and thread, 3 threads loading at once"
equal "medians of threads" "$(grep -c ',total,p50.thread[123],ns,6,' "$record/summary.csv")" 6
# Counting and probing look at one thread, whatever is measured before.
run 0 "$soload" run --so "$object" -l memfd -n 4 --threads 2 --counters --probe rusage --out "$record"
equal "measured rows" "$(field thread | wc -l)" 8
run 1 "$soload" run --so "$object" -l disk,memfd -n 4 --threads 2 --out "$record"
has "$err" "disk: threads may not load with it at the same time"
equal "rows" "$(field arm | sort -u)" "memfd@answer_1.so"
run 1 "$soload" run --so "$fixtures/unresolved_data.so" -l memfd -n 4 --threads 2 --out "$record"
has "$err" "phase link"
run 0 "$soload" run --so "$object" -l memfd -n 4 --out "$record"
equal "threads of a run with one" "$(field thread | sort -u)" ""

# Cold: what was staged comes from the disk; where that cannot be, it is said.
run 0 "$soload" run --so "$object" -l disk:mended:dirs=/dev/shm,memfd -n 3 --cold file --out "$record"
has "$err" "disk:mended:dirs=/dev/shm@answer_1.so: 9 loads were not cold"
has "$out" "memfd: writes no file: --cold changed nothing"
run 0 "$soload" run --so "$object" -l memfd -n 2 --cold none --out "$record"
has_not "$out" "--cold"
if [ "$(id -u)" = 0 ] && unshare -rm true 2>/dev/null; then
	rm -rf "$record"
	run 2 unshare -rm sh -c "mount -t tmpfs none /proc/sys 2>/dev/null || exit 2; exec '$soload' run --so '$object' -l memfd -n 2 --cold all --out '$record'"
	one_line "$err"
	has "$err" "caches cannot be dropped here"
	checks=$((checks + 1))
	[ ! -e "$record" ] || fail "a record of nothing"
fi

# A scan: a row per point, its slope, its objects, and the figure of it alone.
run 0 "$soload" run --scan relocs=0,200,2000 -l memfd,elf -n 20 --out "$record"
equal "rows of the table" "$(grep -cE '^ +(0|200|2000) ' "$out")" 3
has "$out" "slope"
has "$record/run.json" '"what": "relocs"'
has "$record/run.json" '"slopes"'
equal "objects" "$(find "$record/objects" -name 'relocs_*.so' | wc -l)" 3
equal "arms" "$(field arm | sort -u | wc -l)" 6
run 0 "$soload" report "$record" --engine none --out "$scratch/report"
equal "figures of scaling" "$(cd "$scratch/report/figures" && echo relocations.dat size.dat imports.dat exports.dat | xargs ls 2>/dev/null)" relocations.dat
run 0 "$soload" run --scan size=4K:16K:x2 --so "$object" -l elf -n 5 --out "$record"
has "$out" "$object: "
equal "rows of the table" "$(grep -cE '^ +(4|8|16)K ' "$out")" 3
run 0 "$soload" run --scan symbols=1,100 -l memfd -n 5 --out "$record"
run 0 "$soload" report "$record" --engine none --out "$scratch/report"
has "$scratch/report/figures/exports.set" "exports"
run 2 "$soload" run --scan size=100,4K -l memfd -n 5 --out "$record"
one_line "$err"
has "$err" "too small"

# Interrupted, what there is stays.
run 130 timeout --foreground --preserve-status -s INT 1 "$soload" run --so "$object" -l memfd --until 0.000001% --time 1h --out "$record"
at_least "the number of loads before the interruption" "$(field arm | wc -l)" 10
has "$record/summary.csv" ",total,p50,ns,"
run 130 timeout --foreground --preserve-status -s INT 2 "$soload" run --so "$object" -l memfd --isolate -n 100000 --out "$record"
at_least "the number of processes before the interruption" "$(field arm | wc -l)" 1

# Wrong usage: one line, no record.
rm -rf "$record"
for arguments in "--time 0" "--time x" "--time -1" "--time 5lightyears" "--until 0%" "--until 1" "--until x%" "--until -1%" "--until 101%" \
	"--cold x" "--cold" "--warmup -1" "--warmup x" "--threads 0" "--threads 65" "--threads x" "--threads 2 --isolate" "--threads 64 --batch 64" \
	"--scan size" "--scan sise=1K,2K" "--scan size=4K:1K:x2" "--scan size=4K:8K:x1" "--scan size=1K,2K --scan size=4K,8K" \
	"--seed x" "--order mixed" "--pin 9999" "--probe nothing_of_that_name"; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" run --so "$object" -l memfd $arguments --out "$record"
	one_line "$err"
	checks=$((checks + 1))
	[ ! -e "$record" ] || fail "a results folder was made for: $arguments"
done
run 2 "$soload" run --so "$object" -l disk --threads 2 --out "$record"
one_line "$err"
run 0 "$soload" run --help
for word in --scan --time --until --warmup --cold --isolate --threads --spinner --order --seed --pin --probe; do
	has "$out" "$word"
done

expect_end
