# Objects of the speed table, made by soload gen. Made anew when the generator changes, not at every link of soload.

GEN_SOURCES := $(wildcard bench/gen.c bench/gen/*)
GEN_OBJECTS := $(addprefix $(BUILD)/objects/gen_,16k.so 390k.so 4m.so)
# For aarch64 the linker alone brings more than 16 KB: there it is as small as it gets (23 KB).
gen_16k := $(if $(filter aarch64,$(ARCH)),--page-size 4K,--size 16K) --relocs 19 --imports 8 --symbols 16
gen_390k := --size 390K --relocs 2000 --imports 200 --symbols 300
gen_4m := --size 4M --relocs 10000 --imports 200 --symbols 2000

# Who generates: this build's program, or, where that is for another machine, one that runs here.
GENERATOR ?= $(SOLOAD)

objects: $(GEN_OBJECTS)
$(GEN_OBJECTS): $(BUILD)/objects/%.so: $(GEN_SOURCES) tools/gen.mk | $(GENERATOR)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)CC="$(CC)" $(GENERATOR) gen $($*) --seed 7 --out $@ >/dev/null
