#!/bin/sh
# soload trace and run --probe from outside: every dlopen seen, by whatever probe the rights allow; what is missing is said, once;
# nothing of a probe is left behind. What this machine does not let us test is printed as left out.
# shellcheck disable=SC1091,SC2154,SC2086 # the sourced file defines what is used here; lists of words
. tests/cli/expect

object=$PWD/$fixtures/answer_1.so
programs=$PWD/$fixtures/probe_

left_out() {
	echo "left out: $*"
}

# opens: the dlopens that the last trace has counted. drops, gaps: what it lost.
opens() {
	sed -n '1s/.*: \([0-9]*\) dlopens.*/\1/p' "$out"
}
nothing_lost() {
	has "$out" "drops 0, gaps 0"
}

# uprobes_left: on this machine, by BPF links and by tracefs where root may look.
uprobes_left() {
	count=0
	for tool in bpftool /usr/sbin/bpftool; do
		command -v "$tool" >/dev/null 2>&1 && count=$("$tool" link show 2>/dev/null | grep -c 'type 12\|uprobe_multi')
	done
	echo "$count"
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
assert all(e["ts"] >= 0 and e.get("dur", 0) >= 0 for e in events)
END
checks=$((checks + 1))

# Anybody: LD_AUDIT sees every dlopen, in children too.
run 0 "$soload" trace --probe ldaudit -- "${programs}many" "$object" 300
equal "dlopens seen by ldaudit" "$(opens)" 300
nothing_lost
run 0 "$soload" trace --probe ldaudit -- "${programs}forks" "$object" 20
equal "dlopens of forked and executed children" "$(opens)" 60
run 0 "$soload" trace --probe total -- "${programs}many" "$object" 3
has "$out" "0 dlopens"

# Hooks, where ld.so has names.
if "$soload" list probes | grep -A1 '^  ldhook ' | grep -q 'not here'; then
	left_out "ldhook: $("$soload" list probes | grep -A1 '^  ldhook ' | tail -1)"
else
	run 0 "$soload" trace --probe ldhook -- "${programs}threads" "$object" 300
	equal "dlopens seen by ldhook" "$(opens)" 600
	nothing_lost
	run 0 "$soload" trace --probe ldhook -- "${programs}fails" "$object" 10
	equal "dlopens seen by ldhook, half of them in vain" "$(opens)" 110
	equal "dlopens that failed" "$(grep -c ' failed' "$out")" 10
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
equal "measured rows" "$(awk -F, '$5 != "probe" && $(NF - 1) == "0"' "$scratch/record/samples.csv" | wc -l)" 20
equal "probed rows that count" "$(awk -F, '$5 == "probe" && $(NF - 1) == "0"' "$scratch/record/samples.csv" | wc -l)" 0
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
	has "$err" "not all steps are told apart"
	equal "lines of warning" "$(wc -l <"$err")" 1
	run 2 $nobody "$scratch/soload" trace -p $$
	has "$err" "no probe can do this here"
	run 0 $nobody "$scratch/soload" run --so "$scratch/object.so" -l memfd -n 5 --probe auto,rusage --out /tmp/soload-nobody-$$
	has "$out" "Probe ldaudit"
	rm -rf "/tmp/soload-nobody-$$"
else
	left_out "uid 65534: this user is not root, or has no setpriv"
fi

if "$soload" list probes | grep -A1 '^  ldphase ' | grep -q 'not here'; then
	left_out "ldphase: $("$soload" list probes | grep -A1 '^  ldphase ' | tail -1)"
	expect_end
fi

# Everything: threads, children, failures, ten thousand loads, without a loss at default sizes.
before=$(uprobes_left)
run 0 "$soload" trace --probe ldphase -- "${programs}threads" "$object" 500
equal "dlopens of two threads" "$(opens)" 1000
nothing_lost
run 0 "$soload" trace --probe ldphase -- "${programs}forks" "$object" 20
equal "dlopens of forked and executed children" "$(opens)" 60
equal "what LD_DEBUG counts" "$(LD_DEBUG=files "${programs}forks" "$object" 20 2>&1 | grep -c 'opening file=')" 60
run 0 "$soload" trace --probe ldphase -- "${programs}fails" "$object" 10
equal "dlopens, failed ones too" "$(opens)" 110
equal "dlopens that failed" "$(grep -c ' failed' "$out")" 10
run 0 "$soload" trace --probe ldphase -- "${programs}many" "$object" 10000
equal "ten thousand dlopens" "$(opens)" 10000
nothing_lost
run 0 "$soload" trace --probe ldphase:attach=perf:level=total -- "${programs}many" "$object" 50
equal "dlopens through perf events" "$(opens)" 50

# The in-memory loader asks the kernel for nothing of what dlopen asks for.
run 0 "$soload" trace "$object" --loader elf
for call in openat mmap munmap mprotect read close; do
	has_not "$out" " $call "
done
has_not "$out" "> "
run 0 "$soload" trace "$object" --loader memfd
has "$out" "openat"

# A process that runs, for a while; then Ctrl-C: 0 and a table, and no uprobe is left.
"${programs}many" "$object" 100000000 &
victim=$!
run 0 "$soload" trace -p $victim -t 0.5
checks=$((checks + 1))
[ "$(opens)" -gt 0 ] || fail "no dlopen of a running process seen"
timeout --foreground -s INT 2 "$soload" trace --probe ldphase -- "${programs}many" "$object" 100000000 >"$scratch/out" 2>"$scratch/err"
equal "exit code of an interrupted trace" "$?" 124
kill $victim
wait $victim 2>/dev/null
equal "uprobes left" "$(uprobes_left)" "$before"

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

# Without names: stripped of its debug file, phases come from system calls.
run 0 "$soload" trace --probe ldphase:symbols=/nonexistent -- "${programs}many" "$object" 50
if grep -q 'no symbols for' "$err"; then
	has "$err" "phases from system calls"
	has "$out" "bind"
	equal "dlopens without names" "$(opens)" 50
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
