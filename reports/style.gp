# What all drawings share: `gnuplot -c KIND.gp NAME svg|png STYLE` in the folder of NAME.dat and NAME.set. Every number and word
# comes from those two; a drawing only places them. 800 pixels wide: text of 13 points stays readable there and in print.

load name.'.set'
data = name.'.dat'
set datafile separator tab
unset mouse

ink = '#222222'
pale = '#666666'
width = 800
# A drawing sets `height` before it calls frame; `left` is the margin for labels, in characters.
left = label_width < 6 ? 8 : label_width + 2
frame = "if (suffix eq 'svg') { set terminal svg size width,height font 'DejaVu Sans,sans-serif,13' background '#ffffff' noenhanced name name } else { set terminal pngcairo size width,height font 'DejaVu Sans,10' fontscale 1.0 background '#ffffff' noenhanced }"
big = suffix eq 'svg' ? ',17' : ',13'
small = suffix eq 'svg' ? ',11.5' : ',9'

# Title and what the numbers are stand above, machine and noise below; margins in pixels.
above(y) = 1 - y / (1.0 * height)
dress = "set label 901 title at screen 0.012, screen above(22) left font big tc rgb ink front; \
set label 902 subtitle at screen 0.012, screen above(44) left font small tc rgb pale front; \
set label 903 machine at screen 0.012, screen 28.0 / height left font small tc rgb pale front; \
set label 904 noise at screen 0.012, screen 11.0 / height left font small tc rgb pale front; \
set output name.'.'.suffix"

# Curves may lie on one another: each has a mark and a dash of its own.
array mark[10] = [7, 5, 9, 11, 13, 6, 4, 8, 10, 12]
array dash[10] = [1, 2, 4, 5, 1, 2, 4, 5, 1, 2]

set key textcolor rgb ink
set border 3 lc rgb '#888888'
set tics nomirror textcolor rgb ink
set grid lc rgb '#dddddd' lt 1 lw 0.6
