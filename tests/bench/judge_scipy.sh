#!/bin/sh
# The gate's interval and estimate against scipy's Wilcoxon test, over synthetic epochs given to gate --replay.
build=${SOLOAD_BUILD:-build}
python=
for candidate in /usr/bin/python3 python3; do
	if "$candidate" -c 'import scipy.stats, numpy' 2>/dev/null; then
		python=$candidate
		break
	fi
done
if [ -z "$python" ]; then
	echo "skipped: no python3 with scipy (package python3-scipy)"
	exit 77
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/soload-scipy-XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
"$python" - "$build/soload" "$scratch/epochs.csv" <<'PYTHON'
import re, subprocess, sys
import numpy, scipy.stats

soload, path = sys.argv[1:]
random = numpy.random.default_rng(5)
checks = 0
for n in (20, 23, 28, 33, 36, 41, 44, 50):
    for shift in (0.0, 0.02, -0.1):
        x = random.standard_t(2, n) * 0.2 + shift
        with open(path, "w") as file:
            file.write("epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order\n")
            for i, value in enumerate(x):
                for quantile in "p10", "p50":
                    file.write(f"{i},memfd,cycle,{i},total,{quantile},1000,{1000 * numpy.exp(value)!r},{value!r},b\n")
        alpha = 0.05
        out = subprocess.run([soload, "gate", "--replay", path, "--alpha", str(alpha), "--metrics", "p10,p50"],
                             capture_output=True, text=True)
        match = re.search(r"^  memfd\s+cycle\s+(\w+)\s+(\d+)\s+0.0\s+(\S+) \[(\S+), (\S+)\]", out.stdout, re.M)
        assert match, out.stdout + out.stderr
        epochs = int(match.group(2))
        estimate, low, high = (float(field) / 100.0 for field in match.groups()[2:])
        y = x[:epochs]
        walsh = [(y[i] + y[j]) / 2 for i in range(epochs) for j in range(i, epochs)]
        assert abs(estimate - numpy.expm1(numpy.median(walsh))) < 2e-4, (n, shift, estimate)
        each = alpha * 0.8 / (2 * 36)
        for end, alternative, inwards in ((low, "greater", 1), (high, "less", -1)):
            at, eps = numpy.log1p(end), 2e-4
            outside = scipy.stats.wilcoxon(y - (at - inwards * eps), alternative=alternative, mode="exact").pvalue
            inside = scipy.stats.wilcoxon(y - (at + inwards * eps), alternative=alternative, mode="exact").pvalue
            assert outside <= each < inside, (n, shift, alternative, outside, each, inside)
            checks += 1
        verdict = {0: "PASS", 1: "FAIL", 3: "INCONCLUSIVE"}[out.returncode]
        assert verdict == match.group(1)
print(f"{checks} ends of intervals agree with scipy {scipy.__version__}")
PYTHON
