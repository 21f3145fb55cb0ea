# A panel per loader over the revisions: ratios with intervals, their level, dashed lines where it changes. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
each = 84
height = 66 + each * keys + 106
@frame
@dress
set lmargin screen 0.165
set rmargin screen 0.815
set logscale y
set xrange [0.4 : ticks + 0.6]
set xtics scale 0
unset grid
unset key
set multiplot
do for [p = 1:keys] {
	set tmargin screen above(66 + each * (p - 1))
	set bmargin screen above(66 + each * p - 16)
	set yrange [y_low[p] : y_high[p]]
	range = log(y_high[p] / y_low[p])
	unset ytics
	set ytics nomirror ('1' 1) font small textcolor rgb ink
	if (-log(y_low[p]) > 0.2 * range) { set ytics add (sprintf('%g', y_low[p]) y_low[p]) }
	if (log(y_high[p]) > 0.2 * range) { set ytics add (sprintf('%g', y_high[p]) y_high[p]) }
	unset xtics
	if (p == keys) {
		set xtics scale 0 rotate by 45 right ('' 0) font small textcolor rgb ink
		do for [i = 1:ticks] { set xtics add (tick[i] i) }
		set xlabel x_label tc rgb ink offset 0, -0.2
	}
	set label 1 key[p] at screen 0.012, graph 0.5 left tc rgb ink
	set label 2 key_text[p] at graph 1.01, 0.5 left font small tc rgb ink
	set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lw 0.8 lc rgb '#999999'
	do for [c = 1:changes] {
		if (change_panel[c] == p) {
			set arrow (10 + c) from first change_x[c], graph 0 to first change_x[c], graph 1 nohead dt 2 lw 1.4 lc rgb change_colour[c]
			set label (10 + c) change_text[c] at first change_x[c], graph 1.09 center font small tc rgb change_colour[c]
		}
	}
	plot data index (p - 1) using 1:5 with steps lw 0 lc rgb '#ffffff', \
		data index (p - 1) using ($1 - 0.5):5:(1.0):(0) with vectors nohead lw 4 lc rgb '#cfcfcf', \
		data index (p - 1) using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1.6 lc rgb key_colour[p]
	unset label
	unset arrow
}
unset multiplot
