# Objects of the speed table, made by soload gen. Made anew when the generator changes, not at every link of soload.

GEN_SOURCES := $(wildcard bench/gen.c bench/gen/*)
GEN_OBJECTS := $(addprefix $(BUILD)/objects/gen_,16k.so 390k.so 4m.so)
gen_16k := --size 16K --relocs 19 --imports 8 --symbols 16
gen_390k := --size 390K --relocs 2000 --imports 200 --symbols 300
gen_4m := --size 4M --relocs 10000 --imports 200 --symbols 2000

objects: $(GEN_OBJECTS)
$(GEN_OBJECTS): $(BUILD)/objects/%.so: $(GEN_SOURCES) tools/gen.mk | $(SOLOAD)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)CC="$(CC)" $(SOLOAD) gen $($*) --seed 7 --out $@ >/dev/null
