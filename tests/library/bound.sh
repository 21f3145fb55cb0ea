#!/bin/sh
# Objects are bound to what dlopen would bind them to, wherever the library is: in the program, or in a shared object whose own definitions
# are nobody else's. What they are bound to does not go before they do.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed, without sanitizers" && exit 77 ;;
esac
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}
status=0

# build NAME FLAGS...
build_one() {
	name=$1
	shift
	"$CC" -O2 -fPIC -Wall -Wextra -Werror -Iinclude -o "$place/$name" tests/library/bound.c "$@"
}
build_one object.so -shared -DIS_OBJECT
build_one libouter.so -shared -DIS_OUTER
build_one libhost.so -shared -DIS_HOST "$build/libsoload.a" -pthread -ldl
build_one bound "$build/libsoload.a" -pthread -ldl

# expect ANSWER HOLDER ARGUMENTS...: what dlopen makes of it, what soload does, and once the other library is closed.
expect() {
	expected=$1 holder=$2
	shift 2
	said=$("$place/bound" "$place/object.so" "$place/libouter.so" "$@") || said="$said and ended with $?"
	[ "$said" = "$expected" ] && return
	echo "bound: in $holder '$said', not '$expected'" >&2
	status=1
}
expect "25 25 25 stays" "the program"
expect "25 25 25 went" "a shared object" "$place/libhost.so"
expect "25 25 25 stays" "a shared object that asks itself first" "$place/libhost.so" deeply
[ $status != 0 ] || echo "bound: as dlopen binds, in the program and in a shared object, and nothing goes too early"
exit $status
