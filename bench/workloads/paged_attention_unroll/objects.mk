# The orchestration of paged_attention_unroll as shared objects: in C, and its C++ twin with and without GNU-unique symbols.
# They are what is loaded, not a part of this program: never sanitized, and built with the flags simpler uses for its own.

PA := bench/workloads/paged_attention_unroll
PA_C := $(PA)/orchestration.c
PA_CXX := $(addprefix $(PA)/,orchestration.cpp failure.cpp)
PA_DEPS := $(wildcard $(PA)/*.h $(PA)/*.hpp) device/abi.h device/graph.h $(PA)/objects.mk
PA_C_OBJECTS := pa_unroll.so pa_unroll_abg.so pa_unroll_a5.so pa_unroll_hbg.so
PA_CXX_OBJECTS := $(PA_C_OBJECTS:.so=_cxx.so)
PA_NOUNIQUE_OBJECTS := $(PA_C_OBJECTS:.so=_cxx_nounique.so)
PA_OBJECTS := $(PA_C_OBJECTS) $(PA_CXX_OBJECTS) $(PA_NOUNIQUE_OBJECTS)
# What each variant of the flow asks of the orchestration; see orchestration.c.
pa_variant = $(if $(findstring _abg,$(1)),-DPA_GRAPH_GIVEN) $(if $(findstring _a5,$(1)),-DPA_RUNTIME_PASSED) \
	$(if $(findstring _hbg,$(1)),-DPA_HOST_BUILDS)
# The same bytes wherever the tree lies: what is counted of them depends on their number.
PA_FLAGS := -shared -fPIC -O3 -g -ffile-prefix-map=$(CURDIR)=. -I.
PA_CXXFLAGS := $(PA_FLAGS) -std=c++17 $(WARN)
PA_CFLAGS := $(PA_FLAGS) -std=gnu17 $(CWARN)

# Kernels are the modelled hardware, and gigabytes are filled and checked: worth what vectors the compiler can make of it.
$(addprefix $(BUILD)/obj/$(PA)/,cube.o vector.o golden.o) $(BUILD)/obj/bench/workloads/array.o: OPT := -O3

objects: $(addprefix $(BUILD)/objects/,$(PA_OBJECTS))

$(addprefix $(BUILD)/objects/,$(PA_C_OBJECTS)): $(PA_C) $(PA_DEPS)
	$(call say,OBJECT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PA_CFLAGS) $(call pa_variant,$(@F)) -o $@ $(PA_C)

$(addprefix $(BUILD)/objects/,$(PA_CXX_OBJECTS)): $(PA_CXX) $(PA_DEPS)
	$(call say,OBJECT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(PA_CXXFLAGS) $(call pa_variant,$(@F)) -o $@ $(PA_CXX)

$(addprefix $(BUILD)/objects/,$(PA_NOUNIQUE_OBJECTS)): $(PA_CXX) $(PA_DEPS)
	$(call say,OBJECT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(PA_CXXFLAGS) $(call pa_variant,$(@F)) -fno-gnu-unique -o $@ $(PA_CXX)
