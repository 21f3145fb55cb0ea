#!/bin/sh
# perf names functions inside a slot: of each object that was there, one after the other, and of what a forked process loaded.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed, without sanitizers" && exit 77 ;;
esac
root=$PWD
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}
fail() {
	echo "perf: $*" >&2
	exit 1
}

for name in first second third; do
	"$CC" -shared -fPIC -O2 -DNAME=busy_$name -o "$place/$name.so" tests/library/work.c
done
"$CC" -O2 -Iinclude -o "$place/reload" tests/library/reload.c "$root/$build/libsoload.a" -pthread -ldl
cd "$place"
set -- "$place/first.so" "$place/second.so" "+$place/third.so" "$place/first.so"

# Unasked, nothing is written and nobody is told; asked for what cannot be, the load goes on and says so.
./reload elf 1 "$@" >plain || fail "a plain run ends with $?"
! ls ./*.dump >/dev/null 2>&1 || fail "written without being asked for: $(ls ./*.dump)"
! grep -q 'for perf' plain || fail "told without being asked: $(cat plain)"
SOLOAD_JITDUMP=$place/nowhere ./reload elf 1 "$@" >nowhere || fail "without the folder: ends with $?"
[ "$(grep -c "SOLOAD_JITDUMP asks for can't be written" nowhere)" = 4 ] || fail "a folder that is not there is not told: $(cat nowhere)"

# The file by itself: one per process, and every object's functions in it, once for each load.
SOLOAD_JITDUMP=$place ./reload elf 1 "$@" >/dev/null
[ "$(find . -name 'jit-*.dump' | wc -l)" = 2 ] || fail "not one file for each of two processes: $(ls)"
[ "$(cat ./*.dump | grep -aoc 'busy_first')" -ge 1 ] || fail "no names in it"
[ "$(cat ./*.dump | tr '\0' '\n' | grep -ac '^busy_first$')" = 2 ] || fail "not one entry for each load"
[ "$(cat ./*.dump | tr '\0' '\n' | grep -ac '^busy_third$')" = 1 ] || fail "not one entry of the forked process"
rm ./*.dump

command -v perf >/dev/null 2>&1 || { echo "perf: the files are right; skipped: no perf here to read them" && exit 77; }
perf record -q -e cpu-clock -o probe.data true >/dev/null 2>&1 || { echo "perf: the files are right; skipped: perf may not record here" && exit 77; }
for loader in elf elf:dualmap elf:fresh; do
	SOLOAD_JITDUMP=$place perf record -q -e cpu-clock -F 2000 -k mono -o raw.data ./reload $loader 60000 "$@" >out 2>err || fail "perf record: $(cat err)"
	perf inject --jit -i raw.data -o jit.data >err 2>&1 || fail "perf inject: $(cat err)"
	perf report -i jit.data --stdio --sort pid,dso,sym --comms reload >named 2>/dev/null
	grep -v '^#' named | awk -v loader=$loader '
		{ split($2, process, ":") }
		$NF ~ /^busy_/ { seen[$NF]++; at[$NF] = process[1]; share += $1 }
		/memfd:|\[unknown\]|anon/ && $1 + 0 > 1 { print loader ": without a name: " $0; bad = 1 }
		END {
			if (seen["busy_first"] != 2 || seen["busy_second"] != 1 || seen["busy_third"] != 1) {
				print loader ": first " seen["busy_first"] ", second " seen["busy_second"] ", third " seen["busy_third"] " times"; bad = 1
			}
			if (at["busy_third"] == at["busy_second"]) { print loader ": the forked process is taken for its parent"; bad = 1 }
			if (share < 50) { print loader ": only " share " % of the samples have their names"; bad = 1 }
			exit bad
		}' >&2 || { cat named >&2 && fail "$loader"; }
	rm -f ./*.dump jitted-* ./*.data
done
echo "perf: names of all four loads, three ways to bring them in"
