# Two panels of bars over the same rows: page faults and system calls. See style.gp.
name = ARG1; suffix = ARG2
load ARG3
height = 150 + 28 * rows
@frame
@dress
set tmargin screen above(86)
set bmargin screen 66.0 / height
set yrange [rows - 0.45 : -0.55]
set ytics scale 0
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 0.6
unset key
set style fill solid 1.0 noborder
shade(c) = int('0x'.substr(c, 2, 7))
margin = 0.02 + 0.0095 * left
middle = syscalls_known ? margin + (0.98 - margin) * 0.52 : 0.98
set multiplot
set lmargin screen margin
set rmargin screen middle - 0.03
set xrange [0 : faults_most * 1.3]
set label 1 'page faults per load' at graph 0, screen above(72) left font small tc rgb ink
plot data using (0):0:(0):4:($0 - 0.32):($0 + 0.32):(shade(strcol(3))):yticlabels(2) with boxxyerror lc rgb variable, \
	data using 4:0:5 with labels left offset char 0.8, 0 font small tc rgb ink
unset label 1; unset label 901; unset label 902; unset label 903; unset label 904
if (syscalls_known) {
set lmargin screen middle
set rmargin screen 0.98
set xrange [0 : syscalls_most * 1.3]
set format y ''
set ytics 1
set label 1 'system calls per load' at graph 0, screen above(72) left font small tc rgb ink
plot data using (0):0:(0):6:($0 - 0.32):($0 + 0.32):(shade(strcol(3))) with boxxyerror lc rgb variable, \
	data using 6:0:7 with labels left offset char 0.8, 0 font small tc rgb ink
}
unset multiplot
