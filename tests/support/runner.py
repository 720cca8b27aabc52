#!/usr/bin/env python3
"""Runs scenario files: tests/support/runner.py [--build DIR] [-k WORD] FOLDER_OR_FILE...

A scenario is one file with functions `test_*`, each named as a sentence and taking what it names among
these parameters (the standard library is all there is):

    build     folder of the build under test
    gateway   a running Gateway with the default configuration, shared by the file's tests that name it; the
              file may make its own kind: def shared(build): return Gateway(build, ...)
    make      factory: make(config={...}, policies={...}, workers=2, demo_args=[...]) -> Gateway of its own
              (or of kind=a class derived from it), stopped (and checked) when the test ends
    demo      a running Demo server without a gateway
    shared    folder of public vectors beside the project (SP_SHARED or ../shared); the test is skipped
              where it is absent
    tmp       an empty folder, removed after the test
    NAME      what the file's own generator `fixture_NAME(build)` yields, shared by its tests; the generator
              goes on when they have ended

    from runner import skip, eventually           # skip("why"); eventually("text", lambda: ...)
    from client import Modern, Legacy, Http       # MCP and raw HTTP: see client.py
    from gateway import wait_for                  # Gateway's methods: see gateway.py

    def test_a_call_outside_the_allow_list_is_refused(gateway):
        with Modern(gateway, "customer-support-bot") as m:
            a = m.call("read_financial_data", {"account_id": "A-2001"})
        assert a.reason == "tool_denied", a
        assert gateway.demo.saw() == []

A test passes when it returns; AssertionError and every other exception fail it. After each file the shared
gateway is stopped: a process left, a sanitizer's report or a bad exit status fails the file once more.
Slow machines and sanitizer builds: give deadlines in seconds, never expect less than 100 ms.
SP_KEEP=1 keeps the temporary folders. SP_OVER=tap runs the scenarios over DPDK ports of the workers: see
gateway.Taps; exit status 77 where that can not be. A folder with an executable named in FOLDER/run.list (one command a
line, {build} replaced) has those run too: exit status 0 passes, 77 skips.
"""
import argparse
import ctypes
import glob
import importlib.util
import inspect
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.modules.setdefault("runner", sys.modules[__name__])

from gateway import ROOT, Demo, Gateway, wait_for as eventually  # noqa: E402,F401


class Skip(Exception):
    """Raised by skip()."""


def skip(why):
    raise Skip(why)


def shared_folder():
    for path in (os.environ.get("SP_SHARED"), os.path.join(ROOT, "..", "shared")):
        if path and os.path.isdir(path):
            return os.path.abspath(path)
    return skip("no folder of shared vectors (../shared or SP_SHARED)")


class Fixtures:
    """What one file's tests ask for; `end_test` and `end_file` undo it."""

    def __init__(self, build, module):
        self.build, self.module, self.shared_gateway, self.undo, self.own = build, module, None, [], {}

    def get(self, name):
        make = getattr(self.module, f"fixture_{name}", None)
        if make:
            if name not in self.own:
                generator = make(self.build)
                self.own[name] = (next(generator), generator)
            return self.own[name][0]
        if name == "build":
            return self.build
        if name == "shared":
            return shared_folder()
        if name == "make":
            return self.make
        if name == "gateway":
            if self.shared_gateway is None or self.shared_gateway.proc.poll() is not None:
                self.shared_gateway = getattr(self.module, "shared", Gateway)(self.build)
            return self.shared_gateway
        if name == "tmp":
            path = tempfile.mkdtemp(prefix="sp-")
            self.undo.append(lambda failed: shutil.rmtree(path, ignore_errors=True))
            return path
        if name == "demo":
            folder = self.get("tmp")
            demo = Demo(self.build, folder)
            self.undo.append(lambda failed: demo.stop())
            return demo
        raise TypeError(f"no fixture '{name}'; see the head of tests/support/runner.py")

    def make(self, kind=Gateway, **kwargs):
        g = kind(self.build, **kwargs)

        def end(failed):
            if failed:
                g.show()
                g.abandon()
            else:
                g.stop()
        self.undo.append(end)
        return g

    def end_test(self, failed):
        """Undo in reverse; the first failure of an undo is raised after all were tried."""
        first = None
        while self.undo:
            try:
                self.undo.pop()(failed)
            except Exception as e:  # noqa: BLE001
                first = first or e
        if failed and self.shared_gateway:
            self.shared_gateway.show()
            self.shared_gateway.abandon()
            self.shared_gateway = None
        if first:
            raise first

    def end_file(self):
        """The first failure of an end is raised after all were tried."""
        first = None
        g, self.shared_gateway = self.shared_gateway, None
        for end in [lambda own=own: next(own[1], None) for own in self.own.values()] + ([g.stop] if g else []):
            try:
                end()
            except Exception as e:  # noqa: BLE001
                first = first or e
        if first:
            raise first


class Tally:
    """Counts and one line a test."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def line(self, verdict, name, started, text=""):
        setattr(self, verdict, getattr(self, verdict) + 1)
        print(f"{verdict:8} {name} ({time.monotonic() - started:.2f} s){': ' + text if text else ''}", flush=True)


def load(path):
    name = "scenario_" + os.path.basename(path)[:-3].replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(path))
    spec.loader.exec_module(module)
    return module


def run_test(fn, fixtures):
    """Raises what the test raised; what it asked for is undone either way."""
    failed = True
    try:
        args = {p: fixtures.get(p) for p in inspect.signature(fn).parameters}
        fn(**args)
        failed = False
    except Skip:
        failed = False
        raise
    finally:
        fixtures.end_test(failed)


def run_file(path, build, word, tally):
    label = os.path.basename(path)[:-3]
    started = time.monotonic()
    try:
        module = load(path)
    except Skip as e:
        return tally.line("skipped", label, started, str(e))
    except Exception:  # noqa: BLE001
        traceback.print_exc(file=sys.stdout)
        return tally.line("failed", label, started, "does not load")
    fixtures = Fixtures(build, module)
    tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    for name, fn in tests:
        if word and word not in f"{label}.{name}":
            continue
        started = time.monotonic()
        try:
            run_test(fn, fixtures)
            tally.line("passed", f"{label}.{name}", started)
        except Skip as e:
            tally.line("skipped", f"{label}.{name}", started, str(e))
        except Exception as e:  # noqa: BLE001
            traceback.print_exc(file=sys.stdout)
            tally.line("failed", f"{label}.{name}", started, f"{type(e).__name__}: {str(e)[:500]}")
    started = time.monotonic()
    try:
        fixtures.end_file()
    except Exception as e:  # noqa: BLE001
        tally.line("failed", f"{label}: the gateway's end", started, str(e))
    return None


def run_commands(folder, build, word, tally):
    """Commands of FOLDER/run.list."""
    try:
        with open(os.path.join(folder, "run.list"), encoding="utf-8") as f:
            lines = [l.strip() for l in f if l.strip() and not l.startswith("#")]
    except FileNotFoundError:
        return
    for line in lines:
        if word and word not in line:
            continue
        started = time.monotonic()
        command = shlex.split(line.replace("{build}", build))
        r = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", timeout=600, check=False)
        if r.returncode not in (0, 77):
            print(r.stdout[-6000:])
        tally.line({0: "passed", 77: "skipped"}.get(r.returncode, "failed"), line, started,
                   r.stdout.strip().split("\n")[-1][:200])


def own_network():
    """For SP_OVER=tap: what is made and sent stays in a network namespace of this process and its children."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        print("needs root, /dev/net/tun and iproute2")
        sys.exit(77)
    clone_newnet = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newnet) != 0:
        print(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        sys.exit(77)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=20)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    p.add_argument("-k", dest="word", help="only tests whose name contains this")
    p.add_argument("paths", nargs="+")
    opt = p.parse_args()
    opt.build = os.path.abspath(opt.build)
    if os.environ.get("SP_OVER") == "tap":
        own_network()
    tally = Tally()
    for path in opt.paths:
        for file in sorted(glob.glob(os.path.join(path, "*.py"))) if os.path.isdir(path) else [path]:
            run_file(os.path.abspath(file), opt.build, opt.word, tally)
        if os.path.isdir(path):
            run_commands(path, opt.build, opt.word, tally)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
