#!/usr/bin/env python3
"""Counts lines of prose that use wording CONTRIBUTING.md replaces, and fails above a limit.

Usage: scripts/plain_words.py [--list] [--limit PERCENT] [PATH...]

Prose is every comment line, every string literal of Rust, shell and Python that holds two or more words,
every Markdown line outside fenced code, and every Rust function name below a `tests` folder or `mod tests`.
Without PATH, all files that git tracks are read. `--list` prints each flagged line with the rule it breaks.
A self-test runs first: sample lines that must be flagged, and sample lines that must not.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

# Each rule: a name, and a pattern that is matched without regard to case unless it says otherwise.
RULES = [
    ("sentence starts with What, Who, Whoever or That", r"(?-i:(?:^|[.:;!]\s+)(?:What|Whoever|Whatever|Whose|Who|That)\b(?![^.]*\?))"),
    ("what", r"\bwhat\b(?![^.]*\?)"),
    ("nobody, somebody, whoever", r"\b(?:nobody|somebody|anybody|whoever|everybody)\b"),
    ("said, told, tells of", r"\b(?:said|told|tells? (?:of|what|who|whether))\b|\bsays so\b"),
    ("is to be had", r"\b(?:is|are|was|were) (?:not )?to be (?:had|got|gone)\b"),
    ("there is", r"\bthere (?:is|are|was|were)\b|\bis there\b|\bwas there\b"),
    ("goes on", r"\b(?:go|goes|going|gone|went) on\b"),
    ("begins so", r"\b(?:begins?|ends?|ended|starts?|called|named) so\b"),
    ("take the place of", r"\b(?:takes?|took|taking) (?:its|the|their|his) place\b|\bin place of\b"),
    ("does not come to its end", r"\bcomes? to (?:its|an|the|their) end\b"),
    ("again for retry", r"\b(?:begins?|began|begun|asks?|asked|asking|tries|tried|try|trying) (?:it |them |all |the same )?again\b"),
    ("leaves out", r"\b(?:leaves?|left|leaving) (?:\w+ )?out\b"),
    ("not a word", r"\b(?:not a word|no word of|has no word|in words)\b"),
    ("all the same", r"\ball the same\b|\bfor all that\b"),
    ("but for", r"\bbut for\b"),
]
COMPILED = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in RULES]

MUST_FLAG = [
    "Who is told how much has been stored.",
    "What the service does not say is left out.",
    "Begins again when nobody listens.",
    "16 MiB unless said.",
    "deletes everything whose key begins so",
    "The record goes on with the next part.",
    "There is one writer.",
]
MUST_PASS = [
    "Reports upload progress. Bytes are counted once, even if the upload restarts.",
    "Deletes every object whose key starts with the prefix.",
    "The default is 16 MiB.",
    "What is a suite?",
    "Retry after the delay. Skip objects that already exist.",
    "Objects that match are read; the next part resumes.",
    "cannot read {what}: {said}",
]

PROSE_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
TEST_NAME = re.compile(r"\bfn ([a-z0-9_]+)\s*\(")


def broken_rule(text):
    """The name of the first rule that a line of prose breaks, or None. Placeholders of format strings are code."""
    text = re.sub(r"\{[^{}]*\}|\$\w+", "x", text)
    for name, pattern in COMPILED:
        if pattern.search(text):
            return name
    return None


def rust_prose(lines, is_test_file):
    """Yields (line number, prose) for comments, literals of several words, and names of tests."""
    in_tests = is_test_file
    after_attribute = False
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("mod tests"):
            in_tests = True
        comment = re.match(r"//[/!]?\s?(.*)", stripped)
        if comment:
            if comment.group(1).strip():
                yield number, comment.group(1)
            continue
        code, _, trailing = stripped.partition(" // ")
        if trailing:
            yield number, trailing
        for literal in PROSE_STRING.findall(code):
            if len(re.findall(r"[A-Za-z]{2,}", literal)) >= 2 and " " in literal:
                yield number, literal
        if in_tests and after_attribute and (name := TEST_NAME.search(code)):
            yield number, name.group(1).replace("_", " ")
        if stripped:
            after_attribute = stripped.startswith("#[") or (after_attribute and not stripped.endswith(("{", ";")))


def script_prose(lines):
    """Yields (line number, prose) for comments, docstrings and literals of shell and Python."""
    in_doc = False
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        quotes = stripped.count('"""')
        if in_doc or quotes:
            text = stripped.strip('"')
            if text:
                yield number, text
            if quotes % 2:
                in_doc = not in_doc
            continue
        if stripped.startswith("#") and not stripped.startswith("#!"):
            if text := stripped.lstrip("# "):
                yield number, text
            continue
        for literal in PROSE_STRING.findall(stripped) + re.findall(r"'([^']*)'", stripped):
            if len(re.findall(r"[A-Za-z]{2,}", literal)) >= 3:
                yield number, literal


def markdown_prose(lines):
    """Yields (line number, prose) for every line outside fenced code."""
    in_code = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and line.strip():
            yield number, re.sub(r"`[^`]*`", "`x`", line.strip().lstrip("#>*-| "))


def prose_of(path):
    """All prose of one file; nothing for kinds of files that hold none."""
    suffix = path.suffix
    if suffix not in {".rs", ".md", ".py", ".sh"} and path.name != "justfile":
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if suffix == ".rs":
        return rust_prose(lines, "tests" in path.parts)
    if suffix == ".md":
        return markdown_prose(lines)
    return script_prose(lines)


def self_test():
    """Exits with 2 when a sample is judged wrongly: a check that cannot fail checks nothing."""
    wrong = [text for text in MUST_FLAG if not broken_rule(text)]
    wrong += [text for text in MUST_PASS if broken_rule(text)]
    if wrong:
        sys.exit("plain_words: the self-test failed for: " + "; ".join(wrong))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print every flagged line")
    parser.add_argument("--limit", type=float, default=1.0, help="highest share of flagged lines, percent")
    parser.add_argument("paths", nargs="*", help="files or folders; all tracked files by default")
    options = parser.parse_args()
    self_test()
    tracked = subprocess.run(["git", "ls-files", "-z", "--", *options.paths], check=True, capture_output=True)
    files = [Path(name) for name in tracked.stdout.decode().split("\0") if name]
    own = Path(__file__).name
    total, flagged, per_folder = 0, 0, {}
    for path in files:
        if path.name == own or path.name.endswith("zh-CN.md") or not path.is_file():
            continue
        for number, text in prose_of(path):
            total += 1
            folder = "/".join(path.parts[:3])
            counts = per_folder.setdefault(folder, [0, 0])
            counts[0] += 1
            if rule := broken_rule(text):
                flagged += 1
                counts[1] += 1
                if options.list:
                    print(f"{path}:{number}: [{rule}] {text.strip()}")
    share = 100 * flagged / total if total else 0.0
    if not options.list:
        for folder, (lines, bad) in sorted(per_folder.items()):
            if bad:
                print(f"{100 * bad / lines:5.1f} %  {bad:5} of {lines:6}  {folder}")
    print(f"plain_words: {flagged} of {total} lines of prose ({share:.2f} %, limit {options.limit} %)")
    return 1 if share > options.limit else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(141)
