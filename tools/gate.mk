# Gates: the working tree against its base revision, and the gate against itself.

.PHONY: gate
gate: all ## gate every loader against the base revision (results/baseline/REVISION, else the previous commit)
	$(Q)tools/gate $(BUILD) $(ARGS)

.PHONY: prove
prove: all ## false alarms and power of the gate on this very machine (half an hour; ARGS=--quick: some minutes, not kept; JOBS=1 on one CPU)
	$(Q)rm -f results/runs/prove/prove.md
	$(Q)$(SOLOAD) gate --prove --so $(BUILD)/objects/gen_390k.so --out results/runs/prove --jobs $(or $(JOBS),2) $(ARGS); r=$$?; \
	if grep -qs '^A whole proof' results/runs/prove/prove.md; then mkdir -p results/baseline && cp results/runs/prove/prove.md results/baseline/prove.md; fi; \
	exit $$r

.PHONY: baseline
baseline: all ## the committed reference run of every loader, with its machine (results/baseline/run); of a committed revision alone
	$(Q)case "$(REVISION)" in *-dirty) echo "soload: make baseline: the tree has changes, and a record names the revision it was made from: commit first" >&2; exit 2 ;; esac
	$(Q)mkdir -p results/baseline/run
	$(Q)$(SOLOAD) run --so $(BUILD)/objects/gen_390k.so -l all -n 100 --seed 1 --out results/baseline/run $(ARGS)

.PHONY: history
history: all ## all revisions of results/baseline/history.jsonl anew beside results/baseline/REVISION, and its figures (some minutes)
	$(Q)$(SOLOAD) history add --again $(ARGS)
	$(Q)$(SOLOAD) history plot
