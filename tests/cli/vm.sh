#!/bin/sh
# soload vm from outside: a command's output, files and exit code come back; guests that panic, hang or are interrupted end with
# one line; equal boots count equally; a planted regression turns the gate red.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

# What needs no guest.
run 0 "$soload" vm --help
has "$out" "soload vm bench"
run 2 "$soload" vm
one_line "$err"
run 2 "$soload" vm rnu
has "$err" "did you mean 'run'?"
run 2 "$soload" vm run
has "$err" "no command"
run 2 "$soload" vm run --with noexce -- true
has "$err" "did you mean 'noexec'?"
run 2 "$soload" vm run --kernel ../x -- true
one_line "$err"
run 2 "$soload" vm run --memory 512 -- true
has "$err" "--memory (bytes): '512' is not a number from 1048576 to 68719476736"
run 2 "$soload" vm gate elf
has "$err" "BASE and HEAD"
run 2 "$soload" vm gate elf "$soload"
one_line "$err"
run 77 "$soload" vm run --parts "$scratch/nowhere" -- true
has "$err" "make vm"
run 2 "$soload" vm_init
one_line "$err"

# That there is no guest is skipped; a file of the caller's that is not there is not. The guest here has a QEMU that only ends.
mkdir -p "$scratch/bin" "$scratch/parts/6.1"
echo none | tee "$scratch/parts/busybox" >"$scratch/parts/6.1/vmlinuz"
printf '#!/bin/sh\necho no >&2\nexit 9\n' >"$scratch/bin/qemu-system-aarch64"
chmod +x "$scratch/bin/qemu-system-aarch64"
folder=${TMPDIR:-/tmp}
# refused WORD COMMAND OPTION…: 2, in one line that has the word.
refused() {
	word=$1 command=$2
	shift 2
	run 2 env PATH="$scratch/bin:$PATH" TMPDIR="$folder" "$soload" vm "$command" --parts "$scratch/parts" --program "$soload" "$@"
	one_line "$err"
	has "$err" "$word"
}
refused 'ended with 9: no' gate elf elf --so "$soload"
refused "open ./nope:" gate ./nope ./nope2 --so "$soload"
refused "open ./nope:" gate "$soload" ./nope --so "$soload"
refused "open nope.so:" gate elf elf --so nope.so
refused "open nope.so:" bench --so nope.so
refused "open nope:" gate elf elf --so "$soload" --ceiling nope
refused "$soload: counts: line 1" gate elf elf --so "$soload" --ceiling "$soload"
refused "open nope:" run --put nope -- true
folder=$scratch/nowhere
refused "$scratch/nowhere" gate elf elf --so "$soload"
refused "$scratch/nowhere" run -- true

# A load that ends its process is one that failed, whatever it ends it with.
run 1 "$soload" vm_count --so "$fixtures/orch_constructor_exits.so" -l elf -n 1
has "$out" ',"ended with exit code 7 while it loaded"'

"$soload" vm run --out "$scratch/results" -- sh -c 'echo said; echo wrong >&2; mkdir /results/a; echo kept >/results/a/b; exit 7' \
	>"$scratch/out" 2>"$scratch/err"
status=$?
if [ $status = 77 ]; then
	echo "skipped: $(cat "$scratch/err")"
	[ "$wrong" = 0 ] || exit 1
	exit 77
fi

equal "the command's exit code" $status 7
equal "the command's output" "$(cat "$out")" said
has "$err" wrong
equal "the file it left" "$(cat "$scratch/results/a/b")" kept
# Its words arrive as they are, empty ones and many.
# shellcheck disable=SC2016,SC2046
run 0 "$soload" vm run -- sh -c 'echo "$# [$1] ${302}"' x '' b $(seq 300)
equal "words of a command" "$(cat "$out")" "302 [] 300"
run 2 "$soload" vm run -- nonexistent
has "$err" "nonexistent"
run 2 "$soload" vm run -- sh -c 'echo c >/proc/sysrq-trigger'
has "$err" "Kernel panic - not syncing"
one_line "$err"
run 2 "$soload" vm run --timeout 4 -- sh -c 'while :; do :; done'
has "$err" "the guest hangs"
one_line "$err"
# A command that writes to the host's line itself is found out.
run 2 "$soload" vm run -- sh -c 'echo garbage >/dev/ttyS0'
has "$err" "damaged"

"$soload" vm run -- sh -c 'while :; do :; done' >"$scratch/out" 2>&1 &
child=$!
sleep 1
kill -TERM $child
wait $child
equal "the exit code of a guest that is told to end" $? 143
equal "what is left of it" "$(pgrep -P $child)" ""

# Host and AICPU, each on a CPU of its own, and the record of it.
run 0 "$soload" vm run --cpus 2 --memory 1G --out "$scratch/repro" -- \
	soload repro -n 1 --loader elf --transport dedup --out /results/repro
has "$out" "PASS: 2 of 2 rounds match the golden"
has "$scratch/repro/repro/samples.csv" "elf/dedup"

# What a guest withholds is refused in words, and what can do without it loads; a kernel without the setting says so.
count() {
	setting=$1
	shift
	run "$@" "$soload" vm run --with "$setting" -- soload vm_count --so /soload/objects/pa_unroll_cxx_nounique.so -l tmpfs,memfd,elf -n 1
}
count noexec 1
has "$out" "mounted noexec"
equal "loads where mounts are noexec" "$(grep -cE '^,"(memfd|elf)",(time|user|kernel),[1-9].*,$' "$out")" 6
count nomemfd 1
has "$out" "memfd_create: Function not implemented"
equal "loads without memfd" "$(grep -cE '^,"(tmpfs|elf)",(time|user|kernel),[1-9].*,$' "$out")" 6
count mdwe 77
has "$err" "no PR_SET_MDWE"

# One CPU or two: both boots count the same.
run 0 "$soload" vm gate elf elf -n 9 --cpus 2 --out "$scratch/counts"
has "$out" "verdict=pass"
has "$out" "two boots identical"
# Counts that were kept are a ceiling, where they were counted on the same, and else say what differs.
has "$scratch/counts/counts.csv" "head,\"elf\",kernel,"
run 0 "$soload" vm bench -l elf -n 9 --out "$scratch/counts"
has "$out" "Instructions by phase"
has "$out" "Linux 6.1."
run 0 "$soload" vm gate elf elf -n 9 --ceiling "$scratch/counts/medians.csv"
has "$out" "Against $scratch/counts/medians.csv:"
awk -F , -v OFS=, '$3 == "user" { $4 = 1000 } { print }' "$scratch/counts/medians.csv" >"$scratch/lower"
run 1 "$soload" vm gate elf elf -n 9 --ceiling "$scratch/lower"
has "$out" "verdict=fail reason=ceiling:elf:user.total"
sed 's/qemu=[^ ]*/qemu=1.0/' "$scratch/counts/medians.csv" >"$scratch/elsewhere"
run 1 "$soload" vm gate elf elf -n 9 --ceiling "$scratch/elsewhere" --inject loop=50:relocate
has "$out" "not compared: its qemu is 1.0, not "
has "$out" "verdict=fail reason=elf:"
checks=$((checks + 1))
grep -qE 'user +relocate .*MORE' "$out" || fail "the planted regression was not found where it is: $(cat "$out")"

# A head that cannot start is a failure, and so is a loader there is none of.
printf '#!/bin/sh\nexit 1\n' >"$scratch/broken"
run 1 "$soload" vm gate "$build/aarch64/soload" "$scratch/broken" -l elf -n 3
has "$out" "verdict=fail reason=elf:time fails in head"
run 1 "$soload" vm bench -l nosuch -n 3
has "$err" "nosuch: time: "
# So is one whose object ends the process that loads it: counted in base alone, and in nothing but the ceiling.
exits=$build/aarch64/fixtures/orch_constructor_exits.so
run 1 "$soload" vm bench -l elf -n 3 --so "$exits"
has "$err" "elf: user: ended with exit code 7 while it loaded"
run 1 "$soload" vm gate null elf -n 3 --so "$exits" --out "$scratch/exits"
has "$out" "verdict=fail reason=elf:time fails in head"
sed -n '/^head,/!s/"null"/"elf"/p; /^[#s]/p' "$scratch/exits/medians.csv" >"$scratch/exits/ceiling"
run 1 "$soload" vm gate elf elf -n 3 --so "$exits" --ceiling "$scratch/exits/ceiling"
has "$out" "verdict=fail reason=elf:time fails in head"

expect_end
