#!/bin/sh
# The program from outside: help that teaches, versions, unknown words, exit codes.
# shellcheck disable=SC1091,SC2154,SC2016 # the sourced file defines what is used here; $NAME is a column
. tests/cli/expect

run 2 "$soload"
has "$err" "Usage: soload COMMAND"
run 0 "$soload" --help
has "$out" "Examples:"
has "$out" "Exit codes:"
has "$out" "  run "
has_not "$out" "  worker"
run 0 "$soload" help
run 0 "$soload" --version
equal "the version" "$(cat "$out")" "soload $(cat VERSION)"
run 0 "$soload" run --version
equal "a command's version" "$(cat "$out")" "soload $(cat VERSION)"

run 2 "$soload" rnu
one_line "$err"
has "$err" "did you mean 'run'?"
run 2 "$soload" xyzzyxyzzy
one_line "$err"
has_not "$err" "did you mean"
run 2 "$soload" help rnu
has "$err" "did you mean 'run'?"

# Every command explains itself, with examples, through both spellings.
for command in $("$soload" --help | sed -n '/^Usage/,/^Examples/s/^  \([a-z]*\) .*/\1/p'); do
	run 0 "$soload" "$command" --help
	has "$out" "soload $command"
	has "$out" "Examples:"
	cp "$out" "$scratch/first"
	run 0 "$soload" help "$command"
	equal "help $command" "$(cat "$out")" "$(cat "$scratch/first")"
	run 2 "$soload" "$command" --no-such-option
	has "$err" "--no-such-option"
done

# Output that cannot be written is not taken for success.
checks=$((checks + 1))
"$soload" --help >/dev/full 2>"$scratch/err"
equal "the exit code of help on a full disk" $? 2
has "$scratch/err" "stdout"

# The hidden ones.
run 2 "$soload" worker x
one_line "$err"
run 0 "$soload" cost --help

expect_end
