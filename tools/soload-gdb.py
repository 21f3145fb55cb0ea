"""gdb: objects the ELF loader brings in, as if they were libraries.

    (gdb) source tools/soload-gdb.py
    (gdb) break function_of_an_object     (pending until the object is loaded)
    (gdb) run

gdb learns of libraries from the dynamic linker, which knows nothing of these. The script reads the loader's own list
(loaders/elf/registry.c) whenever constructors are about to run, and when told to by soload-objects (after attaching, on a
core): it adds each object's file at its load bias and forgets those that are gone. The file is the name the object was
loaded under (struct so, path; soload_object.name); objects without a file are named. The program needs soload's debug information.

The code of a slot is a shared mapping without write permission. The kernel lets no debugger write there, and gdb then takes
a software breakpoint for one of a library that has gone, and says nothing. So the script declares that memory read-only, and
gdb uses hardware breakpoints in it by itself (x86 has four). Under elf:fresh code is private memory, where any number will do.
"""

import os

import gdb

PF_X = 1


class Objects:
    """What gdb was told of: by load bias, the file, an address in its code, and gdb's number for memory declared read-only."""

    def __init__(self):
        self.told = {}

    def update(self, say):
        present = dict(self.listed())
        for base in [b for b, told in self.told.items() if b not in present or present[b][0] != told[0]]:
            self.forget(*self.told.pop(base))
        for base, (name, inside, code) in present.items():
            if base in self.told:
                continue
            region = self.declare(code) if code else None
            found = os.path.exists(name)
            if found:
                gdb.execute(f"add-symbol-file {name} -o {base:#x}", to_string=True)
                say(f"soload: {name} at {base:#x}\n")
            else:
                gdb.write(f"soload: the object at {base:#x} has no file ({name or 'no name'})\n")
            self.told[base] = (name, inside if found else None, region)

    @staticmethod
    def declare(code):
        gdb.execute("set mem inaccessible-by-default off", to_string=True)
        gdb.execute(f"mem {code[0]:#x} {code[1]:#x} ro", to_string=True)
        # New regions are sorted in by their address.
        for line in gdb.execute("info mem", to_string=True).splitlines():
            words = line.split()
            if len(words) > 3 and words[0].isdigit() and int(words[2], 0) == code[0]:
                return words[0]
        return None

    @staticmethod
    def forget(_name, inside, region):
        if inside:
            gdb.execute(f"remove-symbol-file -a {inside:#x}", to_string=True)
        if region:
            gdb.execute(f"delete mem {region}", to_string=True)

    @staticmethod
    def listed():
        """Load bias, and name, an address inside the code, the range of shared code or None; of entries that are in use."""
        block = gdb.parse_and_eval("'registry.c'::first").address
        used = int(gdb.parse_and_eval("'registry.c'::used"))
        count = block["entries"].type.sizeof // block["entries"][0].type.sizeof
        for index in range(used):
            entry = block["entries"][index % count]
            if int(entry["begin"]):
                kind = gdb.lookup_type("struct elf_object").pointer()
                yield Objects.read(gdb.Value(int(entry["object"])).cast(kind))
            if index % count == count - 1:
                block = block["next"]

    @staticmethod
    def read(found):
        base, layout = int(found["base"]), found["layout"]
        inside = base
        for index in range(int(found["file"]["load_count"])):
            load = found["file"]["loads"][index]
            if int(load["flags"]) & PF_X:
                inside = base + int(load["address"]) + int(load["file_bytes"]) - 1
        code = (base + int(layout["begin"]), base + int(layout["border"])) if int(found["place"]["slot"]) else None
        return base, (found["name"].string(), inside, code)


OBJECTS = Objects()


class Starting(gdb.Breakpoint):
    """Constructors are about to run: the object is in place."""

    def __init__(self):
        super().__init__("elf_init_run", internal=True)
        self.silent = True

    def stop(self):
        OBJECTS.update(lambda text: None)
        return False


class SoloadObjects(gdb.Command):
    """Read the symbols of every object soload's ELF loader holds, and forget those that are gone."""

    def __init__(self):
        super().__init__("soload-objects", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        OBJECTS.update(gdb.write)


Starting()
SoloadObjects()
