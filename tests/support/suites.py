#!/usr/bin/env python3
"""Runs the suites of tools/test and adds up their counts. See tools/test for the usage."""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
FUZZ_SECONDS = 5
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": "report_objects=1",
}
# Build folders: compiler and options of each. The sanitizer build carries the fuzzers too.
VARIANTS = {
    "release": ("gcc", []),
    "clang": ("clang", []),
    "asan": ("clang", ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dhot_checks=true",
                       "-Dbuildtype=debugoptimized", "-Ddebug=false", "-Dfuzz=true",
                       "-Dc_args=-gline-tables-only"]),
    "coverage": ("gcc", ["-Db_coverage=true", "-Dbuildtype=debug"]),
}


class Counts:
    """What a suite hands back: three numbers that add up."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def one(ok):
    return Counts(1, 0) if ok else Counts(0, 1)


class Context:
    """What a suite is run with: how many programs at a time, and what it has to say, told whole when it is over."""

    def __init__(self, jobs):
        self.jobs, self.said = jobs, []

    def say(self, text):
        self.said.append(text)

    def show(self, title, text, most=80):
        """The end of a failed command's output."""
        lines = text.rstrip().split("\n")
        self.say("\n".join([f"--- {title}" + (f" (last {most} of {len(lines)} lines)" if len(lines) > most else ""),
                            *lines[-most:]]))


def run(cmd, env=None, timeout=1800, cwd=ROOT):
    """Status and joined output of a command; a timeout is a failure with what was written so far."""
    try:
        r = subprocess.run(cmd, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=timeout, text=True, errors="replace")
        return r.returncode, r.stdout
    except subprocess.TimeoutExpired as e:
        out = e.stdout or b""
        return 124, (out if isinstance(out, str) else out.decode(errors="replace")) + "\ntimed out"


BUILT, BUILDING = {}, {variant: threading.Lock() for variant in VARIANTS}


def build(variant, ctx):
    """Configure when needed and compile one variant, once; who comes while it is built waits. True when it built."""
    with BUILDING[variant]:
        if variant not in BUILT:
            BUILT[variant] = build_now(variant, ctx)
        return BUILT[variant]


def build_now(variant, ctx):
    compiler, options = VARIANTS[variant]
    folder = os.path.join(BUILD, variant)
    if variant == "release":
        status, out = run(["tools/release", f"-j{ctx.jobs}", folder], {"CC": compiler})
        show_failed("tools/release", status, out, ctx)
        return status == 0
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        shutil.rmtree(folder, ignore_errors=True)
        status, out = run(["meson", "setup", folder, ROOT, *options], {"CC": compiler})
        if status:
            ctx.show(f"meson setup {variant}", out)
            return False
    status, out = run(["ninja", "-C", folder, f"-j{ctx.jobs}"])
    show_failed(f"build {variant}", status, out, ctx)
    return status == 0


def show_failed(title, status, out, ctx):
    """What ninja says of what failed, without what did not."""
    if status:
        at = max(0, out.find("FAILED:"))
        ctx.show(title, "\n".join(l for l in out[at:].split("\n") if not l.startswith("[")))


def count_cmocka(text, ok):
    """Cases of one cmocka program; a program that says nothing countable counts as one."""
    got = {}
    for word in ("PASSED", "FAILED", "SKIPPED"):
        got[word] = sum(int(n) for n in re.findall(rf"\[\s+{word}\s+\] (\d+) test\(s\)", text))
    if not any(got.values()):
        return one(ok)
    if not ok and not got["FAILED"]:
        got["FAILED"] = 1
    return Counts(got["PASSED"], got["FAILED"], got["SKIPPED"])


def meson_tests(variant, suites, ctx, env=None):
    folder = os.path.join(BUILD, variant)
    args = [a for s in suites for a in ("--suite", s)]
    status, out = run(["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", str(ctx.jobs),
                       "--timeout-multiplier", "3", *args], env)
    log = os.path.join(folder, "meson-logs", "testlog.json")
    counts = Counts()
    try:
        with open(log, encoding="utf-8") as f:
            results = [json.loads(line) for line in f if line.strip()]
    except (OSError, ValueError):
        results = []
    if not results:
        ctx.show(f"meson test {variant}", out)
        return one(False)
    for r in results:
        ok = r["result"] in ("OK", "EXPECTEDFAIL")
        if r["result"] == "SKIP":
            counts.add(Counts(0, 0, 1))
            continue
        text = (r.get("stdout") or "") + (r.get("stderr") or "")
        counts.add(count_cmocka(text, ok))
        if not ok:
            ctx.show(f"{variant}: {r['name']}: {r['result']}", text)
    if status and not counts.failed:
        ctx.show(f"meson test {variant}", out)
        counts.add(one(False))
    return counts


def suite_lint(ctx):
    status, out = run(["tools/lint/lint"])
    m = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*$", out)
    if status or not m:
        ctx.show("lint", out)
    return Counts(*map(int, m.groups())) if m else one(False)


def suite_build(ctx):
    counts = Counts()
    for variant in ("release", "clang", "asan"):
        counts.add(one(build(variant, ctx)))
    return counts


def suite_unit(ctx):
    counts = Counts()
    for variant in ("release", "clang"):
        if not build(variant, ctx):
            return counts.add(one(False))
        counts.add(meson_tests(variant, ("unit", "fuzz"), ctx))
    return counts


def suite_unit_asan(ctx):
    if not build("asan", ctx):
        return one(False)
    return meson_tests("asan", ("unit",), ctx, SANITIZER_ENV)


def fuzz_one(program, ctx):
    """A short run from the seeds; the grown corpus is thrown away, a finding is kept."""
    name = os.path.basename(program)[len("fuzz-"):]
    findings = os.path.join(BUILD, "findings")
    os.makedirs(findings, exist_ok=True)
    seeds = [d for d in glob.glob(os.path.join(ROOT, "tests/fuzz/seeds/*"))
             if os.path.basename(d).replace("_", "-") == name.replace("_", "-")]
    with tempfile.TemporaryDirectory() as corpus:
        status, out = run([program, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
                           f"-artifact_prefix={findings}/{name}-", "-print_final_stats=1", corpus, *seeds],
                          SANITIZER_ENV, timeout=FUZZ_SECONDS + 60)
    if status or not seeds:
        ctx.show(f"fuzz {name}" + ("" if seeds else ": no seeds"), out)
    return one(status == 0 and bool(seeds))


def suite_fuzz(ctx):
    if not build("asan", ctx):
        return one(False)
    programs = sorted(p for p in glob.glob(os.path.join(BUILD, "asan/tests/fuzz-*"))
                      if os.path.isfile(p) and os.access(p, os.X_OK))
    counts = Counts()
    with concurrent.futures.ThreadPoolExecutor(ctx.jobs) as pool:
        for c in pool.map(lambda p: fuzz_one(p, ctx), programs):
            counts.add(c)
    return counts


def compiled(but):
    """{file: its entry} of our C files outside the folders named, from the compilation database of the clang build."""
    with open(os.path.join(BUILD, "clang", "compile_commands.json"), encoding="utf-8") as f:
        db = {os.path.normpath(os.path.join(e["directory"], e["file"])): e for e in json.load(f)}
    away = tuple(os.path.join(ROOT, d) + os.sep for d in (*but, "build"))
    return {f: db[f] for f in sorted(db) if f.startswith(ROOT + os.sep) and not f.startswith(away)}


def one_each(ctx, title, commands, cwd=ROOT):
    """One command a file, {file: command}: fails with what each failed one said."""
    ok = True
    with concurrent.futures.ThreadPoolExecutor(ctx.jobs) as pool:
        for f, (status, out) in zip(commands, pool.map(lambda c: run(c, cwd=cwd), commands.values())):
            if status:
                ok = False
                ctx.show(f"{title} {os.path.relpath(f, ROOT)}", out, 40)
    return one(ok)


def static_cppcheck(ctx):
    status, out = run(["cppcheck", "--enable=warning,performance,portability", "--inline-suppr", "--quiet",
                       "--std=c11", "--error-exitcode=1", "--suppressions-list=tools/lint/cppcheck.txt",
                       "--inconclusive", f"-j{ctx.jobs}", "-D_GNU_SOURCE", "-D__GNUC__=12",
                       "-D__x86_64__", "-I.", "--template={file}:{line}: {id}: {message}",
                       *[os.path.relpath(f, ROOT) for f in compiled(("tests",))]])
    if status:
        ctx.show("cppcheck", out)
    return one(status == 0)


def static_tidy(ctx):
    return one_each(ctx, "clang-tidy", {f: ["clang-tidy", "-p", os.path.join(BUILD, "clang"), "--quiet", f]
                                        for f in compiled(("tests",))})


def static_scan(ctx):
    """scan-build's analyzer over what ships, by the commands of the build; nothing is compiled for it."""
    def command(entry):
        words = shlex.split(entry["command"])
        words = words[words.index("clang") + 1:]
        for option in ("-o", "-MQ", "-MF"):
            at = words.index(option)
            del words[at:at + 2]
        return ["clang", "--analyze", "-Xclang", "-analyzer-output=text", "-Xclang", "-analyzer-werror",
                *[w for w in words if w not in ("-c", "-MD")]]

    files = compiled(("tests", "bench", "tools/demo"))
    return one_each(ctx, "scan-build", {f: command(e) for f, e in files.items()}, cwd=os.path.join(BUILD, "clang"))


def suite_static(ctx):
    if not build("clang", ctx):
        return one(False)
    counts = Counts()
    for step in (static_cppcheck, static_tidy, static_scan):
        started = time.monotonic()
        got = step(ctx)
        ctx.say(f"    {step.__name__[7:]}: {got} ({time.monotonic() - started:.0f} s)")
        counts.add(got)
    return counts


def scenarios(folder, variant, ctx, env=None):
    """Scenario files of one folder, run by the runner against one build."""
    if not glob.glob(os.path.join(ROOT, folder, "*.py")):
        return Counts()
    if not build(variant, ctx):
        return one(False)
    cmd = [sys.executable, os.path.join(ROOT, "tests/support/runner.py"), "--build",
           os.path.join(BUILD, variant), folder]
    status, out = run(cmd, env, timeout=900)
    m = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*$", out)
    if status or not m:
        ctx.show(f"{folder} on {variant}", "\n".join(l for l in out.split("\n") if not l.startswith("passed ")), 200)
    counts = Counts(*map(int, m.groups())) if m else one(False)
    if status and not counts.failed:
        counts.add(one(False))
    return counts


def suite_integration(ctx):
    return scenarios("tests/integration", "release", ctx)


def suite_integration_asan(ctx):
    return scenarios("tests/integration", "asan", ctx, SANITIZER_ENV)


def suite_faults(ctx):
    return scenarios("tests/faults", "release", ctx)


def suite_conformance(ctx):
    return scenarios("tests/conformance", "release", ctx)


def suite_policy(ctx):
    """Every executable of tests/policy, each with a last line of its counts."""
    if not build("release", ctx):
        return one(False)
    counts = Counts()
    for program in sorted(glob.glob(os.path.join(ROOT, "tests/policy/*"))):
        if not os.path.isfile(program) or not os.access(program, os.X_OK):
            continue
        status, out = run([program], {"SP_BUILD": os.path.join(BUILD, "release")})
        m = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\s*$", out)
        got = Counts(*map(int, m.groups())) if m else one(False)
        if status and not got.failed:
            got.add(one(False))
        if got.failed:
            ctx.show(os.path.relpath(program, ROOT), out)
        counts.add(got)
    return counts


# In the order they are run. Scenarios mostly wait: what computes has the cores beside them; what has no deadline of its
# own, at a lower priority.
SUITES = {
    "lint": suite_lint,
    "build": suite_build,
    "unit": suite_unit,
    "unit-asan": suite_unit_asan,
    "static": suite_static,
    "integration": suite_integration,
    "faults": suite_faults,
    "conformance": suite_conformance,
    "policy": suite_policy,
    "integration-asan": suite_integration_asan,
    "fuzz": suite_fuzz,
}
COMPUTING = ("build", "unit", "unit-asan", "static")
BEHIND = ("build", "static")


def coverage(ctx):
    """Run what executes the project's code on an instrumented build, then report lines covered."""
    import coverage_report
    if not build("coverage", ctx):
        return one(False)
    for old in glob.glob(os.path.join(BUILD, "coverage", "**", "*.gcda"), recursive=True):
        os.unlink(old)
    counts = meson_tests("coverage", ("unit", "fuzz"), ctx)
    for folder in ("tests/integration", "tests/faults", "tests/conformance"):
        counts.add(scenarios(folder, "coverage", ctx))
    coverage_report.report(ROOT, os.path.join(BUILD, "coverage"), ctx.jobs)
    return counts


def run_suite(name, suite, jobs):
    """(its counts, what it said and its closing line)."""
    ctx, started = Context(jobs), time.monotonic()
    try:
        got = suite(ctx)
    except Exception:  # noqa: BLE001
        ctx.show(name, traceback.format_exc())
        got = one(False)
    return got, "\n".join([*ctx.said, f"{name}: {got} ({time.monotonic() - started:.0f} s)"])


class Lane(threading.Thread):
    """Suites one after the other, beside another lane; `total` when it has ended."""

    telling = threading.Lock()

    def __init__(self, todo, jobs):
        super().__init__()
        self.todo, self.jobs, self.total = todo, jobs, Counts()
        self.start()

    def run(self):
        for name, suite in self.todo.items():
            one_suite = threading.Thread(target=self.run_one, args=(name, suite))
            one_suite.start()
            one_suite.join()

    def run_one(self, name, suite):
        if name in BEHIND:  # a thread's own, which it cannot take back; what it starts inherits it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + 10)
        got, text = run_suite(name, suite, self.jobs)
        with Lane.telling:
            print(text, flush=True)
        self.total.add(got)


def main():
    p = argparse.ArgumentParser(prog="tools/test", description=__doc__)
    p.add_argument("--coverage", action="store_true", help="run on an instrumented build and report")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    p.add_argument("suite", nargs="*", help=", ".join(SUITES))
    opt = p.parse_args()
    for s in opt.suite:
        if s not in SUITES:
            p.error(f"no suite '{s}'; there are {', '.join(SUITES)}")
    todo = {"coverage": coverage} if opt.coverage else {s: SUITES[s] for s in SUITES if s in (opt.suite or SUITES)}
    computing = {s: f for s, f in todo.items() if s in COMPUTING}
    lanes = [Lane({s: f for s, f in todo.items() if s not in computing}, opt.jobs), Lane(computing, opt.jobs)]
    total = Counts()
    for lane in lanes:
        lane.join()
        total.add(lane.total)
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
