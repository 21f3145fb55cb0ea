# Lanes over time, every span in its colour, its word inside where there is room. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
legend_rows = (keys + 3) / 4
height = 166 + 24 * legend_rows + 52 * lanes
@frame
@dress
set tmargin screen above(68 + 22 * legend_rows)
set bmargin screen 92.0 / height
set lmargin screen 0.09
set rmargin screen 0.975
set xrange [0 : longest]
set yrange [lanes - 0.45 : -0.55]
set ytics scale 0
set for [i = 1:lanes] ytics add (lane[i] i - 1)
set xlabel x_label tc rgb ink offset 0, 0.3
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6 front
set key at screen 0.99, screen above(60) right top horizontal Left reverse samplen 1 width 1 maxrows legend_rows font small noenhanced
set style fill solid 1 noborder
shade(c) = int('0x'.substr(c, 2, 7))
plot data using 2:1:2:3:($1 - 0.38):($1 + 0.38):(shade(strcol(4))) with boxxyerror lc rgb variable notitle, \
	data using (($2 + $3) / 2):1:5 with labels center font small tc rgb ink notitle, \
	for [i = 1:keys] 1 / 0 with boxes lc rgb key_colour[i] title key[i].' '.key_text[i]
