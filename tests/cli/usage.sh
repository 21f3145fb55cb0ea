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

# An option means the same in every command, and what it does not take is refused in the same words.
for command in run bench gate compare "history add" repro advise gen; do
	# shellcheck disable=SC2086 # words on purpose
	run 2 "$soload" $command --seed 9223372036854775808
	one_line "$err"
	has "$err" "--seed: '9223372036854775808' is not a number from 0 to 9223372036854775807"
done
for words in "run --time" "run --timeout" "gate --budget" "compare --budget" "history add --time" "repro --timeout" "advise --seconds" \
	"trace -t" "vm run --timeout"; do
	for duration in soon -1 0 25h 1d nan; do
		# shellcheck disable=SC2086
		run 2 "$soload" $words $duration
		one_line "$err"
		has "$err" "${words##* }: '$duration' is not a time from "
	done
done
run 2 "$soload" repro -n 4K -d x
has "$err" "-d: 'x' is not a number from 0 to 1000000000"

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
