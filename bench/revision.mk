# The revision a build was made from, for run.json; only bench/machine.o depends on it.
REVISION := $(shell git -C $(CURDIR) describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null)

.PHONY: revision
$(BUILD)/gen/revision.h: revision
	$(Q)mkdir -p $(@D)
	$(Q)echo '#define SOLOAD_REVISION "$(REVISION)"' > $@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(BUILD)/obj/bench/machine.o: $(BUILD)/gen/revision.h
