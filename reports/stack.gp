# Horizontal stacked bars, a whisker for the whole, its number at the end; below, the shortest of them enlarged. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
legend_rows = (keys + 4) / 4
each = rows > 12 ? 24 : 34
zoom_height = zoomed ? 24 * zoomed + 62 : 0
height = 126 + 26 * legend_rows + each * rows + 46 + zoom_height
@frame
@dress
first = 6
last = first + keys
set tmargin screen above(66 + 22 * legend_rows)
set bmargin screen (92.0 + zoom_height) / height
set lmargin left
set rmargin 3
set xrange [0 : longest * 1.3]
set yrange [rows - 0.45 : -0.55]
set ytics scale 0
set label 905 x_label at screen 0.5, screen 52.0 / height center tc rgb ink
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6
set key at screen 0.99, screen above(60) right top horizontal Left reverse samplen 1 width 1 maxrows legend_rows font small noenhanced
set style fill solid 1.0 border rgb '#ffffff'
set multiplot
start(i) = i == first ? 0 : sum [k = first:i - 1] column(k)
whole(n) = sum [k = first:last] column(k)
clip(x) = x > longest ? longest : x
most(a, b) = a > b ? a : b
plot for [i = first:last] data using (start(i)):0:(start(i)):(start(i) + column(i)):($0 - 0.34):($0 + 0.34):yticlabels(2) \
	with boxxyerror lc rgb (i < last ? key_colour[i - first + 1] : '#000000') lw 0.4 title (i < last ? key[i - first + 1] : (rest ne '' ? rest : '')), \
	data using (clip(column(4))):($0 + 0.43):(clip(column(4))):(clip(column(5))) with xerrorbars pt 0 ps 0 lw 1.3 lc rgb ink notitle, \
	data using (most(whole(0), clip(column(5)))):0:3 with labels left offset char 0.8, 0 tc rgb ink font small notitle

unset label 901; unset label 902; unset label 903; unset label 904; unset label 905
if (zoomed) {
	unset key
	set tmargin screen (92.0 + 24 * zoomed) / height
	set bmargin screen 92.0 / height
	longest = zoom_longest
	set xrange [0 : longest * 1.3]
	set yrange [zoomed - 0.45 : -0.55]
	set label 1 zoom_text at graph 0, screen (106.0 + 24 * zoomed) / height left font small tc rgb pale
	plot for [i = first:last] data every ::0::(zoomed - 1) using (start(i)):0:(start(i)):(start(i) + column(i)):($0 - 0.34):($0 + 0.34):yticlabels(2) \
		with boxxyerror lc rgb (i < last ? key_colour[i - first + 1] : '#000000') lw 0.4, \
		data every ::0::(zoomed - 1) using (clip(column(4))):($0 + 0.43):(clip(column(4))):(clip(column(5))) with xerrorbars pt 0 ps 0 lw 1.3 lc rgb ink, \
		data every ::0::(zoomed - 1) using (most(whole(0), clip(column(5)))):0:3 with labels left offset char 0.8, 0 tc rgb ink font small
}
unset multiplot
