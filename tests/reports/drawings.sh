#!/bin/sh
# Every figure is drawn, by either engine, from the same numbers, without a word of warning, whatever the names.
# shellcheck disable=SC1091,SC2154,SC2016 # the sourced files define what is used here
. tests/cli/expect
. tests/reports/record
command -v gnuplot >/dev/null 2>&1 || { echo "skipped: gnuplot is not installed" && exit 77; }
names=$(printf 'disk elf a_b"c|d\\x`e #x %%s \303\244\303\266:long=abcdefghijklmnopqrstuvwxyz0123456789')
record "$scratch/a" "$names" 12
record "$scratch/lone" "elf" 2
# Loads too short for the clock: zeros on logarithmic axes.
record "$scratch/zeros" "elf disk" 12
awk -F, 'BEGIN { OFS = FS } NR > 1 { $17 = $19 = $20 = $27 = NR % 3 ? 0 : 40 } { print }' "$scratch/zeros/samples.csv" >"$scratch/zeros/new"
mv "$scratch/zeros/new" "$scratch/zeros/samples.csv"
cp -r tests/reports/gate "$scratch/gate"
cp -r tests/reports/repro "$scratch/repro"
# Names that a count of bytes would cut within a character: 63 bytes, 33 characters.
name=libЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖ
record "$scratch/cut" "disk elf elf:$name" 12
cp -r tests/reports/gate "$scratch/cut-gate"
cp -r tests/reports/repro "$scratch/cut-repro"
sed -i "s/gen_a\.so/$name/g; s/gen_b\.so/${name}b/g; s/gen_390k\.so/$name/g; s/pa_unroll_cxx_nounique\.so/$name/g; s/,elf,inline,/,elf:$name,inline,/; \
	s/,aicpu3,/,aicpu3$name,/; s/\"\(run\|command\|cpu\|kernel\|libc\|revision\|base\)\": \"/&$name/g" "$scratch"/cut*/*.csv "$scratch"/cut*/run.json

figures="phases invocation share tail first size relocations imports exports kernel calm swimlane forest"
python=$(for try in python3 /usr/bin/python3; do "$try" -c 'import matplotlib' 2>/dev/null && echo "$try" && break; done)
[ "$python" ] || echo "not tried: matplotlib is not installed, nor are the boxes of words looked at"

# words ENGINE FOLDER: none leaves its picture, no two touch.
words() {
	[ "$python" ] || return
	for svg in "$2"/figures/*.svg; do
		checks=$((checks + 1))
		said=$("$python" tests/reports/svg_texts "$svg") || fail "$1: $said"
	done
}
for engine in gnuplot ${python:+matplotlib}; do
	run 0 "$soload" report --engine "$engine" --out "$scratch/$engine" "$scratch/a" "$scratch/gate" "$scratch/repro"
	equal "what $engine said" "$(cat "$err")" ""
	for name in $figures; do
		checks=$((checks + 1))
		[ -s "$scratch/$engine/figures/$name.svg" ] || fail "$engine drew no $name.svg"
		equal "width of $name.png" "$(head -c 20 "$scratch/$engine/figures/$name.png" | od -An -tu1 -j16 | awk '{ print $3 * 256 + $4 }')" 800
	done
	words "$engine" "$scratch/$engine"
	run 0 "$soload" report --engine "$engine" --out "$scratch/$engine-lone" "$scratch/lone"
	words "$engine, alone" "$scratch/$engine-lone"
	run 0 "$soload" report --engine "$engine" --out "$scratch/$engine-zeros" "$scratch/zeros"
	has_not "$scratch/$engine-zeros/report.html" ">nan"
	run 0 "$soload" report --engine "$engine" --trace --out "$scratch/$engine-cut" "$scratch/cut" "$scratch/cut-gate" "$scratch/cut-repro"
	for file in "$scratch/$engine-cut"/*.* "$scratch/$engine-cut"/figures/*.[ds]*; do
		checks=$((checks + 1))
		iconv -f utf-8 -t utf-8 "$file" >"$scratch/decoded" 2>&1 || fail "$engine: $file is no UTF-8"
	done
	[ ! "$python" ] || run 0 "$python" -c 'import sys; from xml.etree import ElementTree; [ElementTree.parse(f) for f in sys.argv[1:]]' "$scratch/$engine-cut"/figures/*.svg
	equal "pictures by $engine" "$(find "$scratch/$engine-cut" -name '*.svg' | wc -l)" 13
done

# Both engines write the same words and numbers, but for those of the axes: every title, label, legend and number at a bar.
if [ "$python" ]; then
	for name in $figures; do
		for engine in gnuplot matplotlib; do
			"$python" tests/reports/svg_texts --list "$scratch/$engine/figures/$name.svg" >"$scratch/$engine.words"
		done
		checks=$((checks + 1))
		diff "$scratch/gnuplot.words" "$scratch/matplotlib.words" >"$scratch/diff" || fail "the words of $name differ: $(cat "$scratch/diff")"
	done
fi

# Every colour of the swimlane that is seen has its word in a lane or in the legend.
equal "pieces without a name" "$(awk -F '\t' 'FILENAME ~ /set$/ { if (/^key_colour/) { gsub(/.*= .|.$/, ""); named[$0] = 1 } if (/^longest/) { sub(/.*= /, ""); long = $0 } next }
	NF == 0 { exit } { if ($5 != " ") named[$4] = 1; if ($3 - $2 > 0.0025 * long) seen[$4] = 1 }
	END { for (colour in seen) if (!(colour in named)) print colour }' "$scratch/gnuplot/figures/swimlane.set" "$scratch/gnuplot/figures/swimlane.dat")" ""

# What the swimlane enlarges is whole: every part begins at 0, leaves no gap, and is as long as its frame.
set="$scratch/gnuplot/figures/swimlane.set"
equal "enlarged parts" "$(sed -n 's/^zooms = //p' "$set")" 2
equal "gaps in them" "$(awk -F '\t' 'FILENAME ~ /set$/ { split($0, f, / = /); v[f[1]] = f[2]; next }
	NF == 0 { if (filled && index_ > 0 && (end - long) ^ 2 > 0.01) bad++; if (filled) index_++; filled = end = 0; next }
	{ if (index_ > 0) { if (($1 - end) ^ 2 > 1e-4) bad++; end = $2; long = v["zoom_to[" index_ "]"] - v["zoom_from[" index_ "]"] } filled = 1 }
	END { print bad + 0, index_ }' "$set" "$scratch/gnuplot/figures/swimlane.dat")" "0 3"

# The page holds its figures, ids are its own, nothing is fetched, and it stays small.
page=$scratch/gnuplot/report.html
equal "figures in the page" "$(grep -c '<figure>' "$page")" 13
equal "ids used twice" "$(grep -oE '\bid="[^"]*"' "$page" | sort | uniq -d)" ""
equal "addresses that are fetched" "$(grep -oE '(src|href)="?(https?:)?//[^"]*' "$page")" ""
checks=$((checks + 1))
[ "$(wc -c <"$page")" -lt 2000000 ] || fail "the page is larger than 2 MB"

# An engine that is not there is said; the numbers are written all the same.
run 2 env PATH=/nonexistent "$soload" report --engine gnuplot --out "$scratch/no" "$scratch/a"
has "$err" "gnuplot is not installed"
checks=$((checks + 1))
[ -s "$scratch/no/report.md" ] || fail "no report without a picture"
run 2 "$soload" report --engine gnuplot --scripts /nonexistent --out "$scratch/no" "$scratch/a"
has "$err" "no drawings"
expect_end
