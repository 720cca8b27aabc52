"""Line coverage of the project's own code, from gcov's JSON: one row a room, then the total."""
import concurrent.futures
import glob
import json
import os
import subprocess

NOT_OURS = ("tests/", "bench/")


def gcov(path):
    r = subprocess.run(["gcov", "--json-format", "--stdout", path], capture_output=True,
                       cwd=os.path.dirname(path), check=False)
    return [json.loads(line) for line in r.stdout.splitlines() if line.startswith(b"{")]


def gather(root, folder, jobs):
    """{file: {line: hits}} over every object; a line counts as hit when any object hit it."""
    lines = {}
    # A .gcno without .gcda is code that was built and never run: gcov reports its lines as not hit.
    notes = glob.glob(os.path.join(folder, "**", "*.gcno"), recursive=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for docs in pool.map(gcov, notes):
            for doc in docs:
                for f in doc["files"]:
                    path = os.path.normpath(os.path.join(doc["current_working_directory"], f["file"]))
                    rel = os.path.relpath(path, root)
                    if rel.startswith(("..", "build")) or rel.startswith(NOT_OURS):
                        continue
                    hits = lines.setdefault(rel, {})
                    for entry in f["lines"]:
                        n = entry["line_number"]
                        hits[n] = hits.get(n, 0) + entry["count"]
    return lines


def report(root, folder, jobs):
    rooms, files = {}, []
    for rel, hits in gather(root, folder, jobs).items():
        covered = sum(1 for h in hits.values() if h)
        room = rooms.setdefault(os.path.dirname(rel), [0, 0])
        room[0] += covered
        room[1] += len(hits)
        files.append((covered / max(1, len(hits)), len(hits) - covered, rel))
    print("coverage by file, most missing first:")
    for share, missing, rel in sorted(files, key=lambda f: -f[1])[:25]:
        print(f"  {share:7.1%} {missing:6} lines not run  {rel}")
    print("coverage by room:")
    for room, (covered, n) in sorted(rooms.items()):
        print(f"  {covered / max(1, n):7.1%} {covered:6} of {n:6}  {room}")
    covered, n = (sum(r[i] for r in rooms.values()) for i in (0, 1))
    print(f"coverage: {covered / max(1, n):.1%} of {n} lines", flush=True)
