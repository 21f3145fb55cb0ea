# The library: libsoload.a (base and loaders, position-independent, one member whose internal names are local), soload.pc, installing.

PREFIX ?= /usr/local
DESTDIR ?=
LIBRARY := $(BUILD)/libsoload.a
LIBRARY_OBJ := $(patsubst $(BUILD)/obj/%,$(BUILD)/library/%,$(filter-out %/loaders/elf/interpose.o,$(LIB_OBJ)))
INTERPOSE_OBJ := $(patsubst $(BUILD)/obj/%,$(BUILD)/library/%,$(filter %/loaders/elf/interpose.o,$(LIB_OBJ)))
OBJCOPY ?= $(patsubst %gcc,%objcopy,$(filter %gcc,$(notdir $(CC))))
OBJCOPY := $(or $(OBJCOPY),objcopy)

# What a host program may see of it. The last two tie the opt-in member to the rest.
LIBRARY_KEEP := --wildcard --keep-global-symbol='soload_*' --keep-global-symbol=_dl_find_object \
	--keep-global-symbol='__jit_debug_*' --redefine-sym elf_unwind_find_object=soload_unwind_find_object \
	--redefine-sym elf_unwind_interposer=soload_unwind_interposer

library: $(LIBRARY) $(BUILD)/soload.pc ## libsoload.a and soload.pc, for programs that load objects themselves
.PHONY: library
all: library

$(BUILD)/library/%.o: %.c Makefile VERSION tools/library.mk
	$(call say,PIC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CWARN) -fPIC -ffunction-sections -MMD -MP -c -o $@ $<

$(BUILD)/library/%.o: %.S Makefile
	$(call say,PIC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/library/soload.o: $(LIBRARY_OBJ)
	$(Q)$(CC) -r -nostdlib -o $@.all $^
	$(Q)$(OBJCOPY) $(LIBRARY_KEEP) $@.all $@
	$(Q)rm $@.all

$(BUILD)/library/soload_unwind.o: $(INTERPOSE_OBJ)
	$(Q)$(OBJCOPY) $(LIBRARY_KEEP) $< $@

$(LIBRARY): $(BUILD)/library/soload.o $(if $(INTERPOSE_OBJ),$(BUILD)/library/soload_unwind.o)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# Written for one prefix: made anew when that changes.
$(BUILD)/soload.pc: tools/soload.pc.in VERSION $(if $(filter $(PREFIX),$(shell cat $(BUILD)/prefix 2>/dev/null)),,library-prefix)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@
.PHONY: library-prefix
library-prefix:
	$(Q)mkdir -p $(BUILD) && echo '$(PREFIX)' >$(BUILD)/prefix

INSTALLED := bin/soload lib/libsoload.a lib/pkgconfig/soload.pc include/soload.h share/doc/soload/LICENSE share/doc/soload/adopting.md
.PHONY: install uninstall
install: $(SOLOAD) $(LIBRARY) $(BUILD)/soload.pc ## install program and library under PREFIX (/usr/local), below DESTDIR
	$(Q)install -d $(addprefix $(DESTDIR)$(PREFIX)/,$(sort $(dir $(INSTALLED))))
	$(Q)install -m 755 $(SOLOAD) $(DESTDIR)$(PREFIX)/bin/soload
	$(Q)install -m 644 $(LIBRARY) $(DESTDIR)$(PREFIX)/lib/libsoload.a
	$(Q)install -m 644 $(BUILD)/soload.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/soload.pc
	$(Q)install -m 644 include/soload.h $(DESTDIR)$(PREFIX)/include/soload.h
	$(Q)install -m 644 LICENSE docs/adopting.md $(DESTDIR)$(PREFIX)/share/doc/soload/

uninstall: ## remove what install put there, and nothing else
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/,$(INSTALLED))
	$(Q)rmdir $(DESTDIR)$(PREFIX)/share/doc/soload 2>/dev/null || true

-include $(shell find $(BUILD)/library -name '*.d' 2>/dev/null)
