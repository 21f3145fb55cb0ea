#!/bin/sh
# Where frame tables are registered, each unwinder of a process gets back what it was given, and stays as long as it has any.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed" && exit 77 ;;
esac
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}

"$CC" -DSECOND -shared -fPIC -O1 -Wall -Wextra -o "$place/second.so" tests/library/unwinder.c
"$CC" -O1 -Wall -Wextra -Iinclude -o "$place/unwinder" tests/library/unwinder.c "$build/libsoload.a" -pthread -ldl
said=$("$place/unwinder" "$build/fixtures/elf/plain.so" "$place/second.so") || said="$said, then it ends with $?"
[ "$said" = "given 1, taken 0, strange 0, then 1, strange 0" ] || { echo "unwinder: $said" >&2 && exit 1; }
echo "unwinder: frames go back to whoever was given them"
