#!/bin/sh
# report.html in a browser: at the width of a phone, a laptop and a large screen nothing overflows, no figure is missing, the
# console stays silent, in light and in dark.
# shellcheck disable=SC1091,SC2154 # the sourced file defines what is used here
. tests/cli/expect
command -v gnuplot >/dev/null 2>&1 || { echo "skipped: gnuplot is not installed" && exit 77; }
for browser in chromium chromium-browser google-chrome; do
	command -v "$browser" >/dev/null 2>&1 && break
done
command -v "$browser" >/dev/null 2>&1 || { echo "skipped: no chromium is installed" && exit 77; }

run 0 "$soload" report --out "$scratch/r" tests/reports/repro tests/reports/gate
page=$scratch/r/report.html
figures=$(grep -c '<figure>' "$page")
cat >"$scratch/probe.html" <<'END'
<script>
addEventListener("load", () => {
	const box = document.documentElement, seen = [...document.querySelectorAll("figure svg")].filter(
		(svg) => svg.getBoundingClientRect().width >= 300 && svg.getBoundingClientRect().height >= 100);
	parent.postMessage(`wide ${innerWidth} over ${box.scrollWidth - box.clientWidth} figures ${seen.length} paper ` +
		getComputedStyle(document.body).backgroundColor.replaceAll(" ", ""), "*");
});
</script>
END
cat "$page" "$scratch/probe.html" >"$scratch/probed.html"

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
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$scratch/profile" --window-size="$width,900" \
		--enable-logging=stderr --virtual-time-budget=5000 "$@" --dump-dom "file://$scratch/frame.html" >"$scratch/dom" 2>"$scratch/log"
	equal "what is seen at $width" "$(grep -oE 'data-seen="[^"]*"' "$scratch/dom" | head -1)" \
		"data-seen=\"wide $width over 0 figures $figures paper $paper\""
	equal "the console at $width" "$(grep -c 'CONSOLE' "$scratch/log")" 0
}
look 390 "rgb(255,255,255)"
[ -n "$(cat "$scratch/dom")" ] || { echo "skipped: the browser does not start here" && exit 77; }
look 1280 "rgb(255,255,255)"
look 1920 "rgb(20,20,20)" --force-dark-mode --blink-settings=preferredColorScheme=0
expect_end
