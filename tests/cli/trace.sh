#!/bin/sh
# soload trace and run --probe from outside: every dlopen seen, by whatever probe the rights allow; what is missing is said, once;
# nothing of a probe is left behind. What this machine does not let us test is printed as left out.
# shellcheck disable=SC1091,SC2154,SC2086 # the sourced file defines what is used here; lists of words
. tests/cli/expect

object=$PWD/$fixtures/answer_1.so other=$PWD/$fixtures/answer_2.so
programs=$PWD/$fixtures/probe_
linker=$(ldd "${programs}many" | awk '/ld-linux/ { print $1 }')

left_out() {
	echo "left out: $*"
}

# opens: the dlopens that the last trace has counted. drops, gaps: what it lost.
opens() {
	sed -n '1s/.*: \([0-9]*\) dlopens.*/\1/p' "$out"
}
nothing_lost() {
	has "$out" "drops 0, gaps 0, unmatched 0"
}

# columns_add_up: in every row of the last table the steps are what Own says, but for the rounding of each.
columns_add_up() {
	checks=$((checks + 1))
	awk '/^  *At ms/ { for (i = 1; i <= NF; i++) if ($i == "Own") own = i - 2; first = own + 1
			for (last = first; $(last + 4) != "Calls" && $(last + 4) != "dlopen"; last++); next }
		# Headings of two words ("At ms", "Observed us", "Own us") are one field of a row.
		own && $1 ~ /^[0-9.]+$/ && NF > last { sum = 0; for (i = first; i <= last; i++) sum += $i; rows++
			if (sum - $own > 0.05 * (last - first + 2) || $own - sum > 0.05 * (last - first + 2)) { print; wrong = 1 } }
		END { exit wrong || !rows }' "$out" || fail "columns do not add up to Own"
}

# spins_apart PROBE: a dlopen that fails does not contain the 200 ms that the program computes after it.
spins_apart() {
	run 0 "$soload" trace --probe "$1" -- "${programs}spins" "$object" 3
	equal "dlopens that failed, without what came after, $1" "$(awk '/ failed  end not seen$/ && $3 < 100000' "$out" | wc -l)" 3
	has "$out" "dlopen took at least"
}

# is_trace FILE: what a viewer reads.
is_trace() {
	checks=$((checks + 1))
	python3 tests/reports/trace_schema "$1" nested >/dev/null || fail "no trace: $1"
}

# uprobes_count: of BPF, on this machine, attached in either way. uprobes_gone BEFORE: no more than before; others come and go here, too.
bpftool=$(command -v bpftool || command -v /usr/sbin/bpftool)
uprobes_count() {
	"$bpftool" link show 2>/dev/null | grep -c 'type 12\|uprobe_multi\|perf_event'
}
uprobes_gone() {
	checks=$((checks + 1))
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(uprobes_count)" -gt "$1" ] || return 0
		sleep 1
	done
	fail "uprobes left: $(uprobes_count), before $1"
}

# rows_counted == | !=: how many rows of the record are of the probe's part, or not, and no warm-up.
rows_counted() {
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["scenario"] '"$1"' "probe" && $at["warmup"] == "0"' "$scratch/record/samples.csv" | wc -l
}

# await FILE TEXT: until it is there.
await() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -qF -- "$2" "$1" && return 0
		sleep 0.5
	done
	fail "no '$2' in $(cat "$1")"
}

# What is wrong is refused in one line.
run 2 "$soload" trace
has "$err" "nothing to trace"
run 2 "$soload" trace "$object" -p 1
has "$err" "one of FILE"
run 2 "$soload" trace "$object" --probe perf
has "$err" "it counts"
run 2 "$soload" trace "$object" --probe ldphas
has "$err" "did you mean 'ldphase'"
run 2 "$soload" trace -- /nonexistent/program
has "$err" "/nonexistent/program"
run 2 "$soload" trace --probe ldhook -p $$
has "$err" "cannot attach to a process that runs"

# Whatever works here: one load as a timeline, and as JSON that is JSON.
run 0 "$soload" trace "$object" --loader memfd --json "$scratch/load.json"
has "$out" "= stage"
has "$out" "= link"
python3 - "$scratch/load.json" <<'END' || fail "the JSON of a load"
import json, sys
trace = json.load(open(sys.argv[1]))
events = [e for e in trace["traceEvents"] if e["ph"] != "M"]
names = {e["args"]["name"].split(" (")[0] for e in trace["traceEvents"] if e["ph"] == "M"}
assert events and "timing" in names, names
END
checks=$((checks + 1))
is_trace "$scratch/load.json"

# Anybody: LD_AUDIT sees every dlopen, in children too.
run 0 "$soload" trace --probe ldaudit -- "${programs}many" "$object" 300
equal "dlopens seen by ldaudit" "$(opens)" 300
nothing_lost
run 0 "$soload" trace --probe ldaudit -- "${programs}forks" "$object" 20
equal "dlopens of forked and executed children" "$(opens)" 60
run 0 "$soload" trace --probe ldaudit -- "${programs}threads" "$object" 300 "$other"
equal "dlopens of two threads seen by ldaudit" "$(opens)" 600
nothing_lost
equal "times before the first" "$(awk '$1 ~ /^[0-9.]+$/ && $1 > 1e9' "$out" | wc -l)" 0
run 0 "$soload" trace --probe ldaudit -- "${programs}many" "$object" 10000
equal "ten thousand dlopens seen by ldaudit" "$(opens)" 10000
nothing_lost
equal "their names" "$(grep -c "$object" "$out")" 10001
equal "dlcloses seen by ldaudit" "$(grep -c '(dlclose)$' "$out")" 10000
columns_add_up

# A program of more rights than its user does not take the object in, and says nothing: soload does.
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$scratch"
	cp "${programs}many" "$scratch/secure"
	chown 65534 "$scratch/secure" && chmod u+s "$scratch/secure"
	run 0 "$soload" trace --probe ldaudit -- "$scratch/secure" "$object" 5
	has "$out" "0 dlopens"
	has "$err" "never came into the program"
	equal "lines of warning" "$(wc -l <"$err")" 1
else
	left_out "a program of more rights than its user: this user is not root"
fi
run 0 "$soload" trace --probe total -- "${programs}many" "$object" 3
has "$out" "0 dlopens"

# Hooks, where ld.so has names.
if "$soload" list probes | grep -A1 '^  ldhook ' | grep -q 'not here'; then
	left_out "ldhook: $("$soload" list probes | grep -A1 '^  ldhook ' | tail -1)"
else
	run 0 "$soload" trace --probe ldhook -- "${programs}threads" "$object" 300
	equal "dlopens seen by ldhook" "$(opens)" 600
	nothing_lost
	run 0 "$soload" trace --probe ldhook -- "${programs}forks" "$object" 20
	equal "dlopens of forked and executed children seen by ldhook" "$(opens)" 60
	run 0 "$soload" trace --probe ldhook -- "${programs}many" "$object" 10000
	equal "ten thousand dlopens seen by ldhook" "$(opens)" 10000
	nothing_lost
	equal "their names" "$(grep -c "$object" "$out")" 10001
	columns_add_up
	if [ -e "$scratch/secure" ]; then
		run 0 "$soload" trace --probe ldhook -- "$scratch/secure" "$object" 5
		has "$err" "never came into the program"
	fi
	run 0 "$soload" trace --probe ldhook -- "${programs}fails" "$object" 10
	equal "dlopens seen by ldhook, half of them in vain" "$(opens)" 110
	equal "dlopens that failed" "$(grep -c ' failed' "$out")" 10
	spins_apart ldhook
fi

# LD_AUDIT and LD_PRELOAD come before the sanitizers' own runtime, which then refuses to start.
case $build in
*asan* | *tsan*)
	left_out "run --probe and what follows: a worker with a sanitizer in it is not watched"
	expect_end
	;;
esac

# run --probe: headline first, then what the probe saw; probed loads never count as measured.
run 0 "$soload" run --so "$object" -l memfd,elf -n 10 --probe auto,rusage,smaps,perf --out "$scratch/record"
has "$out" "Probe "
has "$out" "inflation"
has "$out" "smaps: rss"
has "$out" "unmatched 0"
for part in head text relro data; do # of what dlopen has mapped
	equal "rows of $part" "$(grep -c "memfd.*,smaps.rss.$part,p50,bytes," "$scratch/record/summary.csv")" 1
done
equal "measured rows" "$(rows_counted '!=')" 20
equal "probed rows that count" "$(rows_counted '==')" 0
run 2 "$soload" run --so "$object" -l memfd -n 3 --probe ldaudit,ldhook --out "$scratch/record"
has "$err" "one disturbs the other"
if [ ! -d /sys/bus/event_source/devices/cpu ] && [ ! -d /sys/bus/event_source/devices/armv8_pmuv3_0 ]; then
	run 0 "$soload" run --so "$object" -l memfd -n 3 --probe perf --out "$scratch/record"
	equal "reasons for empty columns" "$(grep -c 'no hardware counter' "$err")" 1
	has "$out" "cycles -"
fi

# Without any right: the next best, one line that says so, exit code 0.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	nobody="setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all"
	chmod 755 "$scratch"
	cp "$soload" "$scratch/soload"
	cp "$object" "$scratch/object.so"
	cp "${programs}many" "$scratch/many"
	run 0 $nobody "$scratch/soload" trace --probe auto -- "$scratch/many" "$scratch/object.so" 5
	equal "dlopens seen by nobody" "$(opens)" 5
	has "$out" "probe ldaudit"
	has "$err" "using ldaudit: not all steps are told apart; system calls, page faults and time off the CPU are not seen"
	equal "lines of warning" "$(wc -l <"$err")" 1
	run 2 $nobody "$scratch/soload" trace -p $$
	has "$err" "no probe can do this here"
	run 0 $nobody "$scratch/soload" run --so "$scratch/object.so" -l memfd -n 5 --probe auto,rusage --out /tmp/soload-nobody-$$
	has "$out" "Probe ldaudit"
	rm -rf "/tmp/soload-nobody-$$"
	if unshare -m true 2>/dev/null; then
		run 0 unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf 2>/dev/null; mount -t tmpfs none /sys/kernel/tracing 2>/dev/null
			exec $nobody '$scratch/soload' trace --probe auto -- '$scratch/many' '$scratch/object.so' 5"
		equal "dlopens seen by nobody without BTF and tracefs" "$(opens)" 5
		has "$out" "probe ldaudit"
		equal "lines of warning" "$(wc -l <"$err")" 1
	else
		left_out "nobody without BTF and tracefs: no right to unshare"
	fi
else
	left_out "uid 65534: this user is not root, or has no setpriv"
fi

if "$soload" list probes | grep -A1 '^  ldphase ' | grep -q 'not here'; then
	left_out "ldphase: $("$soload" list probes | grep -A1 '^  ldphase ' | tail -1)"
	expect_end
fi

# Everything: threads, children, failures, ten thousand loads, without a loss at default sizes.
if [ -z "$bpftool" ]; then
	left_out "what of a probe is left: no bpftool to ask"
	uprobes_count() {
		echo 0
	}
fi
before=$(uprobes_count)
run 0 "$soload" trace --probe ldphase -- "${programs}threads" "$object" 500
equal "dlopens of two threads" "$(opens)" 1000
nothing_lost
run 0 "$soload" trace --probe ldphase -- "${programs}forks" "$object" 20
equal "dlopens of forked and executed children" "$(opens)" 60
equal "what LD_DEBUG counts" "$(LD_DEBUG=files "${programs}forks" "$object" 20 2>&1 | grep -c 'opening file=')" 60
run 0 "$soload" trace --probe ldphase -- "${programs}fails" "$object" 10
equal "dlopens, failed ones too" "$(opens)" 110
equal "dlopens that failed" "$(grep -c ' failed' "$out")" 10
spins_apart ldphase
spins_apart ldphase:level=phases
run 0 "$soload" trace --probe ldphase --json "$scratch/many.json" -- "${programs}many" "$object" 10000
equal "ten thousand dlopens" "$(opens)" 10000
nothing_lost
equal "their names" "$(grep -c "$object" "$out")" 10001
equal "dlcloses" "$(grep -c '(dlclose)$' "$out")" 10000
columns_add_up
is_trace "$scratch/many.json"

# Constructors that load: as deep as there is room for, and deeper, where what is beyond is counted as lost and all others end.
mkdir -p "$scratch/a-folder-with-a-name-so-long/that-a-path-in-it-does-not-fit/into-the-room-that-an-event-has-for-it/however-it-is-cut"
folder=$(echo "$scratch"/a-folder*/*/*/*)
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	cp "$fixtures/probe_nests.so" "$folder/nest_$i.so"
done
run 0 "$soload" trace --probe ldphase -- "${programs}many" "$folder/nest_16.so" 1
equal "dlopens inside each other" "$(opens)" 16
nothing_lost
equal "names that have lost their beginning" "$(grep -c '\.\.\..*however-it-is-cut/nest_[0-9]*.so$' "$out")" 16
run 0 "$soload" trace --probe ldphase --json "$scratch/nest.json" -- "${programs}many" "$folder/nest_1.so" 1
has "$scratch/nest.json" '"prctl"'
run 0 "$soload" trace --probe ldphase -- "${programs}many" "$folder/nest_20.so" 1
equal "dlopens inside each other, as deep as there is room" "$(opens)" 16
has "$out" "drops 4, gaps 0, unmatched 0"

# What a level does not look at has no column, instead of one of zeros.
run 0 "$soload" trace --probe ldphase:level=phases -- "${programs}many" "$object" 3
has_not "$out" "Calls"
has_not "$out" "Faults"
run 0 "$soload" run --so "$object" -l memfd -n 5 --probe ldphase:level=phases --out "$scratch/record"
has "$out" "relocate"
has_not "$out" "system calls"
has_not "$out" "off the CPU"
for way in attach=perf:level=total attach=multi:level=phases symbols=/nonexistent; do
	run 0 "$soload" trace --probe "ldphase:$way" -- "${programs}threads" "$object" 50
	equal "dlopens of two threads, $way" "$(opens)" 100
	nothing_lost
	run 0 "$soload" trace --probe "ldphase:$way" -- "${programs}forks" "$object" 20
	equal "dlopens of forked and executed children, $way" "$(opens)" 60
done

# Time off the CPU: a constructor that sleeps, and one that waits for a lock, 30 ms each. What is off lies in its step, and is that long.
for program in many locks; do
	times=1
	[ $program = many ] || times=30
	run 0 "$soload" trace --probe ldphase --json "$scratch/waits.json" -- "${programs}$program" "$PWD/$fixtures/probe_waits.so" $times
	if grep -q 'time off the CPU left out' "$err"; then
		left_out "time off the CPU: $(cat "$err")"
		break
	fi
	python3 - "$scratch/waits.json" <<'END' || fail "time off the CPU in a constructor, program $program"
import json, sys
events = [e for e in json.load(open(sys.argv[1]))["traceEvents"] if e["ph"] == "X"]
init = max((e for e in events if e["name"] == "init"), key=lambda e: e["dur"])
off = [e for e in events if e["name"] == "off" and e["ts"] >= init["ts"] and e["ts"] + e["dur"] <= init["ts"] + init["dur"]]
total = sum(e["dur"] for e in off)
assert 29000 <= total <= init["dur"], (total, init)
END
	checks=$((checks + 1))
done

# The in-memory loader asks the kernel for nothing of what dlopen asks for.
run 0 "$soload" trace "$object" --loader elf
for call in openat mmap munmap mprotect read close; do
	has_not "$out" " $call "
done
has_not "$out" "> "

# parts FILE LANE: how many events the last trace has there.
parts() {
	python3 - "$1" "$2" <<'END'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
lanes = {e["tid"] for e in events if e["ph"] == "M" and e["args"]["name"].startswith(sys.argv[2])}
print(sum(e["ph"] != "M" and e["tid"] in lanes for e in events))
END
}
for loader in elf:1 elf:dualmap:0 prelinked:0; do
	run 0 "$soload" trace "$object" --loader "${loader%:*}" --json "$scratch/load.json"
	equal "page faults of ${loader%:*}" "$(parts "$scratch/load.json" "page faults")" 0
	checks=$((checks + 1))
	[ "$(parts "$scratch/load.json" "system calls")" -le "${loader##*:}" ] || fail "more than ${loader##*:} system calls of ${loader%:*}"
done
run 0 "$soload" trace "$object" --loader memfd --json "$scratch/load.json"
has "$out" "openat"
checks=$((checks + 1))
[ "$(parts "$scratch/load.json" "page faults")" -gt 0 ] || fail "no page fault of memfd seen"

# A process that runs, for a while; then Ctrl-C: 0 and a table, and no uprobe is left.
"${programs}many" "$object" 100000000 &
victim=$!
run 0 "$soload" trace -p $victim -t 0.5
checks=$((checks + 1))
[ "$(opens)" -gt 0 ] || fail "no dlopen of a running process seen"
timeout --foreground --preserve-status -s INT 2 "$soload" trace --probe ldphase -- "${programs}many" "$object" 100000000 >"$scratch/out" 2>"$scratch/err"
equal "exit code of an interrupted trace" "$?" 130
for way in multi perf; do
	idle=$(uprobes_count)
	: >"$scratch/err" # what the one before said
	env --default-signal=INT "$soload" trace --probe ldphase:attach=$way -p $victim >"$scratch/out" 2>"$scratch/err" &
	tracer=$!
	await "$scratch/err" "watching process"
	sleep 0.2
	[ -z "$bpftool" ] || [ "$(uprobes_count)" -gt "$idle" ] || fail "no uprobe to be seen while one is attached, attach=$way"
	kill -INT $tracer
	wait $tracer
	equal "exit code after Ctrl-C, attach=$way" "$?" 0
	out=$scratch/out
	checks=$((checks + 1))
	[ "$(opens)" -gt 0 ] || fail "no dlopen seen before Ctrl-C, attach=$way"
	uprobes_gone "$before"
	kill -0 $victim 2>/dev/null || fail "a process that is no longer watched has ended, attach=$way"
done
kill $victim
wait $victim 2>/dev/null
uprobes_gone "$before"

# A process whose ld.so has been replaced since it started: what the new file says is not true of it.
cp "$linker" "$scratch/probe_ld.so" && cp "$linker" "$scratch/other_ld.so"
env -C "$scratch" "${programs}linked" "$object" 100000000 &
victim=$!
sleep 0.5
mv "$scratch/other_ld.so" "$scratch/probe_ld.so"
run 2 "$soload" trace -p $victim -t 0.5
has "$err" "which has been replaced since it started"
kill $victim
wait $victim 2>/dev/null

# A process that has ended, and that nobody has waited for: the trace ends with it.
sh -c '"$0" "$1" 20000 & exec sleep 60' "${programs}many" "$object" &
parent=$!
child=
for _ in 1 2 3 4 5 6 7 8 9 10; do
	child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null)
	[ -z "$child" ] || break
	sleep 0.1
done
if [ -n "$child" ]; then
	run 0 timeout 30 "$soload" trace -p "${child% }"
else
	left_out "a process nobody has waited for: this kernel does not tell who it is"
fi
kill $parent
wait $parent 2>/dev/null

# The proof of the corrections: one round of each side says everything, and refuses what is no number.
run 2 "$soload" prove_probes
has "$err" "usage"
run 2 "$soload" prove_probes -n 0 "$object"
run 2 "$soload" prove_probes -n 1 /nonexistent.so
if "$soload" list probes | grep -A1 '^  ldhook ' | grep -q 'not here'; then
	left_out "prove_probes: no ldhook here"
else
	checks=$((checks + 1))
	LD_PRELOAD=libm.so.6 "$soload" prove_probes -n 1 :level=phases "$object" >"$scratch/out" 2>"$scratch/err"
	[ $? -le 1 ] || fail "prove_probes: $(cat "$scratch/err")"
	grep -qE "^Written by .make prove-probes. of $("$soload" --version)( at [0-9a-f]+(-dirty)?)? on " "$scratch/out" || fail "no build: $(sed -n 3p "$scratch/out")"
	has "$scratch/out" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
	# Both sides have seen the steps that every load has.
	for step in verify map relocate init unmap; do
		equal "rows of $step" "$(awk -F'|' -v step=" $step " '$3 == step && $4 > 0 && $5 > 0 && $6 > 0' "$scratch/out" | wc -l)" 1
	done
fi

# Host, AICPU threads, ld.so, system calls and faults on one clock.
run 0 "$soload" trace --json "$scratch/all.json" --record "$scratch/repro" -- "$soload" repro paged_attention_unroll --loader disk -n 2 --out "$scratch/repro"
python3 - "$scratch/all.json" <<'END' || fail "the lanes of a traced repro"
import json, sys
trace = json.load(open(sys.argv[1]))
lanes = {e["args"]["name"].split(" (")[0] for e in trace["traceEvents"] if e["ph"] == "M"}
assert {"host", "aicpu0", "aicpu3", "ld.so", "system calls", "page faults"} <= lanes, lanes
events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
timing = [e for e in events if e["cat"] == "timing"]
opens = [e for e in events if e["args"].get("what") == "dlopen"]
links = [e for e in timing if e["name"] == "link"]
# Every dlopen that soload times as "link" contains one that the probe saw: the clocks agree.
for link in links:
    inside = [o for o in opens if o["ts"] >= link["ts"] - 1 and o["ts"] + o["dur"] <= link["ts"] + link["dur"] + 1]
    assert inside, link
assert links
END
checks=$((checks + 1))
is_trace "$scratch/all.json"

# How far the lanes of the AICPU are off the host's is in the record, told, and used: an AICPU that is a millisecond late is put right.
has "$out" "the AICPU's lanes agree with the host's within"
python3 - "$scratch/repro/run.json" <<'END' || fail "the clocks of run.json"
import json, sys
clocks = json.load(open(sys.argv[1]))["clocks"]
assert [c["arm"] for c in clocks] and all(c["uncertainty_ns"] > 0 and c["to_monotonic_ns"] > c["from_monotonic_ns"] for c in clocks), clocks
END
checks=$((checks + 1))
aicpu_at() {
	python3 - "$1" <<'END'
import json, sys
trace = json.load(open(sys.argv[1]))
first = {}
lanes = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
for e in trace["traceEvents"]:
    if e["ph"] == "X":
        first[lanes[e["tid"]]] = min(first.get(lanes[e["tid"]], e["ts"]), e["ts"])
print(round(first["aicpu3"] - first["host"]))
END
}
run 0 "$soload" trace --json "$scratch/right.json" --record "$scratch/repro"
python3 - "$scratch/repro/run.json" <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
for clock in run["clocks"]:
    clock.update(offset_ns=-1e6, drift_ppm=0, uncertainty_ns=500)
json.dump(run, open(sys.argv[1], "w"))
END
run 0 "$soload" trace --json "$scratch/late.json" --record "$scratch/repro"
equal "how much later the AICPU is, us" "$(($(aicpu_at "$scratch/late.json") - $(aicpu_at "$scratch/right.json")))" 1000

# Without names: stripped of its debug file, phases come from markers or from system calls. An ld.so of nobody's build, and without a
# libc beside it, lets nothing be watched: that is said, and auto takes the next.
run 0 "$soload" trace --probe ldphase:symbols=/nonexistent -- "${programs}many" "$object" 50
if grep -q 'no symbols for' "$err"; then
	has "$err" "phases from"
	has "$out" "bind"
	equal "dlopens without names" "$(opens)" 50
	python3 - "$linker" "$scratch/probe_ld.so" <<'END'
import re, sys
with open(sys.argv[1], "rb") as file, open(sys.argv[2], "wb") as to:
    to.write(re.sub(rb"(\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0).{20}", rb"\g<1>" + b"1" * 20, file.read(), flags=re.S))
END
	chmod 755 "$scratch/probe_ld.so"
	run 2 env -C "$scratch" "$(readlink -f "$soload")" trace --probe ldphase -- "${programs}linked" "$object" 50
	has "$err" "dlopen cannot be watched: no symbols for"
	run 0 env -C "$scratch" "$(readlink -f "$soload")" trace -- "${programs}linked" "$object" 50
	has "$out" "50 dlopens, 50 dlcloses, probe ldaudit"
	has "$err" "using ldaudit"
	equal "lines of warning" "$(wc -l <"$err")" 1
else
	left_out "phases from system calls: this ld.so has its names with it"
fi

# Capabilities instead of root; no BTF; no tracefs.
caps="setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +bpf,+perfmon --ambient-caps +bpf,+perfmon --bounding-set -all,+bpf,+perfmon"
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null && $caps true 2>/dev/null; then
	run 0 $caps "$scratch/soload" trace --probe ldphase -- "$scratch/many" "$scratch/object.so" 5
	equal "dlopens seen with CAP_BPF and CAP_PERFMON" "$(opens)" 5
	run 0 unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf && { [ ! -d /sys/kernel/tracing ] || mount -t tmpfs none /sys/kernel/tracing; } &&
		exec '$soload' trace --probe ldphase -- '${programs}forks' '$object' 20"
	equal "dlopens without BTF and tracefs" "$(opens)" 60
	has "$err" "no kernel BTF"
	equal "lines of warning" "$(wc -l <"$err")" 1
else
	left_out "capabilities, BTF and tracefs: needs root, unshare and setpriv"
fi

expect_end
