# Loads over time against their own median, over two strips: interrupted loads and load average. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 560
@frame
@dress
set lmargin screen 0.085
set rmargin screen 0.975
set xrange [x_low : x_high > x_low ? x_high : x_low + 1]
unset key
set multiplot
set tmargin screen above(80)
set bmargin screen 0.52
set format x ''
set logscale y
set yrange [y_low * 0.9 : y_high * 1.1]
set ytics nomirror (0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000)
set format y '%g'
set style fill transparent solid 0.25 noborder
set label 1 'time of a load / its median' at graph 0, 1.06 left font small tc rgb ink
set object 1 rectangle from graph 0, first 1 to graph 1, first 1 lc rgb '#888888'
plot data using 1:2:4 with filledcurves lc rgb '#0072b2', data using 1:3 with linespoints pt 7 ps 0.4 lw 2 lc rgb '#0072b2'
unset logscale y
unset label 1; unset label 901; unset label 902; unset label 903; unset label 904; unset object
set style fill solid 1 noborder
set tmargin screen 0.45
set bmargin screen 0.335
set yrange [0 : interrupted_most * 1.1]
set ytics interrupted_most > 2 ? int(interrupted_most / 2) : 1
set format y '%g'
set label 1 'percent of loads interrupted' at graph 0, 1.14 left font small tc rgb ink
plot data using 1:5 with impulses lw 3 lc rgb '#d55e00'
unset label
set tmargin screen 0.265
set bmargin screen 0.165
set format x '%g'
set ytics auto
set xlabel x_label tc rgb ink offset 0, 0.3
top = load_before > load_after ? load_before : load_after
set yrange [0 : top > 0 ? top * 1.25 : 1]
set ytics top > 0 ? (top > 4 ? int(top / 2) : top / 2) : 1
set label 1 (load_known ? 'load average of the machine, before and after' : 'load average of the machine: not recorded') at graph 0, 1.14 left font small tc rgb ink
line(x) = load_before + (load_after - load_before) * (x - x_low) / (x_high > x_low ? x_high - x_low : 1)
plot (load_known ? line(x) : NaN) with lines lw 2 lc rgb '#555555'
unset multiplot
