# Two panels over one time axis: the share of loads done, and what is left. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 400 + 18 * keys
@frame
@dress
set logscale x
# decades that gnuplot labels must lie within
set xrange [x_low / 1.1 : x_high * 1.1]
set format x '%g'
set xtics rotate by 0
set tmargin screen above(76)
set bmargin screen (112.0 + 18 * keys) / height
set label 905 x_label at screen 0.5, screen (72.0 + 18 * keys) / height center tc rgb ink
set multiplot
set lmargin screen 0.075
set rmargin screen 0.49
set yrange [0:100]
set label 1 'percent of loads done' at graph 0, 1.05 left font small tc rgb ink
set key at screen 0.03, screen (62.0 + 18 * keys) / height left top vertical maxrows keys Left reverse samplen 2 font small noenhanced
plot for [i = 1:keys] data index (i - 1) using 1:2 with steps lw 2 dt dash[i] lc rgb key_colour[i] notitle, \
	for [i = 1:keys] data index (i - 1) every 14::(3 * i % 14) using 1:2 with points pt mark[i] ps 0.8 lc rgb key_colour[i] notitle, \
	for [i = 1:keys] 1 / 0 with linespoints lw 2 dt dash[i] pt mark[i] ps 0.8 lc rgb key_colour[i] title key[i].':  '.key_text[i]
unset label 901; unset label 902; unset label 903; unset label 904; unset label 905
set lmargin screen 0.575
set rmargin screen 0.975
unset key
set logscale y
set yrange [y_low * 0.8 : 100]
set format y '%g'
set label 1 'percent of loads that take at least so long'
plot for [i = 1:keys] data index (i - 1) using 1:3 with fsteps lw 2 dt dash[i] lc rgb key_colour[i] notitle, \
	for [i = 1:keys] data index (i - 1) every 14::(3 * i % 14) using 1:3 with points pt mark[i] ps 0.8 lc rgb key_colour[i] notitle
unset multiplot
