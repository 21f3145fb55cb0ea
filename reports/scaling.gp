# Medians with ribbons on two logarithmic axes. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 520
@frame
@dress
set logscale xy
set xrange [x_low / 1.3 : x_high * 1.3]
set yrange [(y_low > 0 ? y_low : 0.001) / 1.5 : y_high * 1.5]
set format x '%.0s%c'
set format y '%g'
set tmargin screen above(88)
set bmargin screen 96.0 / height
set lmargin screen 0.09
set rmargin screen 0.70
set xlabel x_label tc rgb ink
set label 1 y_label at graph 0, 1.03 left font small tc rgb ink
set key at screen 0.715, graph 1 left top vertical maxrows 12 Left reverse samplen 2 spacing 1.3 font small noenhanced
set style fill transparent solid 0.13 noborder
plot for [i = 1:keys] data index (i - 1) using 1:3:4 with filledcurves lc rgb key_colour[i] notitle, \
	for [i = 1:keys] data index (i - 1) using 1:2 with linespoints lw 2 dt dash[(i - 1) % 10 + 1] pt mark[(i - 1) % 10 + 1] ps 0.9 lc rgb key_colour[i] title key[i].'  '.key_text[i]
