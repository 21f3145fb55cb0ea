#!/bin/sh
# soload history from outside: revisions of a small repository of the test's own, whose build copies the program that is under
# test; then files that are damaged, counters that rose, and figures of few lines. Ratios are not asserted.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect
command -v git >/dev/null || {
	echo "skipped: no git"
	exit 77
}
root=$(pwd)
case $soload in
/*) ;;
*) soload=$root/$soload ;;
esac
object=$root/${build#"$root/"}/objects/gen_16k.so
[ -f "$object" ] || object=$root/${fixtures#"$root/"}/answer_1.so
file=$scratch/history.jsonl

history() {
	wanted=$1 verb=$2
	shift 2
	run "$wanted" "$soload" history "$verb" --file "$file" "$@"
}
add() {
	wanted=$1
	shift
	history "$wanted" add --so "$object" -l "elf,cached" --time 0.1 --no-instructions "$@"
}
lines() {
	equal "lines of the history" "$(wc -l <"$file")" "$1"
}

# The history of this repository is whole.
if [ -f results/baseline/history.jsonl ]; then
	run 0 "$soload" history check --no-count
	has "$out" "verdict=pass"
fi

mkdir -p "$scratch/tree/tools" "$scratch/tree/results/baseline"
cp tools/build-revision "$scratch/tree/tools/"
cd "$scratch/tree" || exit 1
git() {
	command git -c user.name=test -c user.email=test@example.org -c init.defaultBranch=main "$@"
}
run 2 env GIT_CEILING_DIRECTORIES="$scratch" "$soload" history add --reference HEAD --file "$file"
has "$err" "no git repository"
printf 'build\nresults/runs\n' >.gitignore
git init -q . && git add -A
printf 'build/soload:\n\tmkdir -p build\n\tcp %s build/soload\n' "$soload" >Makefile
git add -A && git commit -qm "$(printf 'first: \033[31m\303\244 "quoted"')"
echo '#' >>Makefile && git commit -qam second
echo 'build/soload: ; false' >Makefile && git commit -qam broken
printf 'build/soload:\n\tmkdir -p build\n\tcp %s build/soload\n' "$soload" >Makefile
git commit -qam fourth

# No reference, one that is none, revisions that are none.
add 2
one_line "$err"
has "$err" "results/baseline/REVISION names the revision"
printf '# nothing\n' >results/baseline/REVISION
add 2
has "$err" "names no revision"
printf '# the first\n%s # that is it\n' "$(git rev-parse HEAD~3)" >results/baseline/REVISION
add 2 nowhere
one_line "$err"
has "$err" "'nowhere' is no revision"
add 2 --again
has "$err" "the history has no lines"

# In any order, each where it belongs; one that does not build is left out and the others are kept.
add 2 HEAD HEAD~3 HEAD~1
has "$err" "left out"
has "$err" "does not build here"
lines 2
add 0 HEAD~2
lines 3
equal "titles in order" "$(grep -o '"title": "[a-z]*' "$file" | cut -d '"' -f 4 | xargs)" "first second fourth"
equal "control characters" "$(tr -d '\n[:print:]\303\244' <"$file" | wc -c)" 0
equal "an absolute time" "$(grep -cE '_ns|_us|"ns"' "$file")" 0
add 2 HEAD~2
one_line "$err"
has "$err" "has a line already"
add 0 --again HEAD~2
lines 3

# Against another reference only all of them.
cp "$file" "$scratch/good"
add 2 --again --reference HEAD HEAD
has "$err" "--again measures all lines anew"
cmp -s "$file" "$scratch/good" || fail "a refused line changed the file"

# About another object neither, and one of that kind in the file is in no figure.
add 2 HEAD~2 --again --so "$root/$build/soload"
one_line "$err"
has "$err" "is about another object"
cmp -s "$file" "$scratch/good" || fail "a refused line changed the file"
sed '1s/"xxh64": "[0-9a-f]*"/"xxh64": "0123456789abcdef"/' "$scratch/good" >"$file"
history 0 plot --engine none --out "$scratch/other"
has "$err" "1 lines are about another object"
equal "revisions in the figure" "$(sed -n 's/^ticks = //p' "$scratch/other/history.set")" 2

# A line of few loaders takes none of the others out of the figures, and another kernel's work is not compared with.
sed '3s/"cached": {/"elf:dualmap": {/; 2s/"kernel": "/"kernel": "x/; 2s/"syscalls": [0-9]*\([,}]\)/"syscalls": 77\1/g' "$scratch/good" >"$file"
history 0 plot --engine none --out "$scratch/few"
equal "loaders of the figures" "$(sed -n "s/^key\[[0-9]*\] = '\(.*\)'/\1/p" "$scratch/few/history.set" "$scratch/few/work.set" | sort | uniq -c | tr -s ' \n' ' ')" \
	" 2 cached 2 elf 2 elf:dualmap "
has "$scratch/few/history.set" "% at $(git rev-parse HEAD~2 | cut -c 1-7)'"
equal "cells that changed" "$(grep -c '#f6c59f\|#a9d3ee' "$scratch/few/work.dat")" 0
sed '2s/"syscalls": [0-9]*\([,}]\)/"syscalls": 77\1/g' "$scratch/good" >"$file"
history 0 plot --engine none --out "$scratch/few"
equal "cells that changed, and back" "$(grep -c '#f6c59f\|#a9d3ee' "$scratch/few/work.dat")" 4
cp "$scratch/good" "$file"

# What this build does is what the last line says, until a load does more; another kernel cannot be compared with.
check() {
	wanted=$1
	shift
	history "$wanted" check --so "$object" -l elf,cached --no-instructions "$@"
}
check 0
has "$out" "elf: work identical"
has "$out" "verdict=pass"
sed -i '3s/"syscalls.pwritev": 1, "syscalls": 1/"syscalls": 0/' "$file"
check 1
has "$out" "elf: syscalls.pwritev 0 -> 1: more"
has "$out" "verdict=fail reason=counter"
sed '3s/"kernel": "/"kernel": "x/' "$scratch/good" >"$file"
check 77
has "$out" "not compared: the last line was counted on Linux x"
crashes=$root/${fixtures#"$root/"}/orch_constructor_crashes.so
"$soload" run --so "$crashes" -l memfd -n 1 --out "$scratch/crashes" >/dev/null 2>&1
hash=$(sed -n 's/.*"xxh64": "\([0-9a-f]*\)".*/\1/p' "$scratch/crashes/run.json")
sed "3s/\"xxh64\": \"[0-9a-f]*\"/\"xxh64\": \"$hash\"/" "$scratch/good" >"$file"
check 1 --so "$crashes"
has "$out" "verdict=fail reason=loads fail"
cp "$scratch/good" "$file"
check 77 --so "$root/$build/soload"
has "$out" "not the object"

# Damage is named with its line, and nothing is written over it.
damage() {
	cp "$file" "$scratch/damaged"
	history 2 check --no-count
	one_line "$err"
	has "$err" "history.jsonl: line $1"
	has "$err" "$2"
	history 2 plot --out "$scratch/none"
	add 2 HEAD~1
	cmp -s "$file" "$scratch/damaged" || fail "a damaged file was written over"
}
head -c -100 "$scratch/good" >"$file"
damage 3 "cut short"
tac "$scratch/good" >"$file"
damage 2 "belongs before"
sed 2p "$scratch/good" >"$file"
damage 3 "has a line already"
sed '2s/"schema": 1/"schema": 7/' "$scratch/good" >"$file"
damage 2 "schema 7"
{ cat "$scratch/good" && echo; } >"$file"
damage 4 "no JSON"
head -c 3000 /dev/urandom | tr -d '\n' >"$file" && echo >>"$file"
damage 1 ""
sed "2s/\"reference\": \"$(git rev-parse HEAD~3)/\"reference\": \"$(git rev-parse HEAD)/" "$scratch/good" >"$file"
history 2 check --no-count
has "$err" "line 2 has ratios to another revision"
: >"$file"
history 77 check
history 2 plot --out "$scratch/none"
rm "$file"
history 2 check
one_line "$err"

# Figures of three lines and of one, by either engine, without a word.
cp "$scratch/good" "$file"
cd "$root" || exit 1
python=$(for try in python3 /usr/bin/python3; do "$try" -c 'import matplotlib' 2>/dev/null && echo "$try" && break; done)
for engine in gnuplot matplotlib none; do
	[ $engine = none ] || command -v gnuplot >/dev/null || continue
	[ $engine != matplotlib ] || /usr/bin/python3 -c 'import matplotlib' 2>/dev/null || continue
	for few in 1 3; do
		head -$few "$scratch/good" >"$file"
		history 0 plot --engine $engine --out "$scratch/$engine"
		equal "what $engine said" "$(cat "$err")" ""
		for name in history work; do
			checks=$((checks + 1))
			[ $engine = none ] || [ -s "$scratch/$engine/$name.svg" ] || fail "$engine drew no $name.svg of $few lines"
			[ $engine = none ] || [ ! "$python" ] || said=$("$python" tests/reports/svg_texts "$scratch/$engine/$name.svg") || fail "$engine: $said"
		done
		equal "numbers that are none" "$(grep -riwE 'nan|inf' "$scratch/$engine"/*.dat "$scratch/$engine"/*.set)" ""
	done
	equal "rows for Otava" "$(sed 1d "$scratch/$engine/otava.csv" | cut -d, -f2)" "$(sed 's/.*"revision": "\([0-9a-f]*\)".*/\1/' "$scratch/good")"
	equal "widths of its rows" "$(awk -F, '{ print NF }' "$scratch/$engine/otava.csv" | sort -u | wc -l)" 1
	has "$scratch/$engine/otava.csv" "time,commit,"
	has "$scratch/$engine/otava.csv" "elf.p10,elf.p50,elf.instructions"
	equal "rows of a panel" "$(awk -F '\t' 'NF == 0 { exit } { n++ } END { print n }' "$scratch/$engine/history.dat")" 3
done

# Words that make no sense.
for words in "" "ad" "check HEAD" "plot --engine crayon" "add --time never" "add --pin x"; do
	# shellcheck disable=SC2086
	run 2 "$soload" history $words
	one_line "$err"
done
run 2 "$soload" history ad
has "$err" "did you mean 'add'"
expect_end
