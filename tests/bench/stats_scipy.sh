#!/bin/sh
# The figures of summary.csv against numpy and scipy, recomputed from the samples.csv of the same run.
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
for n in 6 21 50 137; do
	"$build/soload" run --so "$build/fixtures/answer_1.so" -l memfd,elf -n $n --batch 4 --out "$scratch/$n" >/dev/null 2>&1 || exit 1
done
"$build/soload" run --scan relocs=100,400,1600 -l memfd -n 20 --out "$scratch/scan" >/dev/null 2>&1 || exit 1
"$python" - "$scratch" <<'PYTHON'
import csv, json, sys
import numpy, scipy.stats

scratch = sys.argv[1]
checks = 0


def near(what, value, wanted):
    global checks
    checks += 1
    assert abs(float(value) - wanted) <= 1e-6 * max(1.0, abs(wanted)), (what, value, wanted)


def interval(x):
    """Order statistics k and n-1-k, the largest k with P(X <= k) <= 2.5 % for X binomial(n, 1/2)."""
    k = int(scipy.stats.binom.ppf(0.025, len(x), 0.5)) + 1
    while k >= 0 and scipy.stats.binom.cdf(k, len(x), 0.5) > 0.025:
        k -= 1
    return x[k], x[len(x) - 1 - k]


def rows(folder, name):
    with open(f"{scratch}/{folder}/{name}", newline="") as file:
        return list(csv.DictReader(file))


for folder in "6", "21", "50", "137":
    loads = [row for row in rows(folder, "samples.csv") if row["warmup"] == "0"]
    for row in rows(folder, "summary.csv"):
        own = [load for load in loads if load["loader"] == row["loader"]]
        if row["metric"] == "p50_width":
            turns = {}
            for load in own:
                turns.setdefault(load["epoch"], []).append(int(load["total_ns"]))
            x = numpy.sort([numpy.median(turn) for turn in turns.values()])
            low, high = interval(x)
            near("p50_width", row["value"], max(high - numpy.median(x), numpy.median(x) - low) / numpy.median(x))
            continue
        if row["unit"] != "ns":
            continue
        column = row["phase"] + "_ns"
        x = numpy.sort([int(load[column]) for load in own if load[column] != ""])
        assert len(x) == int(row["n"])
        wanted = {
            "min": x[0], "p10": numpy.percentile(x, 10), "p50": numpy.median(x), "p90": numpy.percentile(x, 90),
            "p99": numpy.percentile(x, 99), "mean": numpy.mean(x), "mad": scipy.stats.median_abs_deviation(x),
            "trimmed": numpy.mean(x[10:-10]) if len(x) > 20 else None}[row["metric"]]
        if wanted is None:
            assert row["value"] == ""
            continue
        near(row["metric"], row["value"], wanted)
        if row["metric"] == "p50":
            low, high = interval(x)
            near("ci_low", row["ci_low"], low)
            near("ci_high", row["ci_high"], high)
scan = json.load(open(f"{scratch}/scan/run.json"))["scan"]
p50 = {int(row["so"].split("_")[1].split(".")[0]): float(row["value"]) for row in rows("scan", "summary.csv")
       if row["phase"] == "total" and row["metric"] == "p50"}
slope = scipy.stats.linregress(numpy.log(scan["points"]), numpy.log([p50[x] for x in scan["points"]])).slope
near("slope", scan["slopes"]["memfd"], slope)
print(f"{checks} figures agree with numpy {numpy.__version__} and scipy {scipy.__version__}")
PYTHON
