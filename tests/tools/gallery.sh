#!/bin/sh
# tools/gallery runs the commands of its page, wants every figure of it, and writes down what they were made from; with a program of
# the test's own in soload's place. Then the committed gallery: every figure is there, and names a revision that there is.
# shellcheck disable=SC1091,SC2154,SC2013,SC2016 # words are read, and backquotes are fences
. tests/cli/expect
command -v /usr/bin/python3 >/dev/null || { echo "skipped: no python3" && exit 77; }

if git rev-parse --git-dir >/dev/null 2>&1 && [ "$(git rev-parse --is-shallow-repository)" = false ]; then
	for revision in $(grep -ohE 'soload [0-9a-f]{12}(-dirty)?' docs/gallery/*.svg | cut -d ' ' -f 2 | sort -u); do
		checks=$((checks + 1))
		git rev-parse --quiet --verify "$revision^{commit}" >/dev/null || fail "a figure of the gallery is of $revision, which is no revision"
	done
fi
for page in docs/gallery.md README.md; do
	for figure in $(grep -oE '\((docs/)?gallery/[a-z]*\.svg\)' $page | tr -d '()' | sed 's,^docs/,,'); do
		checks=$((checks + 1))
		[ -s "docs/$figure" ] || fail "$page shows $figure, which is not there"
	done
done

mkdir -p "$scratch/tree/build" "$scratch/tree/docs" "$scratch/tree/tests/reports"
cp -r tools "$scratch/tree/"
cp tests/reports/svg_texts "$scratch/tree/tests/reports/"
cd "$scratch/tree" || exit 1
cat >build/soload <<'END_OF_PROGRAM'
#!/bin/sh
mkdir -p results/report/figures results/runs/loads
echo "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 20'><text x='2' y='12'>$*</text></svg>" >"results/report/figures/$1.svg"
printf '# Title\n\nA finding.\n' >results/report/report.md
echo '{"started": "2026-01-02T", "machine": {"cpu": "C", "cpus": 2, "kernel": "6", "libc": "l", "revision": "abc"},
	"before": {"load_average": [0.25]}, "after": {"load_average": [1]}}' >results/runs/loads/run.json
END_OF_PROGRAM
chmod +x build/soload
page() {
	printf '# G\n\n<!-- recorded -->\nold\n<!-- /recorded -->\n\n```sh\nsoload one a b\n```\n\ntext\n\n```sh\n%s\n```\n\n![1](gallery/one.svg)\n![2](gallery/two.svg)\n' "$1" \
		>docs/gallery.md
}
page "soload two"
run 0 tools/gallery build
has "$out" "docs/gallery.md and 2 figures"
has docs/gallery/one.svg "one a b"
has docs/gallery.md "Recorded 2026-01-02 at revision abc on C, 2 CPUs, Linux 6, l, no hypervisor, load average 0.2 before and 1.0 after."
has docs/gallery.md "A finding."
has_not docs/gallery.md "old"
equal "fences of the page" "$(grep -c '^```' docs/gallery.md)" 4

# A figure that nobody draws, a command that fails, no program: red, and the page stays as it was.
page "true"
cp docs/gallery.md before
run 1 tools/gallery build
has "$err" "no figure 'two' was drawn"
cmp -s docs/gallery.md before || fail "a failed gallery changed its page"
page "false"
run 1 tools/gallery build
has docs/gallery.md "old"
run 2 tools/gallery nowhere
one_line "$err"
expect_end
