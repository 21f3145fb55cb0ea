#!/bin/sh
# What libsoload.a shows and what it wants: only documented names, nothing but the C library, and nothing of that which is younger
# than glibc 2.28.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: sanitizers bring symbols of their own" && exit 77 ;;
esac
library=$build/libsoload.a
newest=2.28
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
fault() {
	echo "symbols: $*" >&2
	status=1
}

# Every exported name is in the header, or is one of the three tied to debuggers and unwinders.
nm -g --defined-only "$library" | awk 'NF == 3 { print $3 }' | sort -u >"$scratch/shown"
grep -q '^soload_open$' "$scratch/shown" || fault "$library exports nothing"
while read -r name; do
	case $name in
	_dl_find_object | __jit_debug_register_code | __jit_debug_descriptor) ;;
	soload_unwind_find_object | soload_unwind_interposer) ;;
	soload_*) grep -q "\\b$name(" include/soload.h || fault "$name is exported, but not in include/soload.h" ;;
	*) fault "$name is exported without a prefix" ;;
	esac
done <"$scratch/shown"
# shellcheck disable=SC2013 # names are words
for name in $(sed -n 's/^[a-z].*[ *]\(soload_[a-z_]*\)(.*/\1/p' include/soload.h); do
	grep -q "^$name\$" "$scratch/shown" || fault "$name is in the header, but not in the library"
done

# The oldest version of each name in the C library. What became a function of its own later was an inline one before (stat, 2.33).
libc=$(gcc -print-file-name=libc.so.6) linker=$(gcc -print-file-name=ld-linux-x86-64.so.2)
[ -e "$linker" ] || linker=$(gcc -print-file-name=ld-linux-aarch64.so.1)
{
	nm -D --defined-only "$libc"
	nm -D --defined-only "$linker"
	[ ! -e "$(gcc -print-file-name=libdl.so.2)" ] || nm -D --defined-only "$(gcc -print-file-name=libdl.so.2)"
} | awk '{ print $NF }' | sed -n 's/^\([^@]*\)@*GLIBC_\([0-9.]*\)$/\1 \2/p' | sort -k1,1 -k2,2V | awk '!seen[$1]++' >"$scratch/libc"
nm "$(gcc -print-libgcc-file-name)" "$(gcc -print-file-name=libc_nonshared.a)" 2>/dev/null | awk '$2 == "T" { print $3, "0" }' >>"$scratch/libc"
nm -u "$library" | awk '$1 == "U" { print $2 }' | sort -u | grep -vx -f "$scratch/shown" >"$scratch/wanted"
[ "$(wc -l <"$scratch/wanted")" -gt 20 ] || fault "found no imports to judge"
while read -r name; do
	case $name in stat | fstat | lstat | _GLOBAL_OFFSET_TABLE_) continue ;; esac
	version=$(awk -v name="$name" '$1 == name { print $2; exit }' "$scratch/libc")
	if [ -z "$version" ]; then
		fault "$name is not in the C library"
	elif [ "$(printf '%s\n' "$version" $newest | sort -V | tail -1)" != $newest ]; then
		fault "$name came with glibc $version: needs a fallback, and a weak reference"
	fi
done <"$scratch/wanted"
[ $status != 0 ] || echo "symbols: $(wc -l <"$scratch/shown") exported, $(wc -l <"$scratch/wanted") imported, none younger than glibc $newest"
exit $status
