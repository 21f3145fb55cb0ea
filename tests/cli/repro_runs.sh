#!/bin/sh
# soload repro from outside: every loader and transport against the golden, the record added up by hand, upstream's lines at -v.
set -u
soload=$SOLOAD_BUILD/soload
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0
fail() {
	echo "repro_runs: $*" >&2
	failed=1
}

# Loaders that are faithful to upstream, all transports: 5 x 3 arms, 1 + 2 rounds each.
"$soload" repro -n 2 --loader null,disk,tmpfs,memfd,cached --transport inline,rightsize,separate --dma 10+2 --out "$scratch/all" >"$scratch/out" 2>"$scratch/err" ||
	fail "exit code $? with: $(cat "$scratch/err")"
tail -n 1 "$scratch/out" | grep -q '^PASS: 45 of 45 rounds' || fail "verdict: $(tail -n 1 "$scratch/out")"
[ "$(grep -c ' 3/3 ' "$scratch/out")" = 15 ] || fail "not every arm has a row with 3/3: $(cat "$scratch/out")"
[ "$(grep -c '^  null .* 3/3  *-$' "$scratch/out")" = 3 ] || fail "null is said to be fresh or stale: $(cat "$scratch/out")"
tail -n 1 "$scratch/out" | grep -q ', no stale load among the 36 that can be told$' || fail "$(tail -n 1 "$scratch/out")"
"$soload" repro -n 1 --loader null --transport separate --pools small --out "$scratch/null" >"$scratch/out" 2>"$scratch/err" || fail "null: exit code $?"
tail -n 1 "$scratch/out" | grep -q '^PASS: 2 of 2 rounds .*, whether a load is stale cannot be told$' || fail "null alone: $(tail -n 1 "$scratch/out")"
grep -q ',null,.*,stale,' "$scratch/all/summary.csv" && fail "summary.csv counts stale loads of null"

# By column names: phases add up to the total, the bytes are the transports', the model is L + bytes/B per copy and never in the measured column.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{
		rows++
		sum = 0
		for (name in at)
			if (name ~ /^(read|stage|link|map|relocate|protect|init|resolve|call|unload|unstage|other)_ns$/)
				sum += $at[name]
		if (sum != $at["total_ns"]) { print "row " NR ": phases add up to " sum ", not " $at["total_ns"]; bad = 1 }
		so = $at["so_bytes"]
		bytes = $at["transport"] == "inline" ? 4202048 + so : 7744 + so
		copies = $at["transport"] == "rightsize" ? 1 : 2
		if ($at["dma_bytes"] != bytes) { print "row " NR ": " $at["dma_bytes"] " bytes sent, not " bytes; bad = 1 }
		model = copies * 10000 + bytes / 2
		if ($at["dma_model_ns"] < model - 4 || $at["dma_model_ns"] > model + 4) {
			print "row " NR ": modelled " $at["dma_model_ns"] ", not " model; bad = 1
		}
		if ($at["dma_ns"] == $at["dma_model_ns"] || $at["dma_ns"] <= 0) { print "row " NR ": dma_ns"; bad = 1 }
		fresh = $at["loader"] == "null" ? "" : "0"
		if ($at["stale"] "" != fresh || $at["error"] != "") { print "row " NR ": stale or failed"; bad = 1 }
		warm += $at["warmup"]
		seen[$at["loader"] "/" $at["transport"]]++
	}
	END {
		if (rows != 45 || warm != 15) { print rows " rows, " warm " of them warm-up"; bad = 1 }
		for (arm in seen) if (seen[arm] != 3) { print arm ": " seen[arm]; bad = 1 }
		exit bad
	}' "$scratch/all/samples.csv" >&2 || fail "samples.csv does not add up"

# A thousand seconds per modelled copy, and no column of what is measured, no span and no table knows it but those that say so.
"$soload" repro -n 2 --loader null,elf --transport inline,dedup --when all --pools small --dma 1000000000+1 --out "$scratch/slow" >"$scratch/out" 2>"$scratch/err" ||
	fail "slow DMA: $(cat "$scratch/err")"
awk -F, 'FNR == 1 { delete at; for (i = 1; i <= NF; i++) at[$i] = i; next }
	FILENAME ~ /samples/ { if ($at["scenario"] != "unload" && $at["dma_model_ns"] < 1e12) { print "not modelled: " $0; bad = 1 } seen++ }
	{
		for (name in at)
			if (name ~ /_ns$|^value$|^ci_/ && name != "dma_model_ns" && !("phase" in at && $at["phase"] == "dma_model") && $at[name] >= 1e12) {
				print FILENAME ", " name ": " $0
				bad = 1
			}
	}
	END { exit bad || !seen }' "$scratch/slow/samples.csv" "$scratch/slow/spans.csv" "$scratch/slow/summary.csv" >&2 || fail "a modelled time is in a measured column"
python3 - "$scratch/slow/run.json" <<-'END' || fail "a modelled time is in run.json"
	import json, sys
	def walk(value):
	    if isinstance(value, dict):
	        value = list(value.values())
	    if isinstance(value, list):
	        return all(walk(v) for v in value)
	    return not isinstance(value, (int, float)) or value < 1e12
	assert walk(json.load(open(sys.argv[1]))["first_and_steady"])
END

# In the tables on stdout it is in the column that says so, and in no other.
awk '$1 == "Loader" { model = 0; for (i = 1; i <= NF; i++) if ($i == "Modelled") model = i; inside = 1; next }
	NF == 0 { inside = 0 }
	inside {
		for (i = 1; i <= NF; i++)
			if ($i + 0 >= 1e9 && i == model) seen++
			else if ($i + 0 >= 1e9) { print; bad = 1 }
	}
	END { exit bad || seen != 16 }' "$scratch/out" >&2 || fail "a modelled time is among the measured ones on stdout, or nowhere: $(cat "$scratch/out")"

# Spans of a lane lie end to end.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{
		lane = $at["seq"] "/" $at["lane"]
		if (lane in next_start && $at["start_ns"] != next_start[lane]) {
			gap = $at["start_ns"] - next_start[lane]
			if (gap > 2 || gap < -2) { print lane ": gap of " gap; bad = 1 }
		}
		next_start[lane] = $at["start_ns"] + $at["dur_ns"]
		lanes[lane]
	}
	END { for (l in lanes) n++; if (n != 45 * 5) { print n " lanes"; bad = 1 } exit bad }' "$scratch/all/spans.csv" >&2 || fail "spans.csv has gaps"

# Upstream's lines, on stderr and only at -v.
[ -s "$scratch/err" ] && fail "stderr is not empty: $(cat "$scratch/err")"
"$soload" repro -n 1 --warmup 0 --loader disk --transport inline --pools small -v --out "$scratch/v" >"$scratch/out" 2>"$scratch/err" || fail "-v: exit code $?"
for line in 'TIMING: args_malloc_copy = ' 'TIMING: orch_so_copy = ' 'TIMING: gm_heap_alloc(1GB) = ' 'TIMING: shared_mem_alloc = ' \
	'TIMING: total_init_runtime_impl = ' 'TIMING: stage = ' 'TIMING: link = ' 'TIMING: unload = ' 'Created SO file at ' 'dlopen succeeded' \
	'Config: expected_args=' 'Ring sizes: task_window=' 'Thread 3: orch_start=' 'Thread 0: sched_start=' 'Scheduler summary: ' 'PTO2 total submitted tasks = '; do
	grep -qF "$line" "$scratch/err" || fail "-v does not print '$line'"
done
grep -E '^TIMING: ' "$scratch/err" | grep -qvE '^TIMING: [a-zA-Z0-9_()]+ = [0-9]+\.[0-9]{3} us$' && fail "a TIMING line has another shape"
grep -q 'Round ' "$scratch/out" || fail "no table of rounds"

# form COUNT REGEX: so many lines of a thread, at -v.
number='[1-9][0-9]*' told=0
form() {
	[ "$(grep -cE "^Thread $2$" "$scratch/err")" = "$1" ] || fail "$variant: not $1 lines like '$2': $(grep '^Thread' "$scratch/err" | head -n 12)"
	told=$((told + $1))
}

# Every variant through every transport passes its golden; an incoherent device pays in a phase of its own, a coherent one never.
for variant in 'a2a3 tensormap_and_ringbuffer' 'a2a3 aicpu_build_graph' 'a5 tensormap_and_ringbuffer'; do
	# shellcheck disable=SC2086 # two words
	set -- $variant
	"$soload" repro -p "$1" -r "$2" -n 1 --pools small -v --coherent no --loader null,memfd,elf --transport all --out "$scratch/variant" >"$scratch/out" 2>"$scratch/err" || fail "$variant: exit code $? with: $(cat "$scratch/err")"
	tail -n 1 "$scratch/out" | grep -q '^PASS: 30 of 30 rounds' || fail "$variant: $(tail -n 1 "$scratch/out")"
	awk -F, -v p="$1" -v r="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["platform"] != p || $at["runtime"] != r { print "row " NR ": " $0; bad = 1 }
		{
			mail = p == "a5" ? 10048 : 7744
			least = $at["transport"] == "inline" ? mail + 4194304 : $at["transport"] == "trimmed" ? mail + 5000 : mail
			most = $at["transport"] == "trimmed" ? mail + 40000 : least + 2 * $at["so_bytes"]
			if ($at["transport"] == "dedup" && !$at["warmup"]) most = mail
			if ($at["dma_bytes"] < least || $at["dma_bytes"] > most) { print $at["transport"] ": " $at["dma_bytes"] " bytes"; bad = 1 }
		}
		END { exit bad }' "$scratch/variant/samples.csv" >&2 || fail "$variant: samples.csv"
	grep -q ',invalidate,' "$scratch/variant/spans.csv" || fail "$variant: no phase invalidate"
	# Its threads tell it in the form of that variant, every one of them and in no other form.
	case $variant in
	'a2a3 tensor'*)
		form 30 "3: orch_start=$number orch_end=$number orch_cost=[0-9.]+us"
		form 90 "[0-2]: sched_start=$number sched_end=$number sched_cost=[0-9.]+us"
		;;
	*aicpu_build_graph)
		form 30 "3: orch_start=$number orch_func_cost=[0-9.]+us \(orch_idx=0\)"
		form 90 "[0-2]: sched_end=$number"
		;;
	*)
		form 30 "6: orch_start=$number orch_idx=0/\(0~0\)"
		form 30 "6: aicpu_orchestration_entry returned, orch_func_cost=[0-9.]+us \(orch_idx=0\)"
		form 30 "6: orch_end=$number"
		form 180 "[0-5]: sched_start=$number"
		form 180 "[0-5]: sched_end=$number"
		;;
	esac
	form "$told" "[0-6]: (orch|sched|aicpu_orch).*"
	told=0
	[ "$(grep -cE "^Invalidated $number lines of the cache$" "$scratch/err")" = 30 ] || fail "$variant: not 30 times told what was invalidated"
done
grep -q ',invalidate,' "$scratch/all/spans.csv" && fail "a coherent device invalidates"

# host_build_graph: the whole struct every time, the golden every time. The handle that is never closed answers from the second round on: the same
# bytes, so nothing is wrong, and it is told.
for variant in 'a2a3 293083648' 'a5 293085952'; do
	# shellcheck disable=SC2086 # two words
	set -- $variant
	"$soload" repro -p "$1" -r host_build_graph -n 1 -v --pools small --out "$scratch/hbg" >"$scratch/out" 2>"$scratch/err" ||
		fail "host_build_graph on $1: exit code with: $(cat "$scratch/err")"
	grep -q '^host/whole: 1 of 2 loads answered by a handle that was never closed' "$scratch/out" || fail "host_build_graph on $1: the kept handle is not told"
	tail -n 1 "$scratch/out" | grep -q '^PASS: 2 of 2 rounds match the golden' || fail "host_build_graph on $1: $(cat "$scratch/out")"
	grep -q '^Thread.* orch_' "$scratch/err" && fail "host_build_graph on $1: a device that orchestrates"
	[ "$(grep -c '^Thread 0: sched_start=[1-9][0-9]* sched_end=[1-9][0-9]* sched_cost=' "$scratch/err")" = 2 ] || fail "host_build_graph on $1: schedulers are silent"
	awk -F, -v bytes="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["dma_bytes"] != bytes { exit 1 }' "$scratch/hbg/samples.csv" ||
		fail "host_build_graph on $1 does not send $2 bytes"
	ls /tmp/orch_so_*.so 2>/dev/null && fail "a file stays in /tmp"
done

# An object that ends the program, or that never comes back and goes on writing: said in words, and the verdict comes all the same.
for case in 'entry_exits called exit(3) in the host' 'entry_submits did not return to the host for 1.0 s'; do
	"$soload" repro -r host_build_graph -n 1 --timeout 1 --pools small --orch "$SOLOAD_BUILD/fixtures/orch_${case%% *}_hbg.so" --out "$scratch/given_up" >"$scratch/out" 2>"$scratch/err"
	code=$?
	[ $code = 1 ] || fail "${case%% *}: exit code $code: $(cat "$scratch/err")"
	grep -qF "${case#* }" "$scratch/err" || fail "${case%% *}: $(cat "$scratch/err")"
	tail -n 1 "$scratch/out" | grep -q '^FAIL: 0 of 2 rounds' || fail "${case%% *}: $(tail -n 1 "$scratch/out")"
done

# Another build of this architecture may be the AICPU; nothing of it is emulated.
"$soload" repro --aicpu "$soload" -n 1 --loader elf,memfd --transport separate,dedup --pools small --out "$scratch/other" >"$scratch/out" 2>"$scratch/err" ||
	fail "--aicpu: exit code $? with: $(cat "$scratch/err")"
grep -q '^AICPU: [a-z0-9_]*, 4 threads' "$scratch/out" || fail "--aicpu: $(cat "$scratch/out")"
grep -q 'emulated' "$scratch/out" && fail "--aicpu: native, but called emulated"
tail -n 1 "$scratch/out" | grep -q '^PASS: 8 of 8 rounds' || fail "--aicpu: $(tail -n 1 "$scratch/out")"

# The same seed runs the arms in the same order.
for i in 1 2; do
	"$soload" repro -n 2 --seed 5 --loader null,memfd --transport separate,rightsize --pools small --out "$scratch/order$i" >/dev/null 2>&1 || fail "seed: exit code $?"
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["arm"] }' "$scratch/order$i/samples.csv" >"$scratch/arms$i"
done
cmp -s "$scratch/arms1" "$scratch/arms2" || fail "equal seeds, different orders"

# Relocated ahead by the host: told once per loader, nothing is left to the device; what is not asked for is not told.
"$soload" repro -n 1 -v --loader elf,elf:agreed,prelinked:agreed --transport rightsize,trimmed,dedup --pools small --out "$scratch/ahead" >"$scratch/out" 2>"$scratch/err" ||
	fail "agreed: exit code $? with: $(cat "$scratch/err")"
tail -n 1 "$scratch/out" | grep -q '^PASS: 18 of 18 rounds' || fail "agreed: $(tail -n 1 "$scratch/out")"
[ "$(grep -cE '^(elf|prelinked):agreed: relocated ahead by the host, [1-9][0-9]* words for 0x[0-9a-f]+ in .* left to the device: 0$' "$scratch/out")" = 2 ] ||
	fail "agreed: not told once per loader: $(grep ahead "$scratch/out")"
[ "$(grep -c '^Relocated ahead for 0x.*, 0 left to the device$' "$scratch/err")" = 12 ] || fail "agreed: not told by round at -v"
"$soload" repro -n 1 --loader elf:agreed:at=0x7e9000000000 --transport separate --pools small --out "$scratch/taken" >"$scratch/out" 2>"$scratch/err" || fail "taken: exit code $?"
grep -q 'left to the device: 0; 0x7e9000000000 is taken on the device: relocated for 0x' "$scratch/out" || fail "a taken address is not told: $(cat "$scratch/out")"

# Given context lengths; and an object whose copy in the process cannot be closed is stale from the second round on.
"$soload" repro -n 1 --context-lens 5,130 --loader memfd --transport separate --pools small --out "$scratch/lens" >/dev/null 2>"$scratch/err" || fail "lengths: $(cat "$scratch/err")"
"$soload" repro -n 2 --orch "$SOLOAD_BUILD/objects/pa_unroll_cxx.so" --loader disk --transport separate --pools small --out "$scratch/stale" >"$scratch/out" 2>&1
[ $? = 1 ] || fail "a stale load is no failure"
grep -q '2 of 3 loads stale: ' "$scratch/out" || fail "stale loads are not told: $(cat "$scratch/out")"

# Where no mount namespace may be made the AICPU says so in one line and goes on. (tmpfs: nothing is staged in the machine's folders.)
limits='echo 0 >/proc/sys/user/max_mnt_namespaces && echo 0 >/proc/sys/user/max_user_namespaces || exit 77'
# shellcheck disable=SC2016 # for the inner shell
unshare -Ur sh -c "$limits"'; exec "$0" repro -n 1 --loader tmpfs --transport separate --pools small --out "$1"' "$soload" "$scratch/open" >"$scratch/out" 2>&1
code=$?
if [ $code = 0 ]; then
	grep -q "staging in the machine's own directories (no private mount namespace: " "$scratch/out" || fail "shared directories are not told: $(cat "$scratch/out")"
	grep -q '^PASS' "$scratch/out" || fail "shared directories: $(cat "$scratch/out")"
elif ! unshare -Ur sh -c "$limits" 2>/dev/null; then
	echo "repro_runs: not judged here: a machine without mount namespaces (no user namespace to set the limit in)"
else
	fail "shared directories: exit code $code: $(cat "$scratch/out")"
fi
exit $failed
