# Loads over time against their own median, over three strips: interrupted loads, load average and steal. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 680
@frame
@dress
set lmargin screen 0.085
set rmargin screen 0.975
set xrange [x_low : x_high > x_low ? x_high : x_low + 1]
unset key
set clip two
set multiplot
set tmargin screen above(80)
set bmargin screen above(300)
set format x ''
set logscale y
set yrange [y_low * 0.9 : y_high * 1.1]
set ytics nomirror (0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000)
if (y_high / y_low < 2.5) { set ytics add (0.8, 0.9, 1.1, 1.2, 1.35) }
set format y '%g'
set style fill transparent solid 0.25 noborder
set label 1 'time of a load / its median' at graph 0, 1.06 left font small tc rgb ink
set object 1 rectangle from graph 0, first 1 to graph 1, first 1 lc rgb '#888888'
plot data index 0 using 1:2:4 with filledcurves lc rgb '#0072b2', data index 0 using 1:3 with linespoints pt 7 ps 0.4 lw 2 lc rgb '#0072b2'
unset logscale y
unset label 1; unset label 901; unset label 902; unset label 903; unset label 904; unset object
set style fill solid 1 noborder
set format y '%g'
set tmargin screen above(340)
set bmargin screen above(396)
set yrange [0 : interrupted_most * 1.1]
set ytics 0, interrupted_step
set label 1 'percent of loads interrupted' at graph 0, screen above(330) left font small tc rgb ink
plot data index 0 using 1:5 with impulses lw 3 lc rgb '#d55e00'
set tmargin screen above(436)
set bmargin screen above(492)
set yrange [0 : load_top]
set ytics 0, load_step
set label 1 load_text at graph 0, screen above(426)
if (load_known) {
	plot data index 1 using 1:2 with lines lw 2 lc rgb '#555555'
} else {
	plot NaN
}
set tmargin screen above(532)
set bmargin screen above(588)
set format x '%g'
set xlabel x_label tc rgb ink offset 0, 0.3
set yrange [0 : steal_top]
set ytics 0, steal_step
set label 1 steal_text at graph 0, screen above(522)
if (steal_known) {
	plot data index 1 using 1:3 with fsteps lw 2 lc rgb '#8a4a6d'
} else {
	plot NaN
}
unset multiplot
