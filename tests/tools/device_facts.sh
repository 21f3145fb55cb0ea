#!/bin/sh
# device-facts: every group is there, JSON is JSON, what cannot start is said, and the build for aarch64 asks nothing of a C library
# that is newer than 2.17.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

program=$build/device-facts
[ -x "$program" ] || {
	echo "skipped: a static program has no sanitizer in it"
	exit 77
}

# loads FILE: every loader was measured.
loads() {
	for loader in disk disk:mended tmpfs memfd cached elf elf:dualmap elf:fresh prelinked auto; do
		checks=$((checks + 1))
		grep -qE "^ *$loader, fastest[[:space:]]+[0-9.]+[[:space:]]+us" "$1" || fail "no time of $loader in $(cat "$1")"
	done
}

run 0 "$program" --json "$scratch/facts.json"
for group in kernel processor memory limits security places "executable memory" costs loads; do
	checks=$((checks + 1))
	grep -qx "$group" "$out" || fail "no group $group"
done
has "$out" "  page size "
has "$out" " bytes"
has_not "$out" "killed by signal"
run 0 python3 -c '
import json, sys
facts = json.load(open(sys.argv[1]))
assert facts.pop("schema") == "soload-device-facts-1"
assert len(facts) == 9, list(facts)
for group in facts.values():
    assert group
    for name, fact in group.items():
        assert fact["value"] is not None or fact["why"], name
assert facts["kernel"]["page size"]["value"] in (4096, 16384, 65536)
loads = facts["loads"]
for name in "disk", "memfd", "elf", "prelinked":
    assert loads[name]["value"] is None or loads[name]["unit"].startswith("us"), name
assert loads["object"]["value"] > 360000
' "$scratch/facts.json"
run 0 "$program" --json -
cp "$out" "$scratch/alone.json"
run 0 python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$scratch/alone.json"

run 2 "$program" --jsno x
one_line "$err"
run 2 "$program" --json
one_line "$err"
run 2 "$program" --json "$scratch/no/such/folder"
one_line "$err"

# Less memory than the coldest copy wants: every other fact is there.
run 0 sh -c "ulimit -v 60000 && '$program'"
has "$out" "copy of 450 KB, cold"
has "$out" "no 64 MB of memory"
has "$out" "copy of 450 KB, warm"
has "$out" "loads"

# Where there is no dynamic linker, the static part says everything else.
if [ "$(id -u)" = 0 ] && mkdir "$scratch/bare" && cp "$program" "$scratch/bare/" && chroot "$scratch/bare" /device-facts >/dev/null 2>&1; then
	run 0 chroot "$scratch/bare" /device-facts
	has "$out" "cannot start here"
	has "$out" "system call"
	has "$out" "/proc/cmdline: No such file or directory"
else
	echo "not checked: a device without a dynamic linker (takes root, for chroot)"
fi

if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 && [ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ]; then
	run 0 make --no-print-directory device-facts
	run 0 aarch64-linux-gnu-readelf --version-info "$build/aarch64/facts/loaders"
	equal "versions asked for" "$(sed -n 's/.*Name: \(GLIBC[A-Z_0-9.]*\).*/\1/p' "$out" | sort -u)" GLIBC_2.17
	aarch64-linux-gnu-nm -D --with-symbol-versions /usr/aarch64-linux-gnu/lib/libc.so.6 \
		/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 >"$scratch/symbols"
	sed '/^#/d; s/^[^ ]* //' tools/device-facts/glibc-2.17.list | tr ' ' '\n' >"$scratch/asked"
	while read -r symbol; do
		checks=$((checks + 1))
		grep -qE " $symbol@@?GLIBC_2\.17$" "$scratch/symbols" || fail "$symbol is newer than 2.17"
	done <"$scratch/asked"
	run 0 aarch64-linux-gnu-readelf -lW "$build/aarch64/device-facts"
	has_not "$out" INTERP
	# Its start-up code and its stand-ins for what is newer than 2.17, run: in an emulator that can run no program of a program, and in a
	# virtual AICPU, where the static part starts it.
	qemu=$build/aarch64-parts/qemu/usr/bin/qemu-aarch64
	if [ -x "$qemu" ]; then
		run 0 "$qemu" -cpu neoverse-n1 -L /usr/aarch64-linux-gnu "$build/aarch64/facts/loaders"
		loads "$out"
	else
		echo "not checked: the dynamic part in an emulator (make aarch64)"
	fi
	"$soload" vm run --put "$build/aarch64/device-facts" -- /soload/objects/device-facts >"$scratch/out" 2>"$scratch/err"
	status=$?
	if [ $status = 77 ]; then
		echo "not checked: the whole in a virtual AICPU: $(cat "$scratch/err")"
	else
		equal "the exit code in a virtual AICPU" $status 0
		loads "$scratch/out"
		has "$scratch/out" "publishing 450 KB of code"
		has_not "$scratch/out" "killed by signal"
	fi
else
	echo "not checked: the build for aarch64 (no cross compiler or no C library for it)"
fi

expect_end
