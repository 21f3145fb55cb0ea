#!/bin/sh
# soload report reads what was recorded, whatever became of it, and says what was lost. Drawn by drawings.sh; here the numbers.
# shellcheck disable=SC1091,SC2154,SC2016 # the sourced files define what is used here
. tests/cli/expect
. tests/reports/record
made=$scratch/made

report() {
	rm -rf "$made"
	run 0 "$soload" report --engine none --out "$made" "$@"
	checks=$((checks + 1))
	if grep -rniE '(^|[^a-z])-?(nan|inf)([^a-z]|$)' "$made"; then
		fail "a number that is none in the output"
	fi
}

# The median of the loads 1 to 39 of disk (l = 1) with gen_a.so: 1000 + 500 + 20 + 100 ns.
record "$scratch/good" "disk elf memfd"
report "$scratch/good"
has "$made/report.md" "| disk |   | 39 | 1.60 | 1.62 |"
has "$made/report.html" "<td>disk</td>"
has_not "$made/report.md" "Before you read on"
equal "the first row of the phases" "$(head -1 "$made/figures/phases.dat" | cut -f 2,3,6,7)" "disk	1.62 us	1	0.52"
equal "how much slower the first load was" "$(cut -f 3 "$made/figures/first.dat" | sort | head -1)" "0.99x: 1.60 us, then 1.62 us"
equal "rows in the figure" "$(grep -c . "$made/figures/phases.dat")" 3
equal "slope of disk, from 1.62 to 2.62 us as the size doubles" "$(sed -n "s/^key_text\[3\] = 'slope \(.*\)'/\1/p" "$made/figures/size.set")" 0.69

# A file cut anywhere: the rows before the cut are used.
for cut in 1 17 400 2000 5001; do
	record "$scratch/cut" "disk"
	size=$(($(wc -c <"$scratch/cut/samples.csv") - cut))
	head -c "$size" "$scratch/good/samples.csv" >"$scratch/cut/samples.csv"
	whole=$(($(wc -l <"$scratch/cut/samples.csv") - 1))
	report "$scratch/cut"
	has "$made/report.md" "1 row was damaged or cut short and left out; $whole whole rows are used"
done

# A stray quote is a character: no row behind it is lost.
record "$scratch/cut" "disk"
sed -i '6s/,cycle,,/,cycle,a"b,/' "$scratch/cut/samples.csv"
equal "rows with a quote" "$(grep -c 'a"b' "$scratch/cut/samples.csv")" 1
report "$scratch/cut"
has_not "$made/report.md" "damaged"
equal "loads of the record" "$(sed -n 's/^| made .* | \([0-9]*\) | [0-9.]* |$/\1/p' "$made/report.md")" 80

# Nothing but a header; nothing at all; only warm-up; one loader; one load.
record "$scratch/zero" "disk"
head -1 "$scratch/good/samples.csv" >"$scratch/zero/samples.csv"
report "$scratch/zero"
has "$made/report.md" "nothing was measured, so there is no figure"
: >"$scratch/zero/samples.csv"
report "$scratch/zero"
has "$made/report.html" "nothing was measured"
head -2 "$scratch/good/samples.csv" >"$scratch/zero/samples.csv"
report "$scratch/zero"
has "$made/report.md" "every load of gen\\_a.so was warm-up"
record "$scratch/one" "elf" 2
report "$scratch/one"
has "$made/report.md" "needs 6 loads"

# Names that mean something to HTML, Markdown, gnuplot or a terminal, and names that are not UTF-8.
record "$scratch/names" "$(printf 'a_b<script>|x c:dirs=/t_p#1 \303\244\303\266-l\303\244der bad\377\033[31m pi|pe%%s')"
report "$scratch/names"
has_not "$made/report.html" "<script>"
has "$made/report.html" "a_b&lt;script&gt; x"
has "$made/report.html" "äö-läder"
has "$made/report.html" "bad??[31m"
has "$made/report.md" "c:dirs=/t\\_p#1"
has "$made/report.html" "pi pe%s"

# Versions mixed: an old record without some columns, a new one with more; run.json broken or absent.
cut -d, -f 4-12,14-17,19-20,26,41-42 "$scratch/good/samples.csv" >"$scratch/one/samples.csv"
echo '{"schema_version": 1,' >"$scratch/one/run.json"
sed 's/^/x,/' "$scratch/good/samples.csv" >"$scratch/names/samples.csv"
sed -i 's/"schema_version": 1/"schema_version": 9/' "$scratch/names/run.json"
report "$scratch/one" "$scratch/names"
has "$made/report.md" "an unreadable run.json"
has "$made/report.md" "of record version 9, newer than this soload"
equal "tables of both" "$(grep -c '^| disk' "$made/report.md")" 4

# Numbers that are none are damaged rows; a table of another kind is left out.
sed '3s/,gen_[ab].so,[0-9]*,/,gen_a.so,-5,/; 4s/,gen_[ab].so,[0-9]*,/,gen_a.so,1e3,/; 5s/$/,more/' "$scratch/good/samples.csv" >"$scratch/one/samples.csv"
report "$scratch/one"
has "$made/report.md" "3 rows were damaged or cut short"
echo 'name,value' >"$scratch/one/samples.csv"
report "$scratch/one"
has "$made/report.md" "samples.csv of one has no column loader and was left out"

# What a report has no room for is whole, and called so.
record "$scratch/many" "$(seq -s ' ' -f 'l%g' 513)" 2
report "$scratch/many"
has "$made/report.md" "4 whole rows were left out: a report holds 1024 combinations of loader, transport and object"
has_not "$made/report.md" "damaged"

# Of a long name the options are cut, not what tells rows apart.
record "$scratch/long" "disk:dirs=/usr/lib64/aicpu_kernels+/tmp+/dev/shm" 8
awk -F, 'BEGIN { OFS = FS } NR > 1 { $10 = NR % 4 < 2 ? "inline" : "trimmed"; $5 = "reproduction"; $33 = $10 == "inline" ? 5000 : 0 } { print }' \
	"$scratch/long/samples.csv" >"$scratch/long/new"
mv "$scratch/long/new" "$scratch/long/samples.csv"
report "$scratch/long"
equal "labels" "$(cut -f 2 "$made/figures/invocation.dat" | paste -sd '|')" "disk:dirs=/usr/lib64/aic…, trimmed|disk:dirs=/usr/lib64/aicp…, inline"
equal "what comes first: the DMA where there is one" "$(sed -n 's/^key\[1\] = //p' "$made/figures/invocation.set")" "'dma'"
equal "DMA and load" "$(cut -f 3,6 "$made/figures/invocation.dat" | sed -n 2p)" "6.60 us	5"

# Which is fastest: one that loads, and null does not.
record "$scratch/floor" "null floor elf disk" 8
report "$scratch/floor"
equal "labels" "$(cut -f 2 "$made/figures/phases.dat" | paste -sd '|')" "null (no load)|floor (no load)|elf|disk"
has "$made/report.md" "the fastest is elf with"

# The machine between the rounds, before and after; without a look in between that is said.
report "$scratch/good"
equal "load average" "$(awk -F '\t' 'NF == 0 { below = 1 } below && NF { print $1, $2, $3 }' "$made/figures/calm.dat" | paste -sd '|')" \
	"0 1 |0.05 1.25 5|0.1 1.5 |0.2 1.75 10|0.3 2 13.3333"
has "$made/figures/calm.set" "load_text = 'load average of the machine'"
rm "$scratch/good/machine.csv"
report "$scratch/good"
has "$made/figures/calm.set" "not looked at in between"
equal "a step of the load average, which rose to 2" "$(sed -n 's/^load_step = //p' "$made/figures/calm.set")" 1
sed -i 's/"load_average": \[[0-9.]*/"load_average": [0.75/' "$scratch/good/run.json"
report "$scratch/good"
equal "a step to 0.75" "$(sed -n 's/^load_step = //p' "$made/figures/calm.set")" 0.3

# An invocation is what the host did, without the harness's checks on the device meanwhile.
report tests/reports/repro
equal "the invocation with disk" "$(sed -n '/^[0-9]*	disk, inline/p' "$made/figures/share.dat" | cut -f 3)" "$(awk -F, '
	FNR == 1 { for (i = 1; i <= NF; i++) at[FILENAME, $i] = i; next }
	FILENAME ~ /samples/ { if ($at[FILENAME, "loader"] == "disk" && $at[FILENAME, "warmup"] == 0) total[$at[FILENAME, "seq"]] = $at[FILENAME, "total_ns"]; next }
	$2 in total && $3 == "host" { host[$2] += $7 }
	$2 in total && $5 == "check" { host[$2] -= $7 }
	END { for (seq in host) print host[seq], 100 * total[seq] / host[seq] }' tests/reports/repro/samples.csv tests/reports/repro/spans.csv |
	awk '{ ns[NR] = $1; share[NR] = $2 } END { for (i = 1; i <= NR; i++) for (k = 1; k < i; k++) { if (ns[i] < ns[k]) { t = ns[i]; ns[i] = ns[k]; ns[k] = t }
		if (share[i] < share[k]) { t = share[i]; share[i] = share[k]; share[k] = t } } printf "%.1f %% of %.2f ms", share[(NR + 1) / 2], ns[(NR + 1) / 2] / 1e6 }')"
has "$made/figures/invocation.set" "medians of 5 or more"
cp -r tests/reports/repro "$scratch/share"
awk -F, 'BEGIN { OFS = FS } $9 == "disk" { $17 *= 5 } { print }' tests/reports/repro/samples.csv >"$scratch/share/samples.csv"
report "$scratch/share"
equal "large shares with a decimal" "$(cut -f 3 "$made/figures/share.dat" | grep -c '^[1-9][0-9]\.[0-9] %')" 1

# The tail is that of the transport most arms share, though another one has the fastest arm.
mkdir "$scratch/tail"
cp tests/reports/repro/run.json "$scratch/tail/"
sed 's/^\([^,]*,,[0-9]*,null\)\/inline\(.*\),null,inline,/\1\/dedup\2,null,dedup,/' tests/reports/repro/samples.csv >"$scratch/tail/samples.csv"
report "$scratch/tail"
equal "curves" "$(sed -n "s/^key\[[0-9]\] = '\(.*\)'/\1/p" "$made/figures/tail.set" | paste -sd '|')" "elf, inline|disk, inline"
sed -i '/,151,/d' "$scratch/tail/samples.csv"
report "$scratch/tail"
has "$made/figures/tail.set" ", 4 or more each" # the fastest has 5

# What cannot be read at all.
run 2 "$soload" report --out "$made" "$scratch/nowhere"
one_line "$err"
has "$err" "nowhere is no results folder"
run 2 "$soload" report
one_line "$err"
run 2 "$soload" report --engine gunplot "$scratch/good"
has "$err" "did you mean 'gnuplot'"
: >"$scratch/file"
run 2 "$soload" report --engine none --out "$scratch/file/x" "$scratch/good"
one_line "$err"
expect_end
