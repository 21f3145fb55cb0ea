#!/bin/sh
# soload repro -d 0,1: two dies of one chip on one file system. The seed's name is the same on both and they load each other's bytes;
# with every other loader, and with the mended one, 200 rounds of both at once come out right.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

# Another build of the same orchestration on the second device: equal outputs, other bytes.
run 1 "$soload" repro -d 0,1 --loader disk --transport separate --pools small -n 80 --out "$scratch/disk"
has "$out" "devices 0 and 1 run at once: two dies of one chip, with one file system"
has "$out" "device 0: object pa_unroll_cxx_nounique.so"
has "$out" "device 1: object pa_unroll.so"
has "$out" "disk/separate@0 and disk/separate@1: one file for both, "
has "$out" "That is the collision of simpler #890"
tail -n 1 "$out" >"$scratch/verdict"
has "$scratch/verdict" "FAIL: "
# In which rounds the other one's object answered, on either device.
foreign=$(sed -n "s/.*answered in \([0-9]*\) of 81 rounds.*/\1/p" "$out" | awk '{ n += $1 } END { print n + 0 }')
checks=$((checks + 1))
[ "$foreign" -gt 0 ] || fail "neither device ever ran the other's object: $(cat "$out")"
# The record says the same: stale loads, each by its file, and both devices in every round.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ rounds[$at["device"]]++ }
	$at["device"] != 0 && $at["device"] != 1 { print "row " NR ": device " $at["device"]; bad = 1 }
	$at["so"] != ($at["device"] == 0 ? "pa_unroll_cxx_nounique.so" : "pa_unroll.so") { print "row " NR ": " $at["so"]; bad = 1 }
	$at["stale"] == 1 { stale++; if ($at["staged_at"] !~ /libdevice_orch_[0-9]+[.]so$/) { print "row " NR ": " $at["staged_at"]; bad = 1 } }
	END { if (rounds[0] != 81 || rounds[1] != 81 || stale == 0) { print rounds[0], rounds[1], stale; bad = 1 } exit bad }' \
	"$scratch/disk/samples.csv" >"$scratch/said" || fail "samples.csv: $(cat "$scratch/said")"

# Two hundred rounds without one.
run 0 "$soload" repro -d 4,7 --loader disk:mended,tmpfs,memfd,cached,elf,elf:dualmap,prelinked,auto --transport separate --pools small -n 199 \
	--out "$scratch/others"
tail -n 1 "$out" >"$scratch/verdict"
has "$scratch/verdict" "PASS: 3200 of 3200 rounds match the golden"
has_not "$out" "one file for both"
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ rows[$at["device"]]++; start[$at["device"]] = $at["start_ns"] }
	$at["staged_at"] != "" && $at["device"] == 4 { mine[$at["staged_at"]] }
	$at["staged_at"] != "" && $at["device"] == 7 && $at["loader"] !~ /memfd/ && ($at["staged_at"] in mine) { print $at["staged_at"] " on both"; bad = 1 }
	END { if (rows[4] != 1600 || rows[7] != 1600) { print rows[4], rows[7]; bad = 1 } exit bad }' "$scratch/others/samples.csv" >"$scratch/said" ||
	fail "samples.csv: $(cat "$scratch/said")"

# Every life cycle on both at once, each with an object of its own in its places.
run 0 "$soload" repro -d 0,1 --when all --loader disk:mended,elf,prelinked --transport dedup --pools small -n 3 --out "$scratch/whens"
tail -n 1 "$out" >"$scratch/verdict"
has "$scratch/verdict" "PASS: 96 of 96 rounds match the golden"
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ rows[$at["scenario"] " " $at["when"] " " $at["device"]]++ }
	END {
		split("per-run once register prewarm", whens, " ")
		for (w in whens) for (d = 0; d < 2; d++) {
			rounds = rows["reproduction " whens[w] " " d]
			registered = rows["registration " whens[w] " " d]
			if (rounds != 12 || registered != (whens[w] == "register" ? 3 : 0)) { print whens[w] "@" d ": " rounds " rounds, " registered; bad = 1 }
		}
		exit bad
	}' "$scratch/whens/samples.csv" >"$scratch/said" || fail "samples.csv: $(cat "$scratch/said")"

# The same object on both, which reports keep apart; and one for each.
run 0 "$soload" repro -d 0,1 --orch "$build/objects/pa_unroll.so" --loader disk:mended --transport dedup --pools small -n 2 --out "$scratch/same"
run 0 "$soload" report "$scratch/same" --out "$scratch/report" --engine none
checks=$((checks + 1))
grep -rqF "device 1" "$scratch/report" || fail "no figure names device 1"
run 0 "$soload" repro -d 0,1 --orch "$build/objects/pa_unroll.so,$build/objects/pa_unroll_cxx.so" --loader elf --transport trimmed --pools small -n 2 \
	--out "$scratch/each"
has "$out" "device 1: object pa_unroll_cxx.so"
expect_end
