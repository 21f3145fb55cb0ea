#!/bin/sh
# tools/vm-gate: what soload vm gate answers decides, except that what cannot be judged is said and passes; head is held to the committed
# ceiling where there is one. With a soload and a make of the test's own.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect
command -v git >/dev/null || { echo "skipped: no git" && exit 77; }

tree=$scratch/tree
mkdir -p "$tree/tools" "$tree/build/aarch64" "$tree/bench" "$tree/results/baseline"
cp tools/vm-gate tools/base.sh "$tree/tools/"
cd "$tree" || exit 1
cat >build/soload <<'END_OF_PROGRAM'
#!/bin/sh
echo "asked: $*"
exit "$ANSWER"
END_OF_PROGRAM
cat >making <<'END_OF_PROGRAM'
#!/bin/sh
[ -z "$BROKEN" ] || { echo "no rule" && exit 2; }
mkdir -p "$2/build/aarch64" && cp build/soload "$2/build/aarch64/soload"
END_OF_PROGRAM
chmod +x build/soload making

gate() {
	code=$1
	shift
	run "$code" env GIT_CEILING_DIRECTORIES="$scratch" ANSWER=0 "$@" tools/vm-gate build ./making
}

git() {
	command git -c user.name=test -c user.email=test@example.org -c init.defaultBranch=main "$@"
}
gate 0
has "$out" "not judged: there is no soload for aarch64"
cp build/soload build/aarch64/soload
gate 0
has "$out" "not judged: not a git checkout"
git init -q .
printf 'build\nresults/runs\n' >.gitignore
git add -A && git commit -qm "cannot count"
: >bench/vm_count.c
git add -A && git commit -qm "can count"
gate 0
has "$out" "not judged: no base in this clone can count"
git commit -qm "again" --allow-empty
gate 0 BROKEN=1
has "$out" "no rule"
has "$out" "not judged: the base does not build"

gate 0
base=$(git rev-parse --short=12 HEAD^)
has "$out" "asked: vm gate build/vm-gate/$base/build/aarch64/soload"
has "$out" "no ceiling is committed"
has_not "$out" "not judged"
has_not "$out" "--ceiling"
gate 1 ANSWER=1
gate 2 ANSWER=2
gate 139 ANSWER=139
gate 0 ANSWER=3
has "$out" "not judged: inconclusive"
gate 0 ANSWER=77
has "$out" "not judged: there is no guest here"
: >results/baseline/vm-counts.csv
gate 0
has "$out" "--ceiling results/baseline/vm-counts.csv"
echo 0123456789012345678901234567890123456789 >results/baseline/REVISION
gate 0
has "$out" "vm-gate/$base/"
expect_end
