#!/bin/sh
# LeakSanitizer and the variables of a loaded object: what they hold is no leak, what they let go of is, and so is what an object that
# has gone left behind in its slot.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed, with a sanitizer of its own" && exit 77 ;;
esac
root=$PWD
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}
status=0
fault() {
	echo "leaks: $*" >&2
	status=1
}

"$CC" -shared -fPIC -O1 -o "$place/holds.so" tests/library/holds.c
"$CC" -O1 -g -fsanitize=address -Iinclude -o "$place/leaks" tests/library/leaks.c "$root/$build/libsoload.a" -pthread -ldl 2>"$place/err" ||
	{ echo "skipped: this compiler has no LeakSanitizer: $(tail -1 "$place/err")" && exit 77; }
cd "$place"
ASAN_OPTIONS=detect_leaks=1
export ASAN_OPTIONS

# leaked LOADER WHAT: the sizes that are reported, in order.
leaked() {
	ended=0
	./leaks "$1" holds.so "$2" >"$2.out" 2>&1 || ended=$?
	if grep -q 'LeakSanitizer has encountered a fatal error' "$2.out"; then
		echo "skipped: LeakSanitizer may not trace here" && exit 77
	fi
	sed -n 's/^Direct leak of \([0-9]*\) byte.*/\1/p' "$2.out" | sort | tr '\n' ' '
	case $ended:$(grep -c '^SUMMARY: .* leaked' "$2.out" || :) in
	0:0 | 1:1) ;;
	*) echo "ends with $ended" ;;
	esac
}

for loader in elf elf:dualmap elf:fresh prelinked auto; do
	for expected in 'kept:' 'lost:1001 ' 'unloaded:1001 1002 1003 '; do
		found=$(leaked $loader "${expected%%:*}"; echo .)
		case $found in skipped*) echo "${found%?}" && exit 77 ;; esac
		[ "$found" = "${expected#*:}." ] || fault "$loader, ${expected%%:*}: reported are '${found%.}', not '${expected#*:}': $(cat "${expected%%:*}.out")"
	done
done
[ $status != 0 ] || echo "leaks: what objects hold is none, what they lose is, five ways to bring them in"
exit $status
