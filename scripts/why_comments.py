#!/usr/bin/env python3
"""Measures inline comments in function bodies, and fails below a limit.

Usage: scripts/why_comments.py [--limit PERCENT] FOLDER...

The share is the number of `//` comment lines (neither `///` nor `//!`) and of lines that end in such a comment,
divided by the number of lines that hold code. Unit tests at the end of a file do not count.
"""

import argparse
import re
import sys
from pathlib import Path


def measure(text):
    """Comment lines and code lines of one file, without its unit tests."""
    comments = code = 0
    for line in text.split("#[cfg(test)]\nmod tests")[0].splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(("///", "//!")):
            continue
        if stripped.startswith("//"):
            comments += 1
            continue
        code += 1
        if re.search(r"\s// ", stripped):
            comments += 1
    return comments, code


def self_test():
    """A check that cannot fail checks nothing."""
    sample = "/// Doc.\nfn f() {\n    // Why.\n    g();  // Why.\n}\n#[cfg(test)]\nmod tests { // no\n}\n"
    if measure(sample) != (2, 3):
        sys.exit("why_comments: the self-test failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=3.0, help="lowest share, percent")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    self_test()
    bad = False
    for folder in options.folders:
        counts = [measure(path.read_text()) for path in sorted(Path(folder).rglob("*.rs"))]
        comments, code = (sum(column) for column in zip(*counts))
        share = 100 * comments / code
        bad |= share < options.limit
        print(f"why_comments: {folder}: {comments} comments on {code} lines of code ({share:.1f} %, limit {options.limit} %)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
