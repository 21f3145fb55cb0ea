# Lanes over time, every span in its colour, its word inside where there is room. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
legend_rows = (keys + 3) / 4
height = 166 + 24 * legend_rows + 52 * lanes + (zooms ? 76 : 0)
@frame
@dress
set tmargin screen above(68 + 22 * legend_rows)
bottom = zooms ? 168.0 : 92.0
set bmargin screen bottom / height
set lmargin screen 0.09
set rmargin screen 0.975
set xrange [0 : longest]
set yrange [lanes - 0.45 : -0.55]
set ytics scale 0
set for [i = 1:lanes] ytics add (lane[i] i - 1)
set xlabel x_label tc rgb ink offset 0, 0.3
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6
set key at screen 0.99, screen above(60) right top horizontal Left reverse samplen 1 width 1 maxrows legend_rows font small noenhanced
set style fill solid 1 noborder
set multiplot
shade(c) = int('0x'.substr(c, 2, 7))
do for [z = 1:zooms] { set object z rectangle from zoom_from[z], first zoom_row - 0.42 to zoom_to[z], first zoom_row + 0.42 fs empty border lc rgb ink dt 3 front }
plot data index 0 using 2:1:2:3:($1 - 0.38):($1 + 0.38):(shade(strcol(4))) with boxxyerror lc rgb variable notitle, \
	data index 0 using (($2 + $3) / 2):1:5:(shade(strcol(6))) with labels center font small tc rgb variable notitle, \
	for [i = 1:keys] 1 / 0 with boxes lc rgb key_colour[i] title key[i].' '.key_text[i]

# Below, to one scale: the parts of one lane in which the load happens.
unset label 901; unset label 902; unset label 903; unset label 904
unset object
unset key
unset ytics
set ytics scale 0 (zoom_lane 0) textcolor rgb ink
set xlabel ''
sum_of_zooms = zooms ? (sum [z = 1:zooms] (zoom_to[z] - zoom_from[z])) : 1
free = 0.885 - 0.05 * (zooms - 1)
from = 0.09
set yrange [0.5 : -0.5]
set tmargin screen 102.0 / height
set bmargin screen 56.0 / height
unset xtics
do for [z = 1:zooms] {
	wide = free * (zoom_to[z] - zoom_from[z]) / sum_of_zooms
	set lmargin screen from
	set rmargin screen from + wide
	from = from + wide + 0.05
	set xrange [0 : zoom_to[z] - zoom_from[z]]
	if (z > 1) { set ytics scale 0 ('' 0) }
	words = sprintf('from %.0f us on, %.0f us:', zoom_from[z], zoom_to[z] - zoom_from[z])
	# A narrow last part must not leave the picture.
	if (z > 1 && z == zooms) {
		set label 1 words at graph 1, 1.22 right font small tc rgb ink
	} else {
		set label 1 words at graph 0, 1.22 left font small tc rgb ink
	}
	plot data index z using 1:(0):1:2:(-0.45):(0.45):(shade(strcol(3))) with boxxyerror lc rgb variable notitle, \
		data index z using (($1 + $2) / 2):(0):4:(shade(strcol(5))) with labels center font small tc rgb variable notitle
}
unset multiplot
