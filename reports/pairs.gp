# Two points per row, joined, on a logarithmic axis, with both numbers. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 150 + 28 * rows + 10
@frame
@dress
set tmargin screen above(62)
set bmargin screen 92.0 / height
set lmargin left
set rmargin screen 0.725
set logscale x
set xrange [x_low / 1.6 : x_high * 1.6]
set format x '%g'
set yrange [rows - 0.45 : -0.55]
set ytics scale 0
set xlabel x_label tc rgb ink offset 0, 0.3
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6
unset key
set y2range [rows - 0.45 : -0.55]
set y2tics scale 0 font small
set border 3
shade(c) = int('0x'.substr(c, 2, 7))
plot data using (($5 < $6 ? $5 : $6)):0:(abs($5 - $6)):(0):yticlabels(2):y2ticlabels(3) with vectors nohead lw 2.5 lc rgb '#c4c4c4', \
	data using 5:0:(shade(strcol(4))) with points pt 6 ps 1.3 lw 2 lc rgb variable, \
	data using 6:0:(shade(strcol(4))) with points pt 7 ps 1.3 lc rgb variable
