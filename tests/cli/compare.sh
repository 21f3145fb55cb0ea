#!/bin/sh
# soload compare from outside: what is live has intervals and epochs, what is stored has neither and is refused across CPUs.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

object=$build/objects/gen_16k.so
[ -f "$object" ] || object=$fixtures/answer_1.so
record=$scratch/record

run 0 "$soload" compare memfd elf --so "$object" --budget 1 --out "$record"
has "$out" "memfd..elf"
checks=$((checks + 1))
grep -q 'total .*[0-9]\.[0-9]* \[[0-9.]*, [0-9.]*\]' "$out" || fail "no interval: $(cat "$out")"
equal "rows that are not whole" "$(awk -F, 'NF != 10' "$record/epochs.csv" | wc -l)" 0
cp "$soload" "$scratch/base"
run 0 "$soload" compare "$scratch/base" "$soload" --so "$object" -l elf,cached --budget 1 --out "$record"
has "$out" "cached"
cp "$object" "$scratch/other.so"
run 0 "$soload" compare "$object" "$scratch/other.so" --budget 1 --out "$record"
run 1 "$soload" compare "$object" "$fixtures/orch_constructor_crashes.so" --budget 1 --out "$record"
has "$err" "in phase link"

# What was measured before an interrupt is shown, and a row that is over is on record before the next one is.
run 130 timeout --foreground --preserve-status -s INT 2 "$soload" compare memfd elf --so "$object" --budget 60 --out "$record"
has "$out" "A is memfd, B is elf"
has "$out" "Results: $record"
checks=$((checks + 1))
grep -q '^  memfd..elf  *total ' "$out" || fail "no row: $(cat "$out")"
rm -rf "$record"
"$soload" compare "$scratch/base" "$soload" --so "$object" -l elf,cached --budget 2 --out "$record" >"$scratch/out" 2>"$scratch/err" </dev/null &
victim=$!
for _ in $(seq 300); do
	grep -qs ',elf,' "$record/epochs.csv" && break
	sleep 0.1
done
kill -KILL $victim
wait $victim 2>/dev/null
checks=$((checks + 1))
awk -F, '$2 == "elf" { first++ } $2 == "cached" || NF != 10 { other++ } END { exit !(first >= 3 && !other) }' "$record/epochs.csv" ||
	fail "a killed compare left $(wc -l <"$record/epochs.csv") lines"

for name in a b; do
	run 0 "$soload" run --so "$object" -l memfd,elf -n 6 --out "$scratch/$name"
done
run 0 "$soload" compare "$scratch/a" "$scratch/b"
has "$out" "weak evidence"
has "$out" "memfd@"
sed -i 's/"cpu": "[^"]*"/"cpu": "another"/' "$scratch/b/run.json"
run 3 "$soload" compare "$scratch/a" "$scratch/b"
has "$err" "different CPUs"
printf 'garbage\n' >"$scratch/b/samples.csv"
run 2 "$soload" compare "$scratch/a" "$scratch/b"
one_line "$err"
head -1 "$scratch/a/samples.csv" >"$scratch/b/samples.csv"
run 2 "$soload" compare "$scratch/a" "$scratch/b"
has "$err" "no measured loads"

for arguments in "" "memfd" "memfd elf" "memfd elf disk" "memfd $object" "/nonexistent/a /nonexistent/b" "memfd elf --so $object --budget x" \
	"$scratch/a memfd" "$object $object -l elf,elf"; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" compare $arguments
	one_line "$err"
done

expect_end
