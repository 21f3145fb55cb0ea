#!/bin/sh
# soload gate from outside: a planted regression is red, the same thing twice never is, a verdict can be computed
# again, and every word that makes no sense is refused. How long it takes, and whether a busy machine lets it decide, is not asserted.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

record=$scratch/record
object=$build/objects/gen_16k.so
[ -f "$object" ] || object=$fixtures/answer_1.so

# gate CODES ARGUMENTS...: the exit code is one of CODES ("0 3"), and the last line says the same.
gate() {
	codes=$1
	shift
	checks=$((checks + 1))
	"$soload" gate "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	out=$scratch/out err=$scratch/err
	case " $codes " in
	*" $status "*) ;;
	*)
		fail "exit code $status, none of $codes: gate $*"
		cat "$err" "$out" >&2
		;;
	esac
	case $status in
	0) word=pass ;;
	1) word=fail ;;
	3) word=inconclusive ;;
	*) word=skipped ;;
	esac
	equal "the word on the last line" "$(tail -1 "$out" | sed 's/^verdict=\([a-z]*\).*/\1/')" $word
}

# The planted regression: red, and by name. Twice as slow is found on any machine that runs this at all.
gate 1 memfd memfd --so "$object" --inject 100% --budget 120 --seed 5 --out "$record"
has "$out" "FAIL"
has "$out" "reason=memfd: total p"
has "$record/run.json" '"exit_code": 1'
has "$record/gate.md" "**fail**"
equal "the header" "$(head -1 "$record/epochs.csv")" "epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order"
equal "rows that are not whole" "$(awk -F, 'NF != 10' "$record/epochs.csv" | wc -l)" 0
equal "ratios with half an interval" "$(awk -F, '$8 ~ /^ratio/ && ($13 == 0 || ($13 == "") != ($14 == ""))' "$record/summary.csv" | wc -l)" 0
last=$(tail -1 "$out")
gate 1 --replay "$record/epochs.csv"
equal "the verdict, computed again" "$(tail -1 "$out")" "$last"
gate "0 3" --replay "$record/epochs.csv" --delta 500%
# What it would have no use for is refused, not ignored.
for arguments in "--out $scratch/none" "-l elf" "--so $object" "--inject 5%" "--pin none" "--budget 5" "--seed 1" "--symbol f"; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" gate --replay "$record/epochs.csv" $arguments
	one_line "$err"
	has "$err" "--replay measures nothing: no --"
done
run 2 "$soload" gate --replay "$record/epochs.csv" --counters calls
has "$err" "--replay counts nothing"

# The rules of the record are those of the replay: here nothing is more than half of what is tolerated.
gate "0 3" memfd memfd --so "$object" --inject 100% --delta 900% --metrics p50 --budget 10 --out "$record"
gate "0 3" --replay "$record/epochs.csv"
gate 1 --replay "$record/epochs.csv" --delta 5% --metrics p10,p50

# A regression of some loads only, and of one phase only.
gate 1 memfd memfd --so "$object" --inject 300%:40% --budget 120 --out "$record"
gate 1 memfd memfd --so "$object" --inject 300%:stage --delta stage=20% --budget 120 --out "$record"

# The same thing twice is never a regression; a busy machine may leave it open.
gate "0 3" memfd memfd --so "$object" --budget 6 --out "$record" --github
has_not "$out" "::error"
cp "$soload" "$scratch/base"
gate "0 3" "$scratch/base" "$soload" --so "$object" -l elf,cached --budget 4 --out "$record"
has "$out" "elf"
has "$out" "cached"

# Two objects of one name are two rows.
mkdir -p "$scratch/a" "$scratch/b"
cp "$object" "$scratch/a/k.so" && cp "$object" "$scratch/b/k.so"
gate "0 3" memfd memfd --so "$scratch/a/k.so" --so "$scratch/b/k.so" --budget 4 --out "$record"
equal "the scenarios" "$(cut -d, -f3 "$record/epochs.csv" | LC_ALL=C sort -u | tr '\n' ' ')" "cycle@$scratch/b/k.so cycle@k.so scenario "
last=$(tail -1 "$out")
gate "0 3" --replay "$record/epochs.csv"
equal "two rows, computed again" "$(tail -1 "$out")" "$last"

# Red by what was counted, whatever the times say; computed again, too. The counters are in the record and in its Markdown.
gate 1 "$scratch/base" "$soload" --so "$object" -l elf --counters calls --inject call --delta 500% --budget 10 --out "$record"
has "$out" "reason=elf: counter syscalls.getppid 0 -> 1"
has "$record/gate.md" "| elf | syscalls.getppid | 0 | 1 | more, **undeclared** |"
equal "the header" "$(head -1 "$record/counters.csv")" "loader,scenario,counter,base,head,exact,expected"
has "$record/counters.csv" ",syscalls.getppid,0,1,1,0"
last=$(tail -1 "$out")
gate 1 --replay "$record/epochs.csv"
equal "a counter, computed again" "$(tail -1 "$out")" "$last"
gate "0 3" --replay "$record/epochs.csv" --counters off
sed -i 's/^\(.*,syscalls[^,]*,.*,1\),0$/\1,1/' "$record/counters.csv"
gate "0 3" --replay "$record/epochs.csv"
echo nonsense >>"$record/counters.csv"
run 2 "$soload" gate --replay "$record/epochs.csv"
one_line "$err"
# Half a gate is no pass, whatever its rows say. Here all of them would pass, tolerance being what it is.
gate 0 memfd memfd --so "$object" --delta 900% --metrics p50 --budget 30 --out "$record"
gate 0 --replay "$record/epochs.csv"
cp "$record/run.json" "$scratch/whole.json"
for state in interrupted running; do
	sed 's/"state": "done"/"state": "'$state'"/; s/"rows_planned": 1/"rows_planned": 2/; s/"rows": /"no": /' "$scratch/whole.json" >"$record/run.json"
	gate 3 --replay "$record/epochs.csv"
	equal "the last line" "$(tail -1 "$out")" "verdict=inconclusive reason=the gate was interrupted: 1 of 2 rows"
done
sed 's/"state": "done"/"state": "interrupted"/; s/"rows": /"no": /' "$scratch/whole.json" >"$record/run.json"
gate 3 --replay "$record/epochs.csv"
sed 's/"rows_planned": 1/"rows_planned": 2/' "$scratch/whole.json" >"$record/run.json"
gate 3 --replay "$record/epochs.csv"
rm "$record/run.json"
gate 0 --replay "$record/epochs.csv" --delta 900% --metrics p50
# What counted is no part of the record that takes its place.
gate "0 3" "$scratch/base" "$soload" --so "$object" -l elf --counters off --delta 500% --budget 10 --out "$record"
checks=$((checks + 1))
[ ! -e "$record/counters.csv" ] || fail "the counters of another gate are in the record"
last=$(tail -1 "$out")
gate "0 3" --replay "$record/epochs.csv"
equal "the verdict, computed again" "$(tail -1 "$out")" "$last"

# Declarations are read before anything is timed, in the folder it runs in; those that are needed no more are told.
mkdir -p "$scratch/here/results"
printf 'elf bogus +1\n' >"$scratch/here/results/counters.expected"
soload_there=$(realpath "$soload") object_there=$(realpath "$object")
there() {
	(cd "$scratch/here" && exec "$soload_there" "$@")
}
run 2 there gate "$scratch/base" "$soload_there" --so "$object_there" --counters calls --out "$scratch/here/record"
one_line "$err"
checks=$((checks + 1))
[ ! -e "$scratch/here/record" ] || fail "something was run before the declarations were read"
there gate memfd memfd --so "$object_there" --budget 1 --out "$scratch/here/record" >"$out" 2>"$err"
status=$? checks=$((checks + 1))
[ $status != 2 ] || fail "declarations were read where nothing is counted: $(cat "$err")"
cp "$object" "$scratch/head.so"
printf 'memfd syscalls.getppid +1\n' >"$scratch/here/results/counters.expected"
there gate "$object_there" "$scratch/head.so" --counters calls --budget 1 --out "$scratch/here/record" >"$out" 2>"$err"
has "$out" "counters.expected: line 1 covers no rise: remove it"
gate "0 3" "$object" "$scratch/head.so" -l elf --budget 4 --out "$record"

# Annotations, and GitHub's summary.
GITHUB_STEP_SUMMARY=$scratch/summary.md
export GITHUB_STEP_SUMMARY
gate 1 elf elf --so "$object" --inject 200% --budget 120 --out "$record" --github
has "$out" "::error title=soload gate elf::FAIL: total p"
has "$scratch/summary.md" "| elf |"
rm "$scratch/summary.md"
gate 1 --replay "$record/epochs.csv" --github
has "$out" "::error title=soload gate elf::FAIL: total p"
has "$scratch/summary.md" "| elf |"
unset GITHUB_STEP_SUMMARY

# Head's loads fail, base's do not: a regression. Base cannot: nothing to compare.
gate 1 "$object" "$fixtures/orch_constructor_crashes.so" -l memfd --budget 2 --out "$record"
has "$out" "loads of head fail"
last=$(tail -1 "$out")
gate 1 --replay "$record/epochs.csv"
equal "a broken row, computed again" "$(tail -1 "$out")" "$last"
gate 77 "$fixtures/orch_constructor_crashes.so" "$object" -l memfd --budget 2 --out "$record"
has "$out" "base cannot"
gate 77 --replay "$record/epochs.csv"
# A load that is fast because an older image answers is none: head's fails, base's leaves nothing to compare with.
gate 1 "$fixtures/nounique_1.so" "$fixtures/unique_1.so" -l disk --counters off --budget 10 --out "$record"
has "$out" "loads of head fail: stale load: "
gate 77 "$fixtures/unique_1.so" "$fixtures/nounique_1.so" -l disk --counters off --budget 10 --out "$record"
has "$out" "base cannot: stale load: "
gate 77 disk elf --so "$fixtures/unique_1.so" --budget 10 --out "$record"
# Loads that fail only while they are counted, in processes that are all laid out alike.
if setarch "$(uname -m)" -R true 2>/dev/null; then
	# shellcheck disable=SC2016 # expanded by the script that is written
	printf '#!/bin/sh\nread -r how </proc/self/personality\ncase $how in *4????) exit 1 ;; esac\nexec %s "$@"\n' "$(realpath "$soload")" >"$scratch/fails"
	chmod +x "$scratch/fails"
	gate 1 "$soload" "$scratch/fails" --so "$object" -l memfd --counters calls --delta 500% --budget 10 --out "$record"
	has "$out" "reason=memfd: loads of head fail: "
	last=$(tail -1 "$out")
	gate 1 --replay "$record/epochs.csv"
	equal "loads that fail while counted, computed again" "$(tail -1 "$out")" "$last"
else
	echo "left out: loads that fail while they are counted: every layout is random here"
fi
printf '#!/bin/sh\nexit 0\n' >"$scratch/stranger" && chmod +x "$scratch/stranger"
gate 77 "$scratch/stranger" "$soload" --so "$object" -l memfd --out "$record"

# What makes no sense is one line and exit 2, before anything was run.
rm -rf "$record"
for arguments in "" "memfd" "memfd elf disk" "memfd elf" "memfd mefmd --so $object" "memfd $object --so $object" \
	"$object $object --so $object" "memfd memfd -l elf --so $object" "/nonexistent/a /nonexistent/b" "$0 $object" \
	"$object $object -l elf,memfd,elf" "memfd memfd --so $object --so $object" \
	"memfd memfd --so $object --delta x" "memfd memfd --so $object --delta bogus=5%" "memfd memfd --so $object --delta 0" \
	"memfd memfd --so $object --alpha 2" "memfd memfd --so $object --budget 0" "memfd memfd --so $object --metrics p90" \
	"memfd memfd --so $object --metrics p10,x" "memfd memfd --so $object --inject bogus" "memfd memfd --so $object --pin 9999" \
	"--replay x memfd elf" "--quick" "memfd memfd --so $object --jobs 2" "--prove memfd elf" \
	"--prove --jobs 0" "--prove --jobs 9" "--prove --jobs x" "--prove --jobs 2 --pin 0" \
	"--prove --quick --budget 2s --so $object -l mefmd" "--prove --so $object -l memfd,elf" "--prove --so $object --so $object" \
	"--prove --so $object --delta 2%" "--prove --so $object --delta link=2%" "--prove --so $object --inject 5%" \
	"--prove --so $object --github" "--prove --so $object --counters off"; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" gate $arguments --out "$record"
	one_line "$err"
	checks=$((checks + 1))
	[ ! -e "$record" ] || fail "a results folder was made for: $arguments"
done
run 2 "$soload" gate memfd memfd --so "$object" --out /dev/null/x
one_line "$err"
for epochs in /nonexistent "$0"; do
	run 2 "$soload" gate --replay "$epochs"
	one_line "$err"
done

# More rows than a gate can have are none of a gate's.
many=$scratch/many/epochs.csv
mkdir "$scratch/many" && awk 'BEGIN {
	print "epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order"
	for (i = 1; i <= 2000; i++) print "0,loader" i ",cycle@x,1,total,p50,1,1,0,bh"
}' >"$many"
run 2 "$soload" gate --replay "$many"
one_line "$err"
has "$err" "$many: line 1026: a gate has at most 1024 rows"

# The gate about itself, as far as two seconds go: every campaign has its row, what it counted was found, and nothing is claimed.
proof=$scratch/proof
"$soload" gate --prove --quick --budget 2s --so "$object" --alpha 0.01 --metrics p50,p90 --out "$proof" >"$scratch/out" 2>"$scratch/err"
status=$? out=$scratch/out
checks=$((checks + 1))
case $status in 1 | 3) ;; *) fail "exit code $status of a proof of two seconds" && cat "$scratch/err" >&2 ;; esac
equal "campaigns" "$(grep -c '^| .* | [0-9.]* to [0-9.]* | ' "$out")" 6
equal "the proof, printed and kept" "$(grep -v '^verdict=' "$out")" "$(cat "$proof/prove.md")"
has "$out" "one system call more: found"
has "$out" ", alpha 0.01, metrics p50 p90, at most 30 s a gate, 1 at once"
equal "the rules on record" "$(python3 -c '
import json, sys
run = json.load(open(sys.argv[1]))
print(run["rules"], run["options"]["loader"], run["options"]["gate_budget_seconds"], len(run["objects"]))' "$proof/run.json")" \
	"{'alpha': 0.01, 'metrics': ['p50', 'p90']} memfd 30.0 1"

# Interrupted: the epochs so far are whole.
run 130 timeout --foreground --preserve-status -s INT 2 "$soload" gate --prove --budget 60s --so "$object" --out "$record"
run 130 timeout --foreground --preserve-status -s INT 2 "$soload" gate memfd memfd --so "$object" --delta 0.01% --budget 60 --out "$record"
equal "rows that are not whole" "$(awk -F, 'NF != 10' "$record/epochs.csv" | wc -l)" 0
has "$record/run.json" '"exit_code": 130'
# So does the end of the whole group, workers and all, whoever notices first.
for seconds in 1.0 1.03 1.06 1.09 1.12 1.15; do
	setsid "$soload" gate memfd memfd --so "$object" --delta 0.01% --budget 60 --out "$record" >"$scratch/out" 2>"$scratch/err" </dev/null &
	group=$!
	sleep $seconds
	kill -TERM -$group
	wait $group
	equal "the exit code of an ended group" $? 143
	has "$record/run.json" '"state": "interrupted"'
done

expect_end
