#!/bin/sh
# A shared object that holds the library can be unloaded: afterwards threads that used it end and the process forks without reaching for
# code that has gone.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: links the library as it is installed, without sanitizers" && exit 77 ;;
esac
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
CC=${CC:-gcc}

"$CC" -shared -fPIC -O2 -Wall -Wextra -Werror -Iinclude -Wl,-z,defs -o "$place/libhost.so" tests/library/host.c "$build/libsoload.a" -pthread -ldl
"$CC" -O2 -Wall -Wextra -Werror -o "$place/unload" tests/library/unload.c -pthread -ldl
for object in plain:1001 tls_gd:1066 tls_desc:1066 throw:576; do
	said=$("$place/unload" "$place/libhost.so" "$build/fixtures/elf/${object%:*}.so") || {
		echo "unload: with ${object%:*} it ends with $?" >&2
		exit 1
	}
	expected=$(yes "${object#*:} ${object#*:}" | head -n 3)
	[ "$said" = "$expected" ] || {
		echo "unload: ${object%:*} answered '$said'" >&2
		exit 1
	}
done
echo "unload: four objects, three times each, and the library went"
