#!/bin/sh
# The listings of docs/adopting.md, taken out of it, built and run: before and after must answer alike.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: listings link the library as it is installed, without sanitizers" && exit 77 ;;
esac
root=$PWD
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc} CXX=${CXX:-g++}

awk -v place="$place" '/^```cpp / { file = place "/" $2; next } /^```/ { file = "" } file { print >file }' docs/adopting.md
cp examples/plugin.c examples/plugin_bytes.S "$place/"
cd "$place"
"$CC" -shared -fPIC -O2 -o plugin.so plugin.c
"$CC" -c -o plugin_bytes.o plugin_bytes.S
flags="-std=c++17 -O2 -Wall -Wextra -Werror -I. -I$root/include"
for version in before after; do
	# shellcheck disable=SC2086 # lists of words
	"$CXX" $flags -DORCHESTRATION="\"$version.cpp\"" -o $version main.cpp plugin_bytes.o "$root/$build/libsoload.a" -pthread -ldl
done
# shellcheck disable=SC2086
"$CXX" $flags -c -o identity.o identity.cpp
# shellcheck disable=SC2086
"$CXX" $flags -c -o ahead.o ahead.cpp
# shellcheck disable=SC2086
"$CXX" $flags -c -o crash.o crash.cpp
./after >after.out
[ "$(grep -c '^call 1$' after.out)" = 3 ] || { cat after.out && echo "adopting: not a fresh object every time" >&2 && exit 1; }
# The old way needs a folder that may be written and executed from.
if ./before >before.out 2>/dev/null; then
	cmp before.out after.out
else
	echo "adopting: the old way does not work here, the new one does"
fi
# The opt-in of section 7 links, and the program has the symbol.
if nm "$root/$build/libsoload.a" 2>/dev/null | grep -q ' T _dl_find_object'; then
	# shellcheck disable=SC2086
	"$CXX" $flags -DORCHESTRATION='"after.cpp"' -Wl,--undefined=_dl_find_object -Wl,--export-dynamic-symbol=_dl_find_object \
		-o opted main.cpp plugin_bytes.o "$root/$build/libsoload.a" -pthread -ldl
	nm -D opted | grep -q ' T _dl_find_object'
	./opted | cmp - after.out
fi
echo "adopting: every listing builds and runs"
