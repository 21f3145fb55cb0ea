#!/bin/sh
# Constructors that throw through the library into a C++ program: nothing of it stays taken.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed" && exit 77 ;;
esac
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CXX=${CXX:-g++}
status=0

"$CXX" -std=c++17 -O1 -Wall -Wextra -Werror -Iinclude -o "$place/throws" tests/library/throws.cpp "$build/libsoload.a" -pthread -ldl
for loader in elf elf:dualmap elf:fresh prelinked auto; do
	"$place/throws" "$loader" "$build/fixtures/elf/throws_once.so" >"$place/out" 2>&1 ||
		{ status=1 && echo "$loader: $(cat "$place/out")" >&2; }
done
[ $status != 0 ] || echo "throws: five ways to bring objects in, none loses what a constructor that throws had taken"
exit $status
