#!/bin/sh
# tools/gate: a base that is missing, does not build or is no soload passes and is said; a regression is red. The revisions
# are those of a small repository of the test's own, whose build copies the program that is under test.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

command -v git >/dev/null || {
	echo "skipped: no git"
	exit 77
}
tree=$scratch/tree
root=$(pwd)
mkdir -p "$tree/tools" "$tree/build/objects" "$tree/results/baseline"
cp tools/gate tools/build-revision "$tree/tools/"
case $soload in
/*) program=$soload ;;
*) program=$root/$soload ;;
esac
cp "$program" "$tree/build/soload"
cp "$root/$build/objects/gen_16k.so" "$tree/build/objects/gen_390k.so" 2>/dev/null || cp "$build/objects/gen_16k.so" "$tree/build/objects/gen_390k.so"
cd "$tree" || exit 1

run 0 env GIT_CEILING_DIRECTORIES="$scratch" tools/gate build
has "$out" "not judged: not a git checkout"

git() {
	command git -c user.name=test -c user.email=test@example.org -c init.defaultBranch=main "$@"
}
git init -q .
printf 'build\nresults/runs\n' >.gitignore
printf 'build/soload:\n\tfalse\n' >Makefile
git add -A && git commit -qm broken
run 0 tools/gate build
has "$out" "not judged: revision HEAD^ is not in this clone"

printf 'build/soload:\n\tmkdir -p build\n\tcp %s build/soload\n' "$program" >Makefile
git commit -qam works
run 0 tools/gate build
has "$out" "does not build here"

printf '# nothing\n' >>Makefile
git commit -qam again
run 0 tools/gate build -l elf
has "$out" "building the base"
checks=$((checks + 1))
grep -q '^verdict=' "$out" || fail "no verdict: $(cat "$out")"

# The planted regression turns it red.
run 1 tools/gate build -l elf --inject 100% --budget 120
has "$out" "verdict=fail"

echo 0123456789012345678901234567890123456789 >results/baseline/REVISION
run 0 tools/gate build -l elf
has "$out" "not judged: revision 0123456789"
git rev-parse HEAD~2 >results/baseline/REVISION
run 0 tools/gate build -l elf
has "$out" "does not build here"
run 2 tools/gate nowhere

expect_end
