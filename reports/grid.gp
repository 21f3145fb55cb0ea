# Numbers in cells, a row per loader and a column per revision, one grid below the other; colour says what changed. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
each = 42 + 21 * keys
height = 60 + each * panels + 96
@frame
@dress
set lmargin screen 0.115
set rmargin screen 0.985
set xrange [0.5 : ticks + 0.5]
set yrange [keys - 0.5 : -0.5]
unset grid
unset key
set border 0
set style fill solid 1 border rgb '#ffffff'
set multiplot
shade(c) = int('0x'.substr(c, 2, 7))
do for [p = 1:panels] {
	set tmargin screen above(60 + each * (p - 1) + 26)
	set bmargin screen above(60 + each * p - 16)
	set ytics scale 0 ('' -1) font small textcolor rgb ink
	do for [i = 1:keys] { set ytics add (key[i] i - 1) }
	unset xtics
	if (p == panels) {
		set xtics scale 0 rotate by 45 right ('' 0) font small textcolor rgb ink
		do for [i = 1:ticks] { set xtics add (tick[i] i) }
		set xlabel x_label tc rgb ink offset 0, -0.2
	}
	set label 1 panel[p] at graph 0, screen above(60 + each * (p - 1) + 14) left tc rgb ink
	plot data index (p - 1) using 1:2:($1 - 0.5):($1 + 0.5):($2 - 0.5):($2 + 0.5):(shade(strcol(4))) with boxxyerror lc rgb variable, \
		data index (p - 1) using 1:2:3 with labels center font small tc rgb ink
	unset label
}
unset multiplot
