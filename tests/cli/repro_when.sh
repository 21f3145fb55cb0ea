#!/bin/sh
# soload repro --when and --callables: every life cycle against the golden, the record added up by hand, many objects that take turns.
set -u
soload=$SOLOAD_BUILD/soload
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0
fail() {
	echo "repro_when: $*" >&2
	failed=1
}

# repro FOLDER ARGUMENTS...: its output in out and err.
repro() {
	folder=$1
	shift
	"$soload" repro --pools small --out "$scratch/$folder" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# 4 loaders x 2 transports x 4 life cycles, 1 + 2 rounds each.
repro all --when all -n 2 --loader disk,elf,cached,prelinked --transport inline,dedup || fail "exit code $? with: $(cat "$scratch/err")"
tail -n 1 "$scratch/out" | grep -q '^PASS: 96 of 96 rounds' || fail "$(tail -n 1 "$scratch/out")"
for heading in Register '1st load' 'At end' When; do
	grep -q "$heading" "$scratch/out" || fail "no column $heading"
done

# Where the load is, row by row. A registration and what ends with the process are rows of their own; nothing else is.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{
		sum = 0
		for (name in at)
			if (name ~ /^(read|stage|link|map|relocate|protect|init|resolve|call|unload|unstage|other)_ns$/)
				sum += $at[name]
		if (sum != $at["total_ns"]) wrong("phases add up to " sum)
		when = $at["when"]
		scenario = $at["scenario"]
		count[scenario "/" when]++
		brought = $at["read_ns"] > 0
		early = $at["early_ns"]
		bare = $at["transport"] == "inline" ? 4202048 : 7744
		if (scenario == "registration") {
			if (!brought || early != $at["total_ns"] || !$at["warmup"]) wrong("registration")
			if ($at["dma_bytes"] < bare + $at["so_bytes"]) wrong("a registration that sends no object")
			next
		}
		if (scenario == "unload") {
			if (brought || $at["unload_ns"] <= 0 || !$at["warmup"]) wrong("unload")
			next
		}
		first = !($at["arm"] in seen)
		seen[$at["arm"]]
		if (brought != (when == "per-run" || when == "prewarm" || (when == "once" && first))) wrong("the load is elsewhere")
		if (($at["unload_ns"] > 0) != (when == "per-run" || when == "prewarm")) wrong("the unload is elsewhere")
		if ((early != "") != (when == "prewarm")) wrong("early")
		if (early != "" && (early <= 0 || early >= $at["total_ns"])) wrong("early is no part of the load")
		if ((when == "register" || (when == "once" && !first)) && $at["dma_bytes"] != bare) wrong("the object is sent again")
		if ($at["stale"] != 0 || $at["error"] != "") wrong("stale or failed")
	}
	function wrong(what) { print "row " NR ": " what ": " $0; bad = 1 }
	END {
		split("per-run once register prewarm", whens, " ")
		for (i in whens) if (count["reproduction/" whens[i]] != 24) { print whens[i] ": " count["reproduction/" whens[i]] " rounds"; bad = 1 }
		if (count["registration/register"] != 8 || count["unload/register"] != 8 || count["unload/once"] != 8) { print "rows apart from rounds"; bad = 1 }
		exit bad
	}' "$scratch/all/samples.csv" >&2 || fail "samples.csv"
python3 - "$scratch/all/run.json" <<-'END' || fail "run.json"
	import json, sys
	run = json.load(open(sys.argv[1]))
	assert run["repro"]["when"] == ["per-run", "once", "register", "prewarm"] and run["repro"]["callables"] == 1
	assert len(run["first_and_steady"]) == 32
	for arm in run["first_and_steady"]:
	    assert (arm["registration_ns"] is not None) == (arm["when"] == "register"), arm
	    assert (arm["unload_ns"] is not None) == (arm["when"] in ("once", "register")), arm
	    assert (arm["first"]["early_ns"] > 0) == (arm["when"] == "prewarm"), arm
END
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$at["metric"] == "first" && $at["phase"] == "total" { n[$at["when"]]++ } END { exit !(n["once"] == 8 && n["per-run"] == 8) }' "$scratch/all/summary.csv" || fail "summary.csv has no first invocations"

# Reports set the very first load, a registration where there is one, against the others.
if "$soload" report "$scratch/all" --out "$scratch/report" >/dev/null 2>"$scratch/err"; then
	grep -rq 'register' "$scratch/report" || fail "the report does not know life cycles"
else
	fail "report: $(cat "$scratch/err")"
fi

# Every variant; what means nothing where the host loads is said.
for variant in 'a2a3 aicpu_build_graph 24' 'a5 tensormap_and_ringbuffer 24' 'a2a3 host_build_graph 6'; do
	# shellcheck disable=SC2086 # three words
	set -- $variant
	loaders='--loader memfd,elf,null --transport separate'
	[ "$2" = host_build_graph ] && loaders=
	# shellcheck disable=SC2086 # options
	repro variant -p "$1" -r "$2" --when all -n 1 $loaders || fail "$variant: exit code $? with: $(cat "$scratch/err")"
	tail -n 1 "$scratch/out" | grep -q "^PASS: $3 of $3 rounds" || fail "$variant: $(tail -n 1 "$scratch/out")"
done
grep -q 'prewarm means nothing where the host loads: left out' "$scratch/err" || fail "prewarm with host_build_graph: $(cat "$scratch/err")"

# Objects that take turns, more than the caches hold: always the right one, by its code, and the same sequence for the same seed.
for i in 1 2; do
	repro "turns$i" --callables 6 --when all --seed 9 -n 7 --loader cached:entries=2,prelinked:entries=2,memfd,disk:mended --transport dedup,trimmed ||
		fail "callables: exit code $? with: $(cat "$scratch/err")"
	tail -n 1 "$scratch/out" | grep -q '^PASS: 256 of 256 rounds' || fail "callables: $(tail -n 1 "$scratch/out")"
	grep -q "every round's code said which object it is" "$scratch/out" || fail "nobody asked which object ran"
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["arm"], $at["callable"]; seen[$at["callable"]] }
		END { for (c in seen) n++; if (n != 6) exit 1 }' "$scratch/turns$i/samples.csv" >"$scratch/sequence$i" || fail "not every object had its turn"
done
cmp -s "$scratch/sequence1" "$scratch/sequence2" || fail "equal seeds, different turns"

# As many objects as a device has places for: each arm registers every one of them, and every one has its turn.
repro places --callables 64 --when register --seed 3 -n 150 --loader memfd,elf,prelinked,cached,disk:mended --transport dedup ||
	fail "64 callables: exit code $? with: $(cat "$scratch/err")"
tail -n 1 "$scratch/out" | grep -q '^PASS: 755 of 755 rounds' || fail "64 callables: $(tail -n 1 "$scratch/out")"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$at["scenario"] == "registration" { places[$at["arm"] " " $at["callable"]] }
	$at["scenario"] == "reproduction" { turns[$at["callable"]] }
	END { for (p in places) n++; for (t in turns) m++; if (n != 5 * 64 || m != 64) { print n " registrations, " m " objects that had a turn"; exit 1 } }' \
	"$scratch/places/samples.csv" >&2 || fail "not every one of 64 objects was registered and run"

# The seed's disk has one file name for all: left out of what is kept, and shown when it is asked for.
repro one --callables 3 --when once,register -n 2 --transport separate || fail "all loaders: exit code $? with: $(cat "$scratch/err")"
grep -q 'loader disk holds one object at a time' "$scratch/err" || fail "disk is not left out: $(cat "$scratch/err")"
repro named --callables 3 --when register -n 2 --loader disk --transport separate --timeout 5
[ $? = 1 ] || fail "one file for three objects is no failure"

# A load that fails at registration is told as that, once, and its row is there.
repro bad --when register -n 2 --loader memfd --transport separate --orch "$SOLOAD_BUILD/fixtures/orch_no_entry.so"
[ $? = 1 ] || fail "a failed registration: exit code"
[ "$(grep -c 'registration failed in phase resolve' "$scratch/err")/$(wc -l <"$scratch/err")" = 1/1 ] || fail "a failed registration says: $(cat "$scratch/err")"
grep -q ',registration,.*no symbol' "$scratch/bad/samples.csv" || fail "a failed registration has no row"
exit $failed
