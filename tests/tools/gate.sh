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
cp tools/gate tools/base.sh tools/build-revision "$tree/tools/"
case $soload in
/*) program=$soload ;;
*) program=$root/$soload ;;
esac
cp "$program" "$tree/build/soload"
cp "$root/$build/objects/gen_16k.so" "$tree/build/objects/gen_390k.so" 2>/dev/null || cp "$build/objects/gen_16k.so" "$tree/build/objects/gen_390k.so"
cd "$tree" || exit 1

run 0 env GIT_CEILING_DIRECTORIES="$scratch" tools/gate build
has "$out" "not judged: not a git checkout"
equal "the last line" "$(tail -1 "$out")" "verdict=skipped reason=not a git checkout, so there is no base to build"
# The folder of the build may be left out.
run 0 env GIT_CEILING_DIRECTORIES="$scratch" tools/gate
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

# On GitHub the regression is a line beside the change.
run 1 env GITHUB_ACTIONS=true tools/gate build -l elf --inject 100% --budget 120
has "$out" "::error title=soload gate elf::"
rm -rf build/gate
run 2 env GITHUB_ACTIONS=true tools/gate build --bogus

echo 0123456789012345678901234567890123456789 >results/baseline/REVISION
run 0 tools/gate build -l elf
has "$out" "not judged: revision 0123456789"
git rev-parse HEAD~2 >results/baseline/REVISION
run 0 tools/gate build -l elf
has "$out" "does not build here"
run 2 tools/gate nowhere

# A folder of somebody else's is named as what it is.
if [ "$(id -u)" = 0 ]; then
	chown 12345 . .git
	run 0 env HOME="$scratch" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null tools/gate build
	has "$out" "not judged: git refuses a folder of another user's: git config --global --add safe.directory"
	chown 0 . .git
fi

# A clone of one commit: the revision that REVISION names is fetched alone, and without it the commit before.
echo "$(git rev-parse HEAD~1) # the one that works" >results/baseline/REVISION
git add -f results/baseline/REVISION && git commit -qm named
shallow() {
	cd "$tree" || exit 1
	rm -rf "$scratch/shallow"
	git clone -q --depth 1 "file://$tree" "$scratch/shallow"
	cp -a build "$scratch/shallow/"
	rm -rf "$scratch/shallow/build/gate"
	cd "$scratch/shallow" || exit 1
}
shallow
equal "commits in the clone" "$(git rev-list --count HEAD)" 1
run 1 tools/gate build -l elf --inject 100% --budget 120
has "$out" "building the base, $(git -C "$tree" rev-parse --short HEAD~2) works"
has "$out" "verdict=fail"
echo 0123456789012345678901234567890123456789 >results/baseline/REVISION
run 1 tools/gate build -l elf --inject 100% --budget 120
has "$out" "the previous commit instead"
has "$out" "building the base, $(git -C "$tree" rev-parse --short HEAD~1) again"
# One whose origin is gone is not judged.
shallow
git remote remove origin
run 0 tools/gate build -l elf
equal "the last line" "$(tail -1 "$out" | cut -c-17)" "verdict=skipped r"

expect_end
