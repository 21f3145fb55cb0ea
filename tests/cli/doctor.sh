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

expect_end
