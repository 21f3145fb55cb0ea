#!/bin/sh
# tools/vm: what is there and whole is not fetched again; what was interrupted, or has changed, is. With an apt that has nothing.
# shellcheck disable=SC1091,SC2154,SC2016 # what the other program is to expand
. tests/cli/expect
[ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ] || { echo "skipped: no C library for arm64" && exit 77; }

folder=$scratch/vm
mkdir -p "$folder/6.1" "$folder/lib" "$scratch/bin"
printf '#!/bin/sh\necho called >>%s/apt\n[ "$1" = indextargets ] && echo http://localhost/debian bookworm main\nexit 1\n' "$scratch" >"$scratch/bin/apt-get"
chmod +x "$scratch/bin/apt-get"
for file in 6.1/vmlinuz 6.1/release busybox lib/libc.so.6 lib/libstdc++.so.6; do
	echo "$file" >"$folder/$file"
done
parts() {
	rm -f "$scratch/apt"
	run "$1" env PATH="$scratch/bin:$PATH" tools/vm "$folder" 6.1
}

# fetches REASON: it goes for what is missing, and says that it cannot be had here.
fetches() {
	parts 77
	checks=$((checks + 1))
	[ -e "$scratch/apt" ] || fail "$1: taken for complete"
	has "$out" "apt-get update failed"
}

fetches "interrupted before any checksum"
(cd "$folder" && sha256sum 6.1/vmlinuz 6.1/release >6.1/sums)
fetches "interrupted among the libraries"
(cd "$folder" && sha256sum busybox lib/* >sums)
parts 0
checks=$((checks + 1))
[ ! -e "$scratch/apt" ] || fail "what is there was fetched again"
echo more >>"$folder/6.1/vmlinuz"
fetches "a kernel that has changed"
echo 6.1/vmlinuz >"$folder/6.1/vmlinuz"
parts 0
rm "$folder/lib/libstdc++.so.6"
fetches "a library that is gone"
run 2 tools/vm "$folder" 9.9
one_line "$err"
expect_end
