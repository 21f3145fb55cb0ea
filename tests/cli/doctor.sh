#!/bin/sh
# soload doctor: it looks at everything wherever it runs, and whatever it does not like comes with an advice.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

run 0 "$soload" doctor --quick
for name in "one timing record" clock "load average" steal governor "transparent huge pages" "address randomisation" memfd_noexec \
	"write-execute refusal" "page size" /tmp "performance counters" BPF ptrace; do
	has "$out" " $name "
done
equal "lines to look at without an advice" "$(awk '/^look/ { getline advice; if (advice !~ /^                  /) print }' "$out" | wc -l)" 0
equal "lines to look at" "$(grep -c '^look ' "$out")" "$(tail -1 "$out" | cut -d' ' -f1)"
run 0 "$soload" doctor --so /nonexistent
has "$out" "not measured: "
run 2 "$soload" doctor --bogus

# What can be seen in 5 s: a number of per cent, whatever it is.
run 0 "$soload" doctor --so "$build/objects/gen_16k.so"
checks=$((checks + 1))
grep -qE 'smallest effect +[0-9.]+ % of p10 and [0-9.]+ % of p50 are visible in 5 s \(memfd\)$' "$out" || fail "no smallest effect: $(cat "$out")"

# Memory files without an execute bit, for the processes of a namespace of their own: memfd loads, and the doctor says so.
noexec() {
	unshare --pid --fork sh -c 'echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"' sh "$@" 2>/dev/null
}
if noexec true; then
	run 0 noexec "$soload" doctor --quick
	has "$out" "2: memory files cannot be run as programs; memfd loads all the same"
	run 0 noexec "$soload" run --so "$build/objects/gen_16k.so" -l memfd -n 5 --out "$scratch/record"
else
	echo "left out: memfd_noexec: not to be raised here"
fi

expect_end
