#!/bin/sh
# reports/phases.gp draws what it should, without a word of warning: one loader, many, stale ones, names with odd characters.
set -u
command -v gnuplot >/dev/null 2>&1 || { echo "skipped: gnuplot is not installed" && exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0

draw() {
	table=$scratch/phases
	rm -f "$table.png"
	tr ' ' '\t' >"$table.dat"
	said=$(reports/draw "$table" 2>&1)
	[ "$said" = "picture: $table.png" ] || { echo "$1: gnuplot says: $said" >&2 && failed=1; }
	size=$(head -c 24 "$table.png" | od -An -tu1 -j16 | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }')
	case $size in
	"1000 "[6-9]?? | "1000 "1???) ;;
	*) echo "$1: the picture is '$size' pixels" >&2 && failed=1 ;;
	esac
}

draw "one loader" <<END
loader loads stale link resolve total
disk 10 0 90.000 1.500 91.500
END
draw "many, stale, odd names" <<END
loader loads stale read stage link map relocate protect init resolve call unload unstage other total
null 10 0 0 0 0 0 0 0 0 0.020 0.010 0 0 0.001 0.031
disk:dirs=/a_b+/c^d{e} 10 0 1 2 3 4 5 6 7 8 9 10 11 12 78
cached:policy=first 10 9 0 0 0.5 0 0 0 0 0 0 0 0 0 0.5
a 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
b 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
c 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
d 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
e 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
f 1 0 0 0 1 0 0 0 0 0 0 0 0 0 1
END
[ "$failed" = 0 ] && echo "phases.gp draws without a warning"
exit "$failed"
