# Ratios with intervals, 1 and the cut as lines, the numbers beside them. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
below = note ne '' ? 110.0 : 92.0
height = 58 + below + 28 * rows
@frame
@dress
set tmargin screen above(62)
set bmargin screen below / height
set lmargin left
set rmargin screen 0.72
set logscale x
set xrange [x_low / 1.03 : x_high * 1.03]
set xtics (0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
set format x '%g'
set yrange [rows - 0.45 : -0.55]
set ytics scale 0
set label 905 x_label at screen 0.5, screen (below - 40) / height center tc rgb ink
set label 906 note at screen 0.012, screen 49.0 / height left font small tc rgb pale
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6
unset key
set y2range [rows - 0.45 : -0.55]
set y2tics scale 0 font small
set border 3
set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lw 1.5 lc rgb ink
if (cut > 0) { set arrow 2 from first cut, graph 0 to first cut, graph 1 nohead lw 1.2 dt 2 lc rgb '#d55e00' }
shade(c) = int('0x'.substr(c, 2, 7))
plot data using 5:0:6:7:(shade(strcol(4))):yticlabels(2):y2ticlabels(3) with xerrorbars pt 7 ps 1.1 lw 2 lc rgb variable
