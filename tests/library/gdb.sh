#!/bin/sh
# gdb with tools/soload-gdb.py: breakpoints that wait for objects, hit in each that comes into the slot, and names in backtraces.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed, without sanitizers" && exit 77 ;;
esac
command -v gdb >/dev/null 2>&1 || { echo "skipped: no gdb here" && exit 77; }
root=$PWD
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}
status=0
fault() {
	echo "gdb: $*" >&2
	status=1
}

for name in first second; do
	"$CC" -shared -fPIC -O2 -g -DNAME=busy_$name -o "$place/$name.so" tests/library/work.c
done
"$CC" -O2 -g -Iinclude -o "$place/reload" tests/library/reload.c "$root/$build/libsoload.a" -pthread -ldl
cd "$place"
gdb -q -batch -nx -ex run -ex 'info program' --args ./reload elf 1 "$place/first.so" >works 2>&1 || true
grep -q 'exited normally' works || { echo "skipped: gdb may not run programs here: $(tail -1 works)" && exit 77; }

# gdb FILE LOADER: the commands on a run of first, second, first; what was said is in $FILE.out.
debug() {
	timeout -k 5 100 gdb -q -batch -nx -ex 'set pagination off' -ex 'set confirm off' -ex 'set breakpoint pending on' -ex 'set width 0' \
		-ex "source $root/tools/soload-gdb.py" -x "$1" --args ./reload "$2" 1 "$place/first.so" "$place/second.so" "$place/first.so" >"$1.out" 2>&1 </dev/null ||
		fault "$2, $1: gdb ends with $?: $(cat "$1.out")"
}

# Breakpoints set before anything is loaded: three stops in order, with the way there, and the program ends as ever.
cat >breaks <<'END'
break busy_first
break busy_second
run
bt
continue
bt
continue
bt
continue
END
# Stopped where nothing of the object is known by itself: the command names what is loaded, and once.
cat >asked <<'END'
break loaded
run
delete
soload-objects
info symbol work
soload-objects
END
for loader in elf elf:dualmap prelinked elf:fresh; do
	debug breaks $loader
	stops=$(sed -n 's/^Breakpoint [0-9]*, \(busy_[a-z]*\) (.*/\1/p' breaks.out | tr '\n' ' ')
	[ "$stops" = 'busy_first busy_second busy_first ' ] || fault "$loader: stops are '$stops': $(cat breaks.out)"
	[ "$(grep -cE '^#1 .* in work \(rounds=1\) at ' breaks.out)" = 3 ] || fault "$loader: a backtrace does not name the caller"
	[ "$(grep -cE '^#[34] .* main \(' breaks.out)" = 3 ] || fault "$loader: a backtrace does not lead to main"
	grep -q 'exited normally' breaks.out || fault "$loader: the program did not end: $(cat breaks.out)"
	[ "$(grep -c '^answer 1' breaks.out)" = 3 ] || fault "$loader: other answers under gdb"
	debug asked $loader
	grep -q '^work in section .text of .*/first.so' asked.out || fault "$loader: no symbol after soload-objects: $(cat asked.out)"
	[ "$(grep -c '^soload: .*/first.so at 0x' asked.out)" -le 1 ] || fault "$loader: told twice"
	grep -qi 'python\|traceback\|error' asked.out breaks.out && fault "$loader: $(grep -i 'python\|traceback\|error' asked.out breaks.out)"
done
[ $status != 0 ] || echo "gdb: three stops in one place, two objects, four ways to bring them in"
exit $status
