#!/bin/sh
# soload count from outside: one system call, one fault or a few instructions more are found and named, the same thing
# twice is the same, a declared rise passes, and what cannot be counted is said.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

object=$build/objects/gen_16k.so
[ -f "$object" ] || object=$fixtures/answer_1.so

run 0 "$soload" count --so "$object" -l memfd --no-instructions
if grep -q "not counted" "$out"; then
	echo "skipped: $(cat "$out")"
	exit 77
fi
has "$out" "memfd: syscalls "
has "$out" "memfd_create 1"

cp "$soload" "$scratch/base"
run 0 "$soload" count "$scratch/base" "$soload" --so "$object" -l memfd,elf --no-instructions
has "$out" "elf: work identical"
equal "the last line" "$(tail -1 "$out")" "verdict=pass"
run 1 "$soload" count "$scratch/base" "$soload" --so "$object" -l memfd --no-instructions --inject call
has "$out" "memfd: syscalls.getppid 0 -> 1: more"
has "$out" "verdict=fail reason=memfd: counter syscalls.getppid 0 -> 1"
# One fault among the dozen that the linker takes for a file, wherever the kernel places it; and the same twice, time and again.
large=$build/objects/gen_390k.so
for _ in 1 2 3 4 5; do
	run 1 "$soload" count "$scratch/base" "$soload" --so "$large" -l memfd --no-instructions --inject fault
	equal "one fault more" "$(sed -n 's/^  memfd: faults \([0-9]*\) -> \([0-9]*\): more$/\1 \2/p' "$out" | awk '{ print $2 - $1 }')" 1
	run 0 "$soload" count "$scratch/base" "$soload" --so "$large" -l memfd --no-instructions
	has "$out" "memfd: work identical"
done
run 1 "$soload" count "$scratch/base" "$soload" --so "$object" -l elf --no-instructions --inject fault
# From none to one, but for those that a sanitizer takes itself.
equal "a fault where there was none" "$(sed -n 's/^verdict=fail reason=elf: counter faults \([0-9]*\) -> \([0-9]*\)$/\1 \2/p' "$out" | awk '{ print $2 - $1 }')" 1

# Two objects: the second asks for more.
run 1 "$soload" count "$object" "$build/objects/gen_390k.so" -l memfd --no-instructions
has "$out" "bytes_written"
# Two loaders do different work; that is no failure.
run 0 "$soload" count memfd elf --so "$object" --no-instructions

# Declared, and declared for nothing.
printf 'memfd syscalls.getppid +1\nmemfd syscalls +1\n' >"$scratch/expected"
run 0 "$soload" count "$scratch/base" "$soload" --so "$object" -l memfd --no-instructions --inject call --expected "$scratch/expected"
has_not "$out" "covers no rise"
run 0 "$soload" count "$scratch/base" "$soload" --so "$object" -l memfd --no-instructions --expected "$scratch/expected"
has "$out" "line 2 covers no rise"
printf 'memfd syscalls.getppid +2\n' >"$scratch/expected"
run 1 "$soload" count "$scratch/base" "$soload" --so "$object" -l memfd --no-instructions --inject call --expected "$scratch/expected"

# The processor's own counter, or why not; never the program's end.
run 0 "$soload" count --so "$object" -l elf --instructions pmu
grep -qE "instructions [0-9]+ by pmu|instructions are not counted: (no PMU here|the PMU is not permitted|this kernel)" "$out" || fail "neither instructions nor a reason: $(cat "$out")"
run 0 "$soload" count --so "$object" -l elf --instructions none
has_not "$out" "instructions"

# Instructions, where there is valgrind; elsewhere it is said, and nothing fails.
run 0 env PATH=/nonexistent "$soload" count "$scratch/base" "$soload" --so "$object" -l elf
has "$out" "instructions are not counted: no valgrind here"
# Breakpoints in the dynamic linker, which probes of others set for the whole machine, end programs under valgrind.
if command -v valgrind >/dev/null; then
	"$soload" count "$scratch/base" "$soload" --so "$object" -l elf >"$scratch/same"
	same=$?
	"$soload" count "$scratch/base" "$soload" --so "$object" -l elf --inject loop=20 >"$scratch/more"
	more=$?
	# A thousandth more of a load that dlopen does: the hook itself is some 80 instructions, and 10 a turn of its loop.
	object=$build/objects/gen_390k.so
	"$soload" count --so "$object" -l memfd:now --instructions callgrind >"$scratch/plain"
	instructions=$(sed -n 's/.* instructions \([0-9]*\) by callgrind.*/\1/p' "$scratch/plain")
	"$soload" count "$scratch/base" "$soload" --so "$object" -l memfd:now --instructions callgrind --inject "loop=$(((${instructions:-90000} / 1000 - 80) / 10))" \
		>"$scratch/thousandth"
	thousandth=$?
	if grep -q "not counted" "$scratch/same" "$scratch/more" "$scratch/plain" "$scratch/thousandth"; then
		echo "valgrind does not run here now: $(cat "$scratch/same" "$scratch/more" "$scratch/plain" "$scratch/thousandth" | grep 'not counted' | head -1)"
	else
		equal "the exit code for a thousandth more" $thousandth 1
		has "$scratch/thousandth" "verdict=fail reason=memfd:now: counter instructions"
		equal "how many thousandths it was, rounded" "$(sed -n 's/.*memfd:now: instructions \([0-9]*\) -> \([0-9]*\): more/\1 \2/p' "$scratch/thousandth" |
			awk '{ printf "%.0f", ($2 - $1) / $1 * 1000 }')" 1
		equal "the exit code for the same instructions" $same 0
		has "$scratch/same" "instructions"
		equal "the exit code for more instructions" $more 1
		has "$scratch/more" "verdict=fail reason=elf: counter instructions"
	fi
fi

# The gate has one verdict from both.
run 1 "$soload" gate "$scratch/base" "$soload" --so "$object" -l elf --counters calls --inject call --budget 5 --out "$scratch/record"
has "$out" "counter syscalls.getppid 0 -> 1"

# Wrong usage, and what cannot be counted.
printf 'memfd bogus +2\n' >"$scratch/expected"
for arguments in "" "$object" "memfd elf disk --so $object" "--so /nonexistent" "--so $object -l mefmd" "--so $object --inject bogus" \
	"--so $object --instructions bogus" "--so $object -l elf,elf" \
	"--so $object --expected $scratch/expected"; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" count $arguments
	one_line "$err"
done
run 77 "$soload" count "$fixtures/orch_constructor_crashes.so" "$object" -l memfd --no-instructions
has "$out" "in phase link"
run 77 "$soload" count "$fixtures/unique_1.so" "$fixtures/nounique_1.so" -l disk --no-instructions
has "$out" "not counted: stale load: "

case $build in
*asan* | *tsan*) crashed="the process ended" ;; # by the sanitizer, with an exit code
*) crashed=crashed ;;
esac

# Head's loads fail, base's do not: no other loader makes a pass of that, and neither do two loaders as sides.
run 1 "$soload" count "$object" "$fixtures/orch_constructor_crashes.so" -l memfd --no-instructions
equal "the reason" "$(tail -1 "$out" | sed 's/ (.*//')" "verdict=fail reason=memfd: loads of head fail: $crashed in phase link"
run 1 "$soload" count "$fixtures/nounique_1.so" "$fixtures/unique_1.so" -l memfd,disk --no-instructions
has "$out" "verdict=fail reason=disk: loads of head fail: stale load: "
run 1 "$soload" count memfd disk --so "$fixtures/unique_1.so" --no-instructions
run 1 "$soload" count -l null,memfd --so "$fixtures/orch_constructor_crashes.so" --no-instructions
has "$out" "memfd: not counted: $crashed in phase link"

# Breakpoints that a trace has put into every process end programs under valgrind: one line says so, and nothing fails.
if command -v valgrind >/dev/null && ! "$soload" list probes | grep -A1 '^  ldphase ' | grep -q 'not here'; then
	env --default-signal=INT "$soload" trace --probe ldphase:level=total -- "$fixtures/probe_many" "$object" 100000000 >/dev/null 2>&1 &
	tracer=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1
		run 0 "$soload" count --so "$object" -l memfd --instructions callgrind
		grep -q 'uprobes are on this machine' "$out" && break
	done
	has "$out" "uprobes are on this machine"
	kill -INT $tracer
	wait $tracer
else
	echo "left out: valgrind beside a trace: no valgrind, or no right to trace"
fi

expect_end
