#!/usr/bin/env python3
"""Runs the shell blocks of documents, in order, in an empty home and folder per document.

Usage: scripts/run_docs.py --osseal PATH DOCUMENT...

A fenced block of language `sh` runs under `bash -euo pipefail` with the built command on PATH. A comment
before a block changes that:
  <!-- file: NAME -->       the block is written to NAME instead
  <!-- not run: REASON -->  the block is skipped; the reason is printed
Blocks of other languages are ignored, and so are the commands of the heading "Try it", which
scripts/fresh-clone.sh runs. A failing block fails the run. A control document that must fail runs first.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FENCE = re.compile(r"^```(\w*)")
MARK = re.compile(r"<!-- (file|not run): (.+?) -->")
# Headings whose commands scripts/fresh-clone.sh runs.
ELSEWHERE = {"## Try it", "## 试用"}
SECONDS = 120


def blocks(text):
    """Yields (line number, language, mark, content, heading) for every fenced block."""
    lines = text.splitlines()
    mark, heading, number = None, "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("#"):
            heading = line.strip()
        if found := MARK.fullmatch(line.strip()):
            mark = found.groups()
        elif found := FENCE.match(line):
            start, content = number, []
            while number < len(lines) and not lines[number].startswith("```"):
                content.append(lines[number])
                number += 1
            number += 1
            yield start, found.group(1), mark, "\n".join(content) + "\n", heading
            mark = None


def run_document(name, text, osseal, report=print):
    """Runs the blocks of one document. Returns how many ran, how many were skipped, and the failures."""
    ran, skipped, failures = 0, 0, []
    with tempfile.TemporaryDirectory() as scratch:
        home, work, path = (Path(scratch, part) for part in ("home", "work", "bin"))
        for folder in (home, work, path):
            folder.mkdir(mode=0o700)
        (path / "osseal").symlink_to(osseal)
        environment = {"HOME": str(home), "PATH": f"{path}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        for line, language, mark, content, heading in blocks(text):
            if mark and mark[0] == "file":
                (work / mark[1]).write_text(content)
            elif language == "sh" and mark:
                skipped += 1
                report(f"{name}:{line}: not run: {mark[1]}")
            elif language == "sh" and heading not in ELSEWHERE:
                result = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", content],
                    cwd=work, env=environment, stdin=subprocess.DEVNULL, timeout=SECONDS,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                )
                ran += 1
                if result.returncode:
                    failures.append(f"{name}:{line}: exit code {result.returncode}\n{content}{result.stdout}")
    return ran, skipped, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--osseal", required=True, type=Path, help="the built command")
    parser.add_argument("documents", nargs="+", type=Path)
    options = parser.parse_args()
    osseal = options.osseal.resolve(strict=True)

    control = "```sh\nosseal --version\n```\n\n```sh\nosseal no-such-command\n```\n"
    ran, _, failures = run_document("control", control, osseal)
    if ran != 2 or len(failures) != 1:
        sys.exit("run_docs: the control was not noticed")

    total_ran, total_skipped, total_failures = 0, 0, []
    for document in options.documents:
        ran, skipped, failures = run_document(document, document.read_text(), osseal)
        total_ran, total_skipped = total_ran + ran, total_skipped + skipped
        total_failures += failures
    for failure in total_failures:
        print(failure, file=sys.stderr)
    print(f"run_docs: {total_ran} blocks ran, {total_skipped} not run, {len(total_failures)} failed")
    return 1 if total_failures or total_ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
