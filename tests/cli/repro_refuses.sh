#!/bin/sh
# What soload repro says to bad input: one line with what and where, exit code 2 where nothing could run, 1 where a round failed.
set -u
soload=$SOLOAD_BUILD/soload
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0

# expect CODE WORDS ARGUMENTS...
expect() {
	code=$1 words=$2
	shift 2
	"$soload" repro -n 1 --warmup 0 --pools small --out "$scratch/run" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	got=$?
	lines=$(wc -l <"$scratch/err")
	if [ "$got" != "$code" ] || [ "$lines" != 1 ] || ! grep -qF -- "$words" "$scratch/err"; then
		echo "repro $*: exit code $got (expected $code), and says:" >&2
		cat "$scratch/err" >&2
		failed=1
	fi
}

printf 'hello' >"$scratch/short.so"
head -c 5000 /dev/zero >"$scratch/zeros.so"
: >"$scratch/empty.so"
head -c 3000 "$SOLOAD_BUILD/objects/pa_unroll.so" >"$scratch/cut.so"
# e_machine is the half word at 18: 243 is RISC-V.
cp "$SOLOAD_BUILD/objects/pa_unroll.so" "$scratch/machine.so"
printf '\363\000' | dd of="$scratch/machine.so" bs=1 seek=18 conv=notrunc 2>/dev/null
"$soload" gen --size 5M --out "$scratch/large.so" >/dev/null || exit 1
# An object on the arm that takes everything.
expect_object() {
	expect "$1" "$2" --orch "$3" --loader memfd --transport separate
}

expect_object 2 "short.so: 5 bytes are too few for an ELF header" "$scratch/short.so"
expect_object 2 "zeros.so: not an ELF file" "$scratch/zeros.so"
expect_object 2 "empty file" "$scratch/empty.so"
expect_object 2 "cut.so: segment" "$scratch/cut.so"
expect_object 2 "machine.so is built for riscv" "$scratch/machine.so"
expect_object 2 "No such file" "$scratch/absent.so"
expect_object 2 "not a regular file" "$scratch"
expect 2 "use transport rightsize or separate" --orch "$scratch/large.so" --loader memfd --transport inline
expect 1 "no symbol 'aicpu_orchestration_entry'" --orch "$scratch/large.so" --loader memfd --transport separate
expect 2 "did you mean 'disk'?" --loader disc
expect 2 "has no option 'menden'" --loader disk:menden
expect 2 "did you mean 'inline'?" --transport inlin
expect 2 "/nonexistent" --loader disk:dirs=/nonexistent
expect 2 "did you mean 'small'?" --case smal
expect 2 "unknown workload" no_such_thing
expect 2 "platform 'a6' is not modelled" -p a6
expect 2 "runtime 'x' is not modelled" -r x
expect 2 "simpler has no aicpu_build_graph for a5" -p a5 -r aicpu_build_graph
expect 2 "coherent 'maybe'" --coherent maybe
expect 2 "leave --loader and --transport out" -r host_build_graph --loader memfd
expect 2 "not an orchestration object for host_build_graph" -r host_build_graph --orch "$SOLOAD_BUILD/objects/pa_unroll.so"
expect 2 "more than 2 devices at once" -d 0,1,2
expect 2 "device 3 is named twice" -d 3,3
expect 2 "-d: 'x'" -d 0,x
expect 2 "-d: ''" -d 0,
expect 2 "-d: '-1'" -d -1
expect 2 "give one device" -d 0,1 -r host_build_graph
expect 2 "No such file" -d 0,1 --orch "$SOLOAD_BUILD/objects/pa_unroll.so,$scratch/absent.so"
expect 2 "give one object, or A.so,B.so" -d 0,1 --orch a.so,b.so,c.so
expect 2 "unknown life cycle 'prewarn' (did you mean 'prewarm'?)" --when prewarn
expect 2 "life cycle once is named twice" --when once,once
expect 2 "life cycle prewarm means nothing there" -r host_build_graph --when prewarm
expect 2 "--callables: '0'" --callables 0
expect 2 "--callables: '65' is not a number from 1 to 64" --callables 65
expect 1 "registration failed in phase resolve" --when register --orch "$scratch/large.so" --loader memfd --transport separate
expect 2 "-n: '0'" -n 0
expect 2 "--timeout: 'soon' is not a time from 0.1s to 24h" --timeout soon
expect 2 "pools 'huge'" --pools huge
expect 2 "--aicpu: open /nonexistent: No such file" --aicpu /nonexistent
expect 2 "zeros.so is no 64-bit ELF program" --aicpu "qemu-aarch64 $scratch/zeros.so"
expect 2 "--aicpu: give a program" --aicpu " "
expect 2 "ended with status 0 before it was ready: is it a soload of this version?" --loader elf --transport separate --aicpu /bin/true \
	--orch "$SOLOAD_BUILD/objects/pa_unroll.so"
expect 2 "DMA model 'a9'" --dma a9
expect 2 "--context-lens: '-1'" --context-lens 1,-1
expect 2 "results folder" --out /proc/soload-cannot-be

# One transport refuses, the other runs: the round is recorded as failed, the run goes on and ends with 1.
cp "$SOLOAD_BUILD/objects/pa_unroll.so" "$scratch/padded.so" && truncate -s 5M "$scratch/padded.so" || exit 1
"$soload" repro -n 1 --warmup 0 --pools small --orch "$scratch/padded.so" --loader memfd --transport inline,separate --out "$scratch/both" >"$scratch/out" 2>"$scratch/err"
[ $? = 1 ] || { echo "one refusing transport: exit code $?" >&2 && failed=1; }
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ n[$at["transport"]] = $at["error"] != "" }
	END { exit !(n["inline"] == 1 && n["separate"] == 0 && NR == 3) }' "$scratch/both/samples.csv" || { echo "both/samples.csv:" >&2 && cat "$scratch/both/samples.csv" >&2 && failed=1; }
exit $failed
