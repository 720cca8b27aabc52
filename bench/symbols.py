"""Functions and source files of addresses, by addr2line where it is installed."""
import os
import re
import shutil
import subprocess


class Names:
    """Names by module and offset within it, each asked for once."""

    def __init__(self):
        self.known = {}

    def look_up(self, places):
        """Learn many (path, offset) at once: a process of addr2line a module, not one an address."""
        of = {}
        for place in set(places) - self.known.keys():
            path, offset = place
            self.known[place] = (f"{os.path.basename(path)}+{offset:#x}", "")
            of.setdefault(path, []).append(offset)
        for path, offsets in of.items():
            for offset, (name, file) in zip(offsets, self.ask(path, offsets)):
                if name not in ("", "??"):
                    self.known[path, offset] = (name, file.split(":")[0])

    @staticmethod
    def ask(path, offsets):
        if not shutil.which("addr2line") or not os.path.isfile(path):
            return []
        r = subprocess.run(["addr2line", "-fe", path], input="\n".join(map(hex, offsets)) + "\n",
                           capture_output=True, text=True, check=False)
        lines = r.stdout.split("\n")
        return list(zip(lines[0::2], lines[1::2]))

    def place(self, path, offset):
        """(function, source file); the file is empty without debug information."""
        self.look_up([(path, offset)])
        return self.known[path, offset]


class Modules:
    """What is mapped into a process; made while it runs, asked whenever."""

    def __init__(self, pid):
        self.spans, self.names = [], Names()
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            for line in f:
                m = re.match(r"(\w+)-(\w+) \S+ (\w+) \S+ \d+\s+(/\S+)", line)
                if m:
                    self.spans.append((int(m[1], 16), int(m[2], 16), int(m[3], 16), m[4]))

    def locate(self, pc):
        """(path, offset) of what an address belongs to; no path for what belongs to nothing."""
        for start, end, offset, path in self.spans:
            if start <= pc < end:
                return path, pc - start + offset
        return "", pc

    def name(self, pc):
        return self.names.place(*self.locate(pc))[0]
