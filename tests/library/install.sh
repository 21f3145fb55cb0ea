#!/bin/sh
# The library as somebody else gets it: installed into a prefix, found by pkg-config, linked into the examples (C and C++), into a
# shared object and into a program that uses the same short names; then uninstalled without a trace.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: the installed copy is judged as it is installed, without sanitizers" && exit 77 ;;
esac
root=$PWD
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
fail() {
	echo "library: $*" >&2
	exit 1
}
quiet_make() {
	make -s "BUILD=$build" "$@" >"$place/make.log" 2>&1 || { cat "$place/make.log" >&2 && fail "make $*"; }
}
CC=${CC:-gcc} CXX=${CXX:-g++}

quiet_make install PREFIX=/opt/soload "DESTDIR=$place/staged"
for file in bin/soload lib/libsoload.a lib/pkgconfig/soload.pc include/soload.h share/doc/soload/LICENSE share/doc/soload/adopting.md; do
	[ -s "$place/staged/opt/soload/$file" ] || fail "$file is not installed"
done
[ "$(find "$place/staged" -type f | wc -l)" = 6 ] || fail "more is installed than uninstall removes"
grep -q '^prefix=/opt/soload$' "$place/staged/opt/soload/lib/pkgconfig/soload.pc" || fail "soload.pc has the staging folder in it"
quiet_make uninstall PREFIX=/opt/soload "DESTDIR=$place/staged"
[ -z "$(find "$place/staged" -type f)" ] || fail "uninstall leaves files"

prefix=$place/prefix
quiet_make install "PREFIX=$prefix"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[ "$(pkg-config --modversion soload)" = "$(cat VERSION)" ] || fail "pkg-config tells another version"
"$prefix/bin/soload" --version | grep -q "$(cat VERSION)" || fail "the installed program does not run"
flags=$(pkg-config --cflags soload) libs=$(pkg-config --libs soload)

cp -r examples "$place/"
cd "$place/examples"
"$CC" -shared -fPIC -O2 -o plugin.so plugin.c
"$CC" -c -o plugin_bytes.o plugin_bytes.S
rm -f plugin.so.copy
# shellcheck disable=SC2086 # lists of words
"$CC" -O2 -Wall -Wextra -Werror $flags -o load_c load.c plugin_bytes.o $libs
# shellcheck disable=SC2086
"$CXX" -O2 -std=c++17 -Wall -Wextra -Werror $flags -o load_cxx load.cpp plugin_bytes.o $libs
rm plugin.so
[ "$(./load_c)" = "hello C, from an object that was never a file" ] || fail "the C example does not run"
[ "$(./load_cxx)" = "hello C++, from an object that was never a file" ] || fail "the C++ example does not run"
for example in load.c load.cpp; do
	[ "$(wc -l <$example)" -le 30 ] || fail "$example is longer than an example should be"
done

# The header alone, in the oldest languages it promises to be.
echo '#include <soload.h>' >header.c && cp header.c header.cpp
# shellcheck disable=SC2086
"$CC" -std=c99 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only header.c
# shellcheck disable=SC2086
"$CXX" -std=c++11 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only header.cpp

# Position-independent: goes into a shared object without text relocations.
echo '#include <soload.h>
const char *host_version(void); const char *host_version(void) { struct soload_loader *l; return soload_open(&l, "auto", 0) ? "" : soload_version(); }' >host.c
# shellcheck disable=SC2086
"$CC" -shared -fPIC -Wl,-z,text,-z,defs $flags -o libhost.so host.c $libs
echo '#include <stdio.h>
const char *host_version(void); int main(void) { return puts(host_version()) < 0; }' >uses.c
"$CC" -o uses uses.c -L. -lhost -Wl,-rpath,"$PWD"
[ "$(./uses)" = "$(cat "$root/VERSION")" ] || fail "the library does not work inside a shared object"

# The host's own functions may be called what ours are called inside.
nm "$root/$build/library/soload.o" | awk '$2 == "t" && $3 ~ /^[a-z_0-9]+$/ { print $3 }' | sort -u | grep -v -e '^main$' >inside
[ "$(wc -l <inside)" -gt 100 ] || fail "found no internal names to try"
{
	echo '#include <soload.h>'
	grep -E '^(file_load|err_set|loader_open|image_load|elf_file_check|clock_now_ns|options_parse|log_error)$' inside |
		sed 's/.*/int &(void); int &(void) { __builtin_abort(); }/'
	echo 'int main(void) { struct soload_loader *l; return soload_open(&l, "auto", 0) < 0; }'
} >collide.c
[ "$(grep -c abort collide.c)" -ge 6 ] || fail "the names to collide with are gone: choose others"
# shellcheck disable=SC2086
"$CC" $flags -o collide collide.c $libs
./collide || fail "a host's function of the same name is called"
cd "$root"

quiet_make uninstall "PREFIX=$prefix"
[ -z "$(find "$prefix" -type f)" ] || fail "uninstall leaves files"
echo "library: installed, used from C and C++, uninstalled"
