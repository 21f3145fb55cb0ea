#!/bin/sh
# tools/vm-matrix: a cell is read by the header, whatever phases there are; crashes, old code and guests that fail are WRONG; a cell that
# is worse than the committed one turns it red and is named. With a program of the test's own in soload's place.
# shellcheck disable=SC1091,SC2154,SC2016 # backquotes are Markdown
. tests/cli/expect

mkdir -p "$scratch/build"
cat >"$scratch/build/soload" <<'END_OF_PROGRAM'
#!/bin/sh
# Answers as MODE says for `memfd` on 6.1; 5.10 cannot count instructions, 6.12 cannot be had.
kernel=6.1 with=
while [ "$1" != -- ]; do
	[ "$1" = --kernel ] && kernel=$2
	[ "$1" = --with ] && with=$2
	shift
done
case $kernel in 6.12*) echo "soload: no kernel" >&2 && exit 77 ;; esac
[ "$MODE" = panic ] && echo "soload: Kernel panic" >&2 && exit 2
for loader in disk disk:mended tmpfs memfd cached elf elf:dualmap elf:fresh prelinked auto; do
	echo side,loader,metric,total,stage,${MORE:+more,}other,error
	for metric in time user kernel; do
		error=
		[ $kernel = 5.10 ] && [ $metric != time ] && error='"no counter of instructions here: x"'
		if [ $kernel,$with,$loader = 6.1,,memfd ]; then
			case $MODE,$metric in
			refuses,*) error='"loader memfd: no, ""never"""' ;;
			stale,*) error='"stale: old"' ;;
			crash,user) error='"ended by signal 11 while it loaded"' ;;
			exits,user) error='"ended with exit code 127 while it loaded"' ;;
			ends,user) break ;;
			esac
		fi
		echo ",\"$loader\",$metric,3,1,${MORE:+1,}2,$error"
	done
done
END_OF_PROGRAM
chmod +x "$scratch/build/soload"

matrix() {
	code=$1
	shift
	run "$code" env "$@" tools/vm-matrix "$scratch/build" "$scratch/committed"
}

run 2 tools/vm-matrix "$scratch/build" "$scratch/committed"
one_line "$err"
printf '| guest | memfd | elf |\n|---|---|---|\n| Linux 6.1 | loads | loads |\n| 6.1, no memfd | refuses | refuses |\n| Linux 6.12 | loads | loads |\n' \
	>"$scratch/committed"
matrix 0 MODE=
has "$out" "| Linux 5.10 | loads | loads | loads | loads | loads | loads | loads | loads | loads | loads |"
has "$out" "| Linux 6.12 | not here: no kernel |"
has_not "$out" refuses
for more in '' yes; do
	matrix 1 MODE=refuses MORE=$more
	has "$out" "| Linux 6.1 | loads | loads | loads | refuses | loads |"
	has "$out" '- Linux 6.1, `memfd`: loader memfd: no, "never"'
	has "$err" "Linux 6.1 / memfd: loads before, refuses now"
	equal "cells that are worse" "$(wc -l <"$err")" 2
done
for mode in stale crash exits ends; do
	matrix 1 MODE=$mode
	has "$out" "| Linux 6.1 | loads | loads | loads | WRONG | loads |"
	has "$err" "Linux 6.1 / memfd: loads before, WRONG now"
done
matrix 1 MODE=panic
has "$out" "| Linux 6.1 | WRONG: Kernel panic |"

# A refusal that was committed is none that is worse.
sed 's/Linux 6.1 | loads/Linux 6.1 | refuses/' "$scratch/committed" >"$scratch/refused" && mv "$scratch/refused" "$scratch/committed"
matrix 0 MODE=refuses
expect_end
