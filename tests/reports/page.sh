#!/bin/sh
# report.html in a browser: at the width of a phone, a laptop and a large screen, in light and in dark, nothing overflows, no figure is
# missing or has to be scrolled, surfaces are as light as the page, the console stays silent. A browser that is here has to work.
# shellcheck disable=SC1091,SC2154 # the sourced file defines what is used here
. tests/cli/expect
command -v gnuplot >/dev/null 2>&1 || { echo "skipped: gnuplot is not installed" && exit 77; }
for browser in chromium chromium-browser google-chrome; do
	command -v "$browser" >/dev/null 2>&1 && break
done
command -v "$browser" >/dev/null 2>&1 || { echo "skipped: no chromium is installed" && exit 77; }

matplotlib=$(for try in python3 /usr/bin/python3; do "$try" -c 'import matplotlib' 2>/dev/null && echo yes && break; done)
page=$scratch/r/report.html
cat >"$scratch/probe.html" <<'END'
<script>
addEventListener("load", () => {
	const box = document.documentElement, all = [...document.querySelectorAll("figure svg")], seen = all.filter(
		(svg) => svg.getBoundingClientRect().width >= 300 && svg.getBoundingClientRect().height >= 100);
	const wide = all.filter((svg) => svg.closest(".scroll").scrollWidth > svg.closest(".scroll").clientWidth);
	const paper = (of, what) => getComputedStyle(of)[what].replaceAll(" ", "");
	// The picture's own ground is its first rectangle (gnuplot) or path (matplotlib).
	const grounds = new Set(all.map((svg) => paper(svg.querySelector("g rect, g path, rect"), "fill")));
	const large = all[0].closest(".scroll").querySelector("input");
	large.checked = true;
	const enlarged = all[0].getBoundingClientRect().width;
	parent.postMessage(`wide ${innerWidth} over ${box.scrollWidth - box.clientWidth} figures ${seen.length} scrolled ${wide.length} ` +
		`enlarged ${enlarged >= 780} paper ${paper(document.body, "backgroundColor")} ground ${[...grounds].join(" ")}`, "*");
});
</script>
END

# A window is never narrower than 500 pixels, a frame is.
frame() {
	printf '<!doctype html><script>onmessage = (e) => document.body.setAttribute("data-seen", e.data)</script>'
	printf '<body><iframe src="probed.html" style="width:%spx;height:800px;border:0"></iframe>' "$1"
}

# look WIDTH PAPER OPTION...
look() {
	width=$1 paper=$2
	shift 2
	frame "$width" >"$scratch/frame.html"
	checks=$((checks + 1))
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$scratch/profile" --window-size="$width,900" \
		--enable-logging=stderr --virtual-time-budget=5000 "$@" --dump-dom "file://$scratch/frame.html" >"$scratch/dom" 2>"$scratch/log" ||
		fail "the browser ends with $?: $(tail -3 "$scratch/log")"
	equal "what is seen at $width" "$(grep -oE 'data-seen="[^"]*"' "$scratch/dom" | head -1)" \
		"data-seen=\"wide $width over 0 figures $figures scrolled 0 enlarged true paper $paper ground $paper\""
	equal "the console at $width" "$(grep -c 'CONSOLE' "$scratch/log")" 0
}
for engine in gnuplot ${matplotlib:+matplotlib}; do
	run 0 "$soload" report --engine "$engine" --out "$scratch/r" tests/reports/repro tests/reports/gate
	figures=$(grep -c '<figure>' "$page")
	cat "$page" "$scratch/probe.html" >"$scratch/probed.html"
	for width in 390 1280 1920; do
		look "$width" "rgb(255,255,255)"
		look "$width" "rgb(20,20,20)" --force-dark-mode --blink-settings=preferredColorScheme=0
	done
done
expect_end
