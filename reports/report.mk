# make report: figures and a page out of what was recorded. RUNS names the results folders, REPORT where to write.
RUNS ?= $(wildcard $(addprefix results/runs/,repro loads size relocs imports bench gate))
REPORT ?= results/report

.PHONY: report
report: $(SOLOAD) ## figures, report.md and report.html from recorded runs (RUNS=…, REPORT=…); runs no load
	$(Q)if [ -z "$(RUNS)" ]; then echo "soload: nothing is recorded yet (make repro, make bench), or name RUNS=results/runs/…" >&2; exit 2; fi
	$(Q)$(SOLOAD) report $(RUNS) --out $(REPORT) $(ARGS)

.PHONY: gallery
gallery: all ## record and draw everything docs/gallery.md shows, by the commands of that page (five minutes, on a quiet machine)
	$(Q)tools/gallery $(BUILD)

# Where the table goes: results/baseline/report.md is committed.
BENCH_REPORT ?= results/baseline/report.md
.PHONY: bench-report
bench-report: $(SOLOAD) ## how long a report of 100,000 loads takes: at most ten seconds, its page below 2 MB (BENCH_REPORT=…)
	$(Q)reports/bench $(BUILD) $(BENCH_REPORT)
