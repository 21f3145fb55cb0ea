#!/bin/sh
# soload run from outside: rows that add up, arms that die, records that survive kills, exit codes.
# shellcheck disable=SC1091,SC2154,SC2016,SC2013 # the sourced file defines what is used here; $NAME is a column
. tests/cli/expect

record=$scratch/record
object=$fixtures/answer_1.so

# column NAME: its number in samples.csv.
column() {
	head -1 "$record/samples.csv" | tr ',' '\n' | grep -n "^$1\$" | cut -d: -f1
}

# rows CONDITION: how many rows of samples.csv meet it; $COLUMN stands for a column's value.
rows() {
	condition=$1
	for name in $(head -1 "$record/samples.csv" | tr ',' ' '); do
		condition=$(printf '%s' "$condition" | sed "s/\$$name\b/\$$(column "$name")/g")
	done
	awk -F, "NR > 1 && ($condition)" "$record/samples.csv" | wc -l
}

# Every row is whole, and its phases add up to its total.
rows_check() {
	equal "rows that are not whole" "$(awk -F, 'NR == 1 { n = NF } NF != n' "$record/samples.csv" | wc -l)" 0
	equal "the last byte" "$(tail -c 1 "$record/samples.csv" | od -An -c | tr -d ' ')" '\n'
	equal "rows that do not add up" "$(awk -F, -v total="$(column total_ns)" -v from="$(column read_ns)" -v to="$(column other_ns)" '
		NR > 1 && $total != "" { sum = 0; for (i = from; i <= to; i++) sum += $i; if (sum != $total) print }' \
		"$record/samples.csv" | wc -l)" 0
}

# An ordinary run.
run 0 "$soload" run --so "$object" -l null,disk:mended,tmpfs,memfd,cached -n 25 --batch 10 --warmup 4 --seed 7 --out "$record"
rows_check
equal "measured rows" "$(rows '$warmup == 0')" 125
equal "measured rows of memfd" "$(rows '$warmup == 0 && $loader == "memfd"')" 25
# 4 warm-up loads, and 1 before each of the turns of 10, 10 and 5.
equal "discarded rows of memfd" "$(rows '$warmup == 1 && $loader == "memfd"')" 7
equal "stale rows" "$(rows '$stale == 1')" 0
equal "judged rows of memfd" "$(rows '$loader == "memfd" && $stale != "0"')" 0
equal "rows of null that claim freshness" "$(rows '$loader == "null" && $warmup == 1 && $stale != ""')" 0
equal "rows of dlopen loaders with parts of link" "$(rows '$loader == "memfd" && ($map_ns $relocate_ns $init_ns) != ""')" 0
equal "rows of memfd without link" "$(rows '$loader == "memfd" && $link_ns + 0 == 0')" 0
equal "rows that were not staged" "$(rows '$loader == "tmpfs" && $staged_at == ""')" 0
# The harness touches no new page, neither in a load nor between two: null shows it alone.
# One is let pass: the kernel may move a page behind our back.
# A sanitizer's own memory is new now and then.
checks=$((checks + 1))
case $build in
*asan* | *tsan*) ;;
*) [ "$(rows '$loader == "null" && $minflt != 0')" -le 1 ] || fail "null has page faults" ;;
esac
equal "sequence numbers" "$(awk -F, -v seq="$(column seq)" 'NR > 1 && $seq != NR - 2' "$record/samples.csv" | wc -l)" 0
has "$out" "p50"
has "$out" "Results: $record"
has "$record/run.json" '"state": "done"'
has "$record/run.json" '"seed": 7'
has "$record/summary.csv" ",memfd,,answer_1.so,"
equal "the summary's p50 of memfd" "$(grep -c ',memfd,,answer_1.so,[0-9]*,total,p50,ns,25,' "$record/summary.csv")" 1

# Fresh processes: one per arm. Equal seeds give equal orders, other seeds others.
equal "processes" "$(awk -F, -v p="$(column process)" 'NR > 1 { print $p }' "$record/samples.csv" | sort -u | wc -l)" 5
order() {
	awk -F, -v a="$(column arm)" 'NR > 1 { print $a }' "$record/samples.csv" | cksum
}
first=$(order)
for seed in 7 8 9; do
	run 0 "$soload" run --so "$object" -l null,disk:mended,tmpfs,memfd,cached -n 25 --batch 10 --warmup 4 --seed $seed --out "$record"
	echo "$seed $(order)" >>"$scratch/orders"
done
equal "the order of seed 7" "$(sed -n 's/^7 //p' "$scratch/orders")" "$first"
checks=$((checks + 1))
[ "$(sed 's/^[0-9]* //' "$scratch/orders" | sort -u | wc -l)" -gt 1 ] || fail "every seed gives the same order"
run 0 "$soload" run --so "$object" --so "$fixtures/answer_2.so" -l memfd,tmpfs -n 8 --batch 4 --order sequential --spinner --check every --out "$record"
rows_check
equal "turns of a sequential run" "$(awk -F, -v a="$(column arm)" 'NR > 1 && $a != last { last = $a; n++ } END { print n }' "$record/samples.csv")" 4
has "$out" "answer_2.so"

# Pinned is pinned.
run 0 "$soload" run --so "$object" -l memfd -n 20 --pin auto --out "$record"
equal "CPUs" "$(awk -F, -v c="$(column cpu)" 'NR > 1 { print $c }' "$record/samples.csv" | sort -u | wc -l)" 1
run 0 "$soload" run --so "$object" -l memfd -n 20 --pin none --out "$record"

# What is called: a symbol that is named, or the first function, uncalled.
run 0 "$soload" run --so "$fixtures/state.so" -l memfd -n 3 --no-call --out "$record"
equal "rows with a call" "$(rows '$call_ns != ""')" 0
equal "rows without a lookup" "$(rows '$resolve_ns == ""')" 0
run 2 "$soload" run --so "$object" -l memfd --symbol no_such_function_here --out "$record"
one_line "$err"

# An arm that dies costs one line; the others go on. Exit 1.
for fate in crashes exits aborts; do
	run 1 "$soload" run --so "$fixtures/orch_constructor_$fate.so" --so "$object" -l memfd,disk:mended -n 4 --out "$record"
	rows_check
	equal "lines about arms" "$(grep -c "loader .* object .*orch_constructor_$fate.so: .* in phase link" "$err")" 2
	equal "measured rows of the other object" "$(rows '$so == "answer_1.so" && $warmup == 0')" 8
	equal "rows with an error" "$(rows '$error != ""')" 2
	has "$record/run.json" '"exit_code": 1'
done
run 1 "$soload" run --so "$fixtures/orch_constructor_endless.so" --so "$object" -l memfd -n 4 --timeout 1 --out "$record"
has "$err" "no answer for 1.0 s in phase link"
equal "measured rows of the other object" "$(rows '$so == "answer_1.so" && $warmup == 0')" 4
run 1 "$soload" run --so "$fixtures/unresolved_data.so" --so "$object" -l memfd -n 4 --out "$record"
has "$err" "phase link"
has "$err" "undefined symbol"

# A stale load is a measured failure, in the column, in the table and in the exit code.
run 1 "$soload" run --so "$fixtures/unique_1.so" -l disk -n 4 --out "$record"
checks=$((checks + 1))
[ "$(rows '$stale == 1')" -ge 4 ] || fail "stale loads are not in the column"
has "$out" "stale loads"

# Nothing could run: one line, exit 2, no folder.
rm -rf "$record"
printf 'garbage' >"$scratch/garbage.so"
for arguments in "--so $scratch/garbage.so" "--so /nonexistent" "--so $object -l mefmd" "--so $object -l memfd:bogus" "--so $object -l elf,memfd,elf" \
	"--so $object -n 0" "--so $object -n x" "--so $object --order rnd" "--so $object --pin 9999" "--so $object --pin x" \
	"--so $object --seed -1" "--so $object --batch 0" ""; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" run $arguments --out "$record"
	one_line "$err"
	checks=$((checks + 1))
	[ ! -e "$record" ] || fail "a results folder was made for: $arguments"
done
run 2 "$soload" run --so "$object" -l memfd --out /dev/null/x
one_line "$err"
has "$err" "/dev/null"
mkdir "$record" && mkdir "$record/samples.csv"
run 2 "$soload" run --so "$object" -l memfd --out "$record"
one_line "$err"
rm -rf "$record"

# A disk that fills up ends the run in words; what was written are whole rows.
mkdir "$scratch/small"
if unshare -rm mount -t tmpfs -o size=64k none "$scratch/small" 2>/dev/null; then
	run 2 unshare -rm sh -c "mount -t tmpfs -o size=64k none '$scratch/small' &&
		{ '$soload' run --so '$object' -l memfd -n 20000 --out '$scratch/small/r'; code=\$?; cp -r '$scratch/small/r' '$record'; exit \$code; }"
	has "$err" "No space left on device"
	rows_check
	checks=$((checks + 1))
	[ "$(rows '$warmup == 0')" -gt 50 ] || fail "hardly any row reached the disk before it was full"
	rm -rf "$record"
else
	echo "no private mounts here: a full disk was not tried"
fi

# One object of two is bad: the other runs, exit 1.
run 1 "$soload" run --so "$scratch/garbage.so" --so "$object" -l memfd -n 4 --out "$record"
has "$err" "garbage.so"
equal "measured rows of the good object" "$(rows '$warmup == 0')" 4

# Waits until the record has some rows.
rows_wait() {
	for _ in $(seq 200); do
		[ -f "$record/samples.csv" ] && [ "$(wc -l <"$record/samples.csv")" -gt 100 ] && return
		sleep 0.05
	done
	fail "no rows after 10 s"
}

# Nothing is left of workers and of what they staged.
gone() {
	for _ in $(seq 100); do
		left=
		for pid in $(awk -F, -v p="$(column process)" 'NR > 1 { print $p }' "$record/samples.csv" | sort -u); do
			case $( { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null) in
			*soload\ worker*) left="$left $pid" ;;
			esac
		done
		[ -n "$left" ] || break
		sleep 0.05
	done
	equal "workers that are left" "$left" ""
	for path in $(awk -F, -v s="$(column staged_at)" 'NR > 1 && $s ~ /^\// { print $s }' "$record/samples.csv" | sort -u | head -500); do
		[ ! -e "$path" ] || echo "$path"
	done >"$scratch/left"
	equal "staged files that are left" "$(cat "$scratch/left")" ""
	while read -r path; do
		[ ! -e "$path" ] || echo "$path"
	done <"$scratch/folders" >"$scratch/left"
	equal "folders of private directories that are left" "$(cat "$scratch/left")" ""
}

# The folders that workers have put in the place of the machine's directories.
folders() {
	for pid in $(awk -F, -v p="$(column process)" 'NR > 1 { print $p }' "$record/samples.csv" | sort -u); do
		{ sed -n 's|.* \(/[^ ]*/soload-[A-Za-z0-9]*\)/[0-9][^ ]* .*|\1|p' "/proc/$pid/mountinfo"; } 2>/dev/null
	done | sort -u >"$scratch/folders"
}

# kill -9: whole rows, a record that says it is not complete.
rm -rf "$record"
"$soload" run --so "$object" -l disk:mended,tmpfs,memfd -n 1000000 --out "$record" >"$scratch/out" 2>"$scratch/err" &
pid=$!
rows_wait
folders
kill -9 $pid
wait $pid 2>/dev/null
rows_check
has "$record/run.json" '"state": "running"'
gone

# A loader that does not work here is told; the others go on, and the run ends with 1.
run 1 "$soload" run --so "$object" -l disk:dirs=/proc/none,memfd -n 20 --out "$scratch/missing"
has "$err" "no staging folder is writable"
has "$out" "memfd"

# Interrupted: 130, and everything that is known is there.
rm -rf "$record"
run 130 timeout --foreground --preserve-status -s INT 1 "$soload" run --so "$object" -l disk:mended,tmpfs,memfd -n 1000000 --out "$record"
rows_check
has "$record/run.json" '"state": "interrupted"'
has "$record/run.json" '"exit_code": 130'
has "$out" "p50"
has "$record/summary.csv" ",total,p50,ns,"
gone
run 143 timeout --foreground --preserve-status -s TERM 1 "$soload" run --so "$object" -l memfd -n 1000000 --out "$record"

# System calls of a load, counted exactly, without disturbing the times.
run 0 "$soload" run --so "$object" -l null,memfd -n 4 --counters --out "$record"
if grep -q "cannot be counted here" "$err"; then
	echo "no ptrace: system calls were not counted"
else
	has "$out" "null: 0 system calls"
	has "$out" "memfd_create 1"
	has_not "$out" "not the same in every load"
	equal "memory files per load" "$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$at["loader"] == "memfd" && $at["metric"] == "syscalls.memfd_create" { print $at["value"] }' "$record/summary.csv")" 1
fi

expect_end
