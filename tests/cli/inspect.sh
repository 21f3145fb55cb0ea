#!/bin/sh
# soload inspect: what is inside, what loaders will meet, and files that are none of it.
# shellcheck disable=SC1091,SC2154,SC2016 # the sourced file defines what is used here; $NAME is a column
. tests/cli/expect

run 0 "$soload" inspect "$fixtures/unique_1.so" -l disk,disk:mended,memfd
has "$out" "GNU-unique"
has "$out" "-fno-gnu-unique"
checks=$((checks + 1))
grep -q '^  disk  *stale ' "$out" || fail "disk is not foreseen as stale"
grep -q '^  disk:mended  *beware ' "$out" || fail "disk:mended is not foreseen as leaking"
# It is foreseen, and it happens.
run 1 "$soload" run --so "$fixtures/unique_1.so" -l disk -n 3 --out "$scratch/run"
has "$out" "stale loads"

run 0 "$soload" inspect "$fixtures/nounique_1.so" -l disk
checks=$((checks + 1))
grep -q '^  disk .*stale' "$out" && fail "an object without unique symbols is foreseen as stale"
run 0 "$soload" inspect "$fixtures/textrel.so"
has "$out" "text relocations"
run 0 "$soload" inspect "$fixtures/tls.so"
has "$out" "thread-local"
run 0 "$soload" inspect "$fixtures/needs_absent.so"
has "$out" "libsoload_absent.so.9"

# Against readelf, where it is: relocations by kind, segments, build-id.
if command -v readelf >/dev/null; then
	for file in "$fixtures/imports.so" "$fixtures/throws.so" "$build/objects/gen_16k.so"; do
		[ -f "$file" ] || continue
		run 0 "$soload" inspect "$file"
		id=$(readelf -n "$file" 2>/dev/null | sed -n 's/.*Build ID: //p')
		has "$out" "build-id       ${id:-none}"
		total=$(readelf -Wr "$file" | grep -c '^[0-9a-f]\{12,\} ')
		has "$out" "relocations    $total"
		readelf -Wr "$file" | sed -n 's/^[0-9a-f]* *[0-9a-f]* *\(R_[A-Z0-9_]*\).*/\1/p' | sort | uniq -c |
			while read -r count name; do
				grep -q " $name  *$count\$" "$out" || echo "$name $count"
			done >"$scratch/missing"
		# readelf cuts long names
		equal "relocations that inspect does not have" "$(sed 's/_ .*//' "$scratch/missing")" ""
		run 0 "$soload" inspect "$file" --symbols
		for name in $(nm -D --defined-only "$file" | sed 's/.* //; s/@.*//' | head -5); do
			has "$out" " $name"
		done
		loads=$(readelf -Wl "$file" | grep -c '^  LOAD')
		equal "segments" "$(grep -c ' r[w-][x-]$' "$out")" "$loads"
	done
else
	echo "no readelf: nothing was compared with it"
fi

# JSON says the same; python reads it.
run 0 "$soload" inspect "$fixtures/unique_1.so" --json
cp "$out" "$scratch/json"
if command -v python3 >/dev/null; then
	checks=$((checks + 1))
	python3 -c '
import json, os, sys
data = json.load(open(sys.argv[1]))
assert data["file_bytes"] == os.path.getsize(sys.argv[2]), "file_bytes"
assert data["load_bytes"] == sum(s["file_bytes"] for s in data["segments"]), "load_bytes"
assert data["relocation_count"] == sum(data["relocations"].values()), "relocations"
assert data["symbols"]["gnu_unique"] >= 1, "unique"
assert {l["loader"] for l in data["loaders"]} >= {"null", "disk", "memfd"}, "loaders"
assert any(l["prospect"] == "stale" for l in data["loaders"] if l["loader"] == "disk"), "stale"
' "$scratch/json" "$fixtures/unique_1.so" || fail "the JSON"
fi

# Not an object.
printf 'garbage' >"$scratch/garbage"
: >"$scratch/empty"
head -c 600 "$fixtures/answer_1.so" >"$scratch/cut"
for file in "$scratch/garbage" "$scratch/empty" "$scratch/cut" "$scratch" /nonexistent tests/cli/inspect.sh; do
	run 2 "$soload" inspect "$file"
	one_line "$err"
	has "$err" "$file"
	equal "stdout" "$(cat "$out")" ""
done
run 2 "$soload" inspect
one_line "$err"
run 2 "$soload" inspect a b
one_line "$err"
run 2 "$soload" inspect "$fixtures/answer_1.so" -l memdf
one_line "$err"
has "$err" "did you mean 'memfd'?"

# An object for another machine is shown, and every loader refuses it. e_machine is at byte 18.
cp "$fixtures/answer_1.so" "$scratch/foreign.so"
printf '\363\000' | dd of="$scratch/foreign.so" bs=1 seek=18 conv=notrunc 2>/dev/null # EM_RISCV
run 0 "$soload" inspect "$scratch/foreign.so" -l disk,memfd
has "$out" "riscv"
equal "loaders that refuse it" "$(grep -c ' refused ' "$out")" 2
run 2 "$soload" run --so "$scratch/foreign.so" -l memfd --out "$scratch/run"
one_line "$err"

expect_end
