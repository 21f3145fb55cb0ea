# Real libraries through the ELF loader. The survey links nothing but libc: what it has linked, it would judge on itself.

LIBRARIES := $(BUILD)/libraries
JUDGE_OBJ := $(call obj,tests/libraries/judge.c tests/libraries/library.c)
SURVEY_OBJ := $(call obj,tests/libraries/survey.c) $(JUDGE_OBJ)

$(BUILD)/tests/libraries/survey: $(SURVEY_OBJ) $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxxhash -ldl

$(BUILD)/tests/libraries/sample_test: $(call obj,tests/libraries/sample_test.c) $(JUDGE_OBJ) $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lxxhash -ldl

# The table is left in results/runs/libraries.txt, with the revision.
.PHONY: test-libraries
test-libraries: $(BUILD)/tests/libraries/survey ## every library of 418 Debian packages through elf, against dlopen
	$(Q)tools/libraries fetch $(LIBRARIES)
	$(Q)mkdir -p results/runs
	$(Q)tools/libraries list $(LIBRARIES) | LD_LIBRARY_PATH="$$(tools/libraries path $(LIBRARIES))" \
		$(BUILD)/tests/libraries/survey $(or $(LOADER),elf) $(LIBRARIES)/root >$(LIBRARIES)/table; r=$$?; \
	{ tools/libraries head $(or $(LOADER),elf); sed 's|$(LIBRARIES)/root/|/|g' $(LIBRARIES)/table; } >results/runs/libraries.txt; \
	tail -n 2 results/runs/libraries.txt; echo "the table: results/runs/libraries.txt (results/baseline/libraries.txt is the committed one)"; exit $$r

objects: $(BUILD)/objects/words.so
$(BUILD)/objects/words.so: tests/fixtures/words.cpp tools/libraries.mk
	$(call say,OBJECT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -shared -fPIC -O2 -std=c++17 -fvisibility=hidden $(WARN) -o $@ $<
