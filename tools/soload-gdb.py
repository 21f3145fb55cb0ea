"""gdb: symbols of objects the ELF loader has brought in.

    (gdb) source tools/soload-gdb.py
    (gdb) soload-objects

gdb learns of libraries from the dynamic linker, which knows nothing of these. The command reads the loader's own list
(loaders/elf/registry.c) in the stopped program, and adds each object's file at its load bias; the file is the name the
object was loaded under (struct so, path). Source lines and backtraces work from then on, and so do breakpoints under
elf:fresh; in the shared pages of a slot only hardware breakpoints do (hbreak). Objects without a file are named, those
unloaded since are forgotten.
"""

import os

import gdb


class SoloadObjects(gdb.Command):
    """Load the symbols of every object soload's ELF loader holds."""

    def __init__(self):
        super().__init__("soload-objects", gdb.COMMAND_FILES)
        self.added = {}

    def invoke(self, argument, from_tty):
        present = dict(self.objects())
        for base in [b for b, name in self.added.items() if present.get(b) != name]:
            gdb.execute(f"remove-symbol-file {self.added.pop(base)!r}", to_string=True)
        for base, name in present.items():
            if base in self.added:
                continue
            if not os.path.exists(name):
                gdb.write(f"soload: the object at {base:#x} has no file ({name or 'no name'})\n")
                continue
            gdb.execute(f"add-symbol-file {name} -o {base:#x}", to_string=True)
            self.added[base] = name
            gdb.write(f"soload: {name} at {base:#x}\n")

    @staticmethod
    def objects():
        """Pairs of load bias and name, of entries that are in use."""
        block = gdb.parse_and_eval("'registry.c'::first").address
        used = int(gdb.parse_and_eval("'registry.c'::used"))
        count = block["entries"].type.sizeof // block["entries"][0].type.sizeof
        for index in range(used):
            entry = block["entries"][index % count]
            if int(entry["begin"]):
                kind = gdb.lookup_type("struct elf_object").pointer()
                found = gdb.Value(int(entry["object"])).cast(kind)
                yield int(found["base"]), found["name"].string()
            if index % count == count - 1:
                block = block["next"]


SoloadObjects()
