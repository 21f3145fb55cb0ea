# Where does the time of one load go? Stacked medians per phase, one bar per loader, from the phases.dat of a results folder.
# Usage: gnuplot -e "data='…/phases.dat'; picture='…/phases.png'" reports/phases.gp

if (!exists("data")) data = 'phases.dat'
if (!exists("picture")) picture = 'phases.png'

set datafile separator tab
stats data skip 1 using 0 nooutput
rows = int(STATS_records)
header = system("head -n 1 '".data."'")
columns = words(header)

# A phase has its colour wherever it is drawn: Paul Tol's muted set, told apart by every common colour blindness.
names = 'read stage link map relocate protect init resolve call unload unstage other'
tones = '#88ccee #332288 #ddcc77 #117733 #cc6677 #882255 #44aa99 #999933 #aa4499 #bbbbbb #661100 #000000'
place(name) = sum [i = 1:words(names)] (word(names, i) eq name ? i : 0)

first = 4
last = columns - 1
label(i) = word(header, i)

# Nothing but the axis, its unit and the numbers; the legend stands outside and names only what can be seen.
stats data skip 1 using columns nooutput
longest = STATS_max
seen(i) = system(sprintf("awk -F '\t' 'NR > 1 && $%d > %f { n++ } END { print n + 0 }' '%s'", i, longest * 0.004, data)) + 0

set terminal pngcairo size 1000,(rows > 7 ? 200 + 55 * rows : 600) font 'sans,13' background '#ffffff'
set output picture
set title "Where does the time of one load go?"
emulated = system("grep -s '\"emulated\": true' \"$(dirname '".data."')/run.json\"") ne ''
set xlabel 'median per load, microseconds'.(emulated ? ' (emulated: no ranking)' : '')
set yrange [rows - 0.4 : -0.6]
set xrange [0 : longest * 1.14]
set ytics nomirror scale 0
set xtics nomirror
set grid xtics lc rgb '#dddddd' lt 1
set border 3 lc rgb '#333333'
set key outside right center vertical Left reverse noenhanced samplen 1.2 spacing 1.3
set style fill solid 1.0 border rgb '#ffffff'
set lmargin 3 + system(sprintf("awk -F '\t' '{ n = length($1) + ($3 > 0 ? 8 : 0) } NR > 1 && n > most { most = n } END { print most }' '%s'", data))
unset mouse

# Each phase starts where those before it end.
start(i) = i == first ? 0 : sum [k = first:i - 1] column(k)
stale(n) = n > 0 ? ' (stale)' : ''

plot for [i = first:last] data skip 1 using (start(i) + column(i) / 2):0:(start(i)):(start(i) + column(i)):($0 - 0.36):($0 + 0.36):yticlabels(strcol(1).stale(column(3))) \
	with boxxyerror lc rgb word(tones, place(label(i))) lw 0.5 title (seen(i) ? label(i) : ''), \
	data skip 1 using (sum [k = first:last] column(k)):0:(sprintf(column(columns) < 10 ? ' %.2f' : ' %.1f', column(columns))) \
	with labels left notitle
