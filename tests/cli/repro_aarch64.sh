#!/bin/sh
# A host of this machine with an AICPU built for aarch64, in an emulator: one device memory, one channel and one axis of time between
# the two. make test builds what it needs before.
# shellcheck disable=SC1091,SC2154,SC2016 # sourced names; awk's variables
. tests/cli/expect
qemu=$build/aarch64-parts/qemu/usr/bin/qemu-aarch64
if [ ! -x "$build/aarch64/soload" ] || [ ! -x "$qemu" ]; then
	echo "repro_aarch64: no aarch64 build in $build (make aarch64 says why): nothing to judge"
	exit 77
fi
aicpu="$qemu -cpu neoverse-n1 -L /usr/aarch64-linux-gnu $build/aarch64/soload"

# Every loader and transport that is there, twice, on little work; and the case itself once.
run 0 "$soload" repro --aicpu "$aicpu" -n 1 --context-lens 5,130 --pools small --out "$scratch/all"
arms=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } !seen[$at["arm"]]++ { n++ } END { print n }' "$scratch/all/samples.csv")
equal "arms, of 9 loaders and 5 transports" "$((arms >= 45))" 1
has "$out" "PASS: $((2 * arms)) of $((2 * arms)) rounds match the golden"
has "$out" "AICPU: aarch64 under qemu-user, 4 threads"
has "$out" "One load on the AICPU (emulated), medians"
equal "who the AICPU was, in run.json" "$(python3 -c 'import json, sys
aicpu = json.load(open(sys.argv[1]))["aicpu"]
print(aicpu["name"], aicpu["emulated"], aicpu["command"][-1] == sys.argv[2])' "$scratch/all/run.json" "$build/aarch64/soload")" \
	"aarch64 under qemu-user True True"
run 0 "$soload" repro --aicpu "$aicpu" -n 1 --warmup 0 --loader elf --transport separate --out "$scratch/small"
has "$out" "PASS: 1 of 1 rounds match the golden (8192 of 8192 elements each), no stale load"

# Both clocks are one: what the AICPU's threads record lies within the host's round, and a lane has no gap.
run 0 awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{
		round = $at["seq"]; lane = round "/" $at["lane"]; start = $at["start_ns"]; end = start + $at["dur_ns"]
		if (lane in last && (start - last[lane] > 2 || last[lane] - start > 2)) { print lane ": gap of " start - last[lane]; bad = 1 }
		last[lane] = end
		if ($at["lane"] == "host") {
			if (!(round in from)) from[round] = start
			to[round] = end
		} else {
			if (!(round in first) || start < first[round]) first[round] = start
			if (end > final[round]) final[round] = end
			n++
		}
	}
	END {
		for (round in first)
			if (first[round] < from[round] - 100000 || final[round] > to[round] + 100000) {
				printf "round %s: AICPU from %d to %d, host from %d to %d\n", round, first[round], final[round], from[round], to[round]
				bad = 1
			}
		exit bad || n < 90 * 4
	}' "$scratch/all/spans.csv"

# The host builds the graph with an object of its own; the AICPU runs the tasks.
run 0 "$soload" repro --aicpu "$aicpu" -r host_build_graph -n 1 --context-lens 5 --pools small --out "$scratch/hbg"
has "$out" "2 of 2 rounds match the golden"

# Freshness is judged over there, too: an object that cannot be closed answers with old code.
run 1 "$soload" repro --aicpu "$aicpu" --orch "$build/aarch64/objects/pa_unroll_cxx.so" -n 2 --context-lens 5 --loader disk --transport separate \
	--pools small --out "$scratch/stale"
has "$out" "2 of 3 loads stale: "

# An object of the host's is refused before anything is started.
run 2 "$soload" repro --aicpu "$aicpu" --orch "$build/objects/pa_unroll.so" --out "$scratch/none"
one_line "$err"
has "$err" "the AICPU is aarch64: build the object for that"
expect_end
