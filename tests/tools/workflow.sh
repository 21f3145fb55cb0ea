#!/bin/sh
# tools/workflow.yml, which other projects copy: it is YAML with steps that are shell, and the files, targets and options of
# this project that it names are there.
# shellcheck disable=SC1091,SC2154
. tests/cli/expect

python3 -c 'import yaml' 2>/dev/null || {
	echo "skipped: no python3-yaml"
	exit 77
}
cat >"$scratch/read.py" <<'EOF'
import sys, yaml
workflow = yaml.safe_load(open("tools/workflow.yml"))
assert list(workflow["jobs"]) == ["gate"], workflow["jobs"]
steps = workflow["jobs"]["gate"]["steps"]
for step in steps:
    assert ("uses" in step) != ("run" in step), step
scripts = [step["run"] for step in steps if "run" in step]
assert scripts
open(sys.argv[1] + "/script", "w").write("\n".join(scripts))
EOF
run 0 python3 "$scratch/read.py" "$scratch"
script=$scratch/script
[ -s "$script" ] || fail "no script in it"
run 0 sh -n "$script"

# What it calls in the folder of this project.
tools=$(grep -oE '(^|[ "])tools/[a-z-]+( [a-z]+)?' "$script" | tr -d '"')
checks=$((checks + 1))
[ -n "$tools" ] || fail "it names no tool"
printf '%s\n' "$tools" | while read -r tool words; do
	[ -x "$tool" ] || echo "no $tool"
	[ "$tool" != tools/deps ] || grep -q "^	$words)" tools/deps || echo "tools/deps knows no $words"
done >"$scratch/missing"
equal "tools that are missing" "$(cat "$scratch/missing")" ""
has "$script" "make -j\"\$(nproc)\" build/soload"
run 0 make -n build/soload

# The options of its gate.
options=$(sed -n '/soload" gate/,/|| status/p' "$script" | grep -oE ' (--[a-z]+|-[a-z]) ' | tr -d ' ')
checks=$((checks + 1))
[ "$(printf '%s\n' "$options" | wc -l)" -ge 4 ] || fail "few options in it: $options"
"$soload" gate --help >"$scratch/help"
for option in $options; do
	checks=$((checks + 1))
	grep -qE -- "(^|[ ,])$option([=, ]|\$)" "$scratch/help" || fail "soload gate knows no $option"
done

expect_end
