#!/bin/sh
# soload trim from outside: the object gets smaller, keeps its build-id, and is taken for the same by every loader; what is wrong is said in a line.
# shellcheck disable=SC1091,SC2154 # the sourced file defines what is used here
set -u
. tests/cli/expect
twin=$build/objects/pa_unroll_cxx_nounique.so

run 0 "$soload" trim "$twin" "$scratch/trimmed.so"
has "$out" "verified by loading both with memfd, elf: "
has "$out" "build-id: $(readelf -n "$twin" | sed -n 's/.*Build ID: //p')"
equal "the build-id" "$(readelf -n "$scratch/trimmed.so" | sed -n 's/.*Build ID: //p')" "$(readelf -n "$twin" | sed -n 's/.*Build ID: //p')"
equal "the number of sections" "$(readelf -h "$scratch/trimmed.so" | sed -n 's/.*Number of section headers: *//p')" 0
equal "the mode" "$(stat -c %a "$scratch/trimmed.so")" "$(stat -c %a "$twin")"
[ "$(uname -m)" != x86_64 ] || [ "$(stat -c %s "$scratch/trimmed.so")" -lt 40000 ] || fail "it is $(stat -c %s "$scratch/trimmed.so") bytes"
run 0 "$soload" run "$scratch/trimmed.so" --loader disk:mended,tmpfs,memfd,elf,elf:map,elf:dualmap,prelinked,auto -n 5 --out "$scratch/run"
run 0 "$soload" repro -n 1 --pools small --orch "$scratch/trimmed.so" --loader memfd,elf --transport inline,trimmed,dedup --out "$scratch/repro"
has "$out" "PASS: 12 of 12 rounds"

# Trimming twice changes nothing; an output is written whole or not at all.
run 0 "$soload" trim "$scratch/trimmed.so" "$scratch/again.so"
run 0 cmp "$scratch/trimmed.so" "$scratch/again.so"
run 2 "$soload" trim "$twin" /nonexistent/out.so
one_line "$err"
run 2 "$soload" trim "$scratch/absent.so" "$scratch/no.so"
one_line "$err"
head -c 3000 "$twin" >"$scratch/cut.so"
run 2 "$soload" trim "$scratch/cut.so" "$scratch/no.so"
one_line "$err"
run 2 "$soload" trim "$twin"
one_line "$err"
run 2 "$soload" trim "$twin" a b
one_line "$err"
run 2 "$soload" trim "$build/fixtures/orch_constructor_crashes.so" "$scratch/no.so"
case $build in
*asan*) has "$err" "AddressSanitizer: SEGV" ;; # the sanitizer ends the process in its own way
*) has "$err" "loading it ended with SIGSEGV" ;;
esac
[ ! -e "$scratch/no.so" ] || fail "an output was left behind"
run 0 "$soload" trim --no-verify "$build/fixtures/orch_constructor_crashes.so" "$scratch/crashes.so"
has "$out" "not verified"
expect_end
