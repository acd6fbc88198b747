#!/usr/bin/env python3
"""Checks the arrows between the wings inside each crate, and counts circles of imports.

Usage: scripts/wings.py [--crate NAME] [--edges] [--folder SRC]

A wing is a module at the top of a crate's `src`: a file, a folder, or both. The tables below list each
crate's wings from the top down. A file may import from its own wing and from wings further down the list.
Wings on one line may not import from each other.

Imports are `use` statements and inline paths that start with `crate`, `super`, `self` or a module of the
same file. Comments, literals and items under `#[cfg(test)]` do not count. A path through a re-export leads
to the file that defines the item, so a facade such as `lib.rs` creates no circle.

A circle is a strongly connected component of the files. A parent-child pair is a root file and a file
directly in its folder (`upload.rs` and `upload/put.rs`) that import each other. A component in which every
simple circle is such a pair is printed, not counted: a root file with children that do not import each other.
Any other component counts, with root files in it too.

`--edges` prints the imports between wings with their files, `--folder` checks a folder without tables.
A self-test runs first, on a sample crate whose faults must be found.
"""

import argparse
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# Wings of each crate from the top down. None: a flat crate without wings, of which only circles are counted.
WINGS = {
    "client": [
        "bucket",
        "upload download",
        "kms object",
        "service",
        "credentials",
        "transport",
        "runtime",
        "state",
        "error",
    ],
    "cli": [
        "cmd logging",
        "transfer",
        "client",
        "config",
        "args",
        "keys",
        "account target",
        "fs",
        "environment rules signals",
        "ui",
        "units",
    ],
    "core": [
        "keyring",
        "policy",
        "envelope",
        "dangerous",
        "content",
        "context range",
        "suite",
        "layout wrap",
        "matdesc secret",
    ],
    "server": ["service kms", "ops", "fault", "backend", "body", "rules", "ledger"],
    "wire": ["kms session_credentials sts", "rpc", "acs3", "oss"],
    "conformance": None,
}
# Crates whose files have not reached their wings: faults are printed and do not fail the check.
PENDING = {"core"}
# Highest number of circles of files.
CIRCLES = {"client": 0, "cli": 0, "core": 2, "server": 2, "wire": 2, "conformance": 2}

LITERAL = re.compile(
    r"""
      //[^\n]*
    | /\*(?:[^*]|\*(?!/))*\*/
    | b?r(\#*)".*?"\1
    | b?"(?:[^"\\]|\\.)*"
    | b?'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|.))'
    """,
    re.VERBOSE | re.DOTALL,
)
TEST_ATTRIBUTE = re.compile(r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]")
USE = re.compile(r"(?<![\w#])((?:pub\s+)?)use\s+([^;]+);")
MODULE = re.compile(r"(?<!\w)mod\s+(\w+)\s*([;{])")
INLINE = re.compile(r"(?<![\w:$])((?:crate|super|self)(?:\s*::\s*\w+)+|[a-z_]\w*(?:::\w+)+)")


def strip_literals(text):
    """The source without comments and literals; the text of a literal could look like a path."""
    return LITERAL.sub(lambda found: '""' if '"' in found.group(0)[:4] else " ", text)


def item_end(text, start):
    """The position after the item that starts at `start`: after its `;`, or the brace that closes it."""
    depth = 0
    for position in range(start, len(text)):
        character = text[position]
        if character in "{[(":
            depth += 1
        elif character in "}])":
            depth -= 1
            if depth == 0 and character == "}" and not text[start:position].lstrip().startswith(("use", "pub use")):
                return position + 1
        elif character == ";" and depth == 0:
            return position + 1
    return len(text)


def strip_tests(text):
    """The source without items under `#[cfg(test)]`, and the names of test modules in files of their own."""
    modules = set()
    while found := TEST_ATTRIBUTE.search(text):
        end = item_end(text, found.end())
        item = text[found.end() : end]
        if (module := MODULE.search(item)) and module.group(2) == ";":
            modules.add(module.group(1))
        text = text[: found.start()] + text[end:]
    return text, modules


def use_paths(tree, prefix=()):
    """Yields (path, name it is bound to) for each leaf of a `use` tree; the name is `*` for a glob."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, alias = tree.partition(" as ")
        parts = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
        if parts[-1] == "self":
            parts = parts[:-1]
        if parts:
            yield parts, alias.strip() or parts[-1]
        return
    prefix += tuple(part.strip() for part in head.split("::") if part.strip())
    depth, start, inner = 0, 0, rest[: rest.rindex("}")]
    for position, character in enumerate(inner + ","):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            if inner[start:position].strip():
                yield from use_paths(inner[start:position], prefix)
            start = position + 1


class Crate:
    """The modules of a crate, the names that each binds by `use`, and the imports between its files."""

    def __init__(self, source):
        self.source = source
        self.files = {}  # module path -> file
        self.text = {}
        self.bound = defaultdict(dict)  # module path -> name -> (absolute path, is it public)
        self.globs = defaultdict(list)
        self.external = defaultdict(set)  # module path -> names bound to items of other crates
        skipped = set()
        for file in sorted(source.rglob("*.rs")):
            parts = file.relative_to(source).with_suffix("").parts
            module = () if parts in (("lib",), ("main",)) else parts[:-1] if parts[-1] == "mod" else parts
            text, tests = strip_tests(strip_literals(file.read_text(encoding="utf-8")))
            self.files[module] = file
            self.text[module] = text
            skipped |= {module + (name,) for name in tests}
        for module in list(self.files):
            if any(module[: len(test)] == test for test in skipped):
                del self.files[module], self.text[module]
        self.modules = {module[:depth] for module in self.files for depth in range(len(module) + 1)}
        for module, text in self.text.items():
            for _, tree in USE.findall(text):
                for path, name in use_paths(tree):
                    if absolute := self.absolute(module, path):
                        if name == "*":
                            self.globs[module].append(absolute[:-1])
                        elif name != "_":
                            self.bound[module][name] = absolute
                    else:
                        self.external[module].add(name)

    def absolute(self, module, path):
        """The path from the root of the crate, or None for another crate."""
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return module + path[1:]
        if path[0] == "super":
            up = 0
            while up < len(path) and path[up] == "super":
                up += 1
            return module[: len(module) - up] + path[up:]
        return module + path if module + path[:1] in self.modules else None

    def defining_module(self, path, seen=()):
        """The module whose file defines the item at an absolute path; None for an item of another crate."""
        module = ()
        for position, name in enumerate(path):
            rest = path[position + 1 :]
            if module + (name,) in self.modules:
                module += (name,)
                continue
            if (module, name) in seen:
                return module
            seen += ((module, name),)
            if name in self.bound[module]:
                return self.defining_module(self.bound[module][name] + rest, seen)
            if name in self.external[module]:
                return None
            if not self.defines(module, name):
                for glob in self.globs[module]:
                    if self.defines(glob, name) or name in self.bound[glob]:
                        return self.defining_module(glob + (name,) + rest, seen)
            return module
        return module

    def defines(self, module, name):
        words = r"(?:struct|enum|trait|type|fn|const|static|union|mod|macro_rules!)"
        return re.search(rf"\b{words}\s+{re.escape(name)}\b", self.text.get(module, "")) is not None

    def edges(self):
        """(module, module) -> the first path that leads from one file to the other."""
        edges = {}
        for module, text in self.text.items():
            paths = [path for _, tree in USE.findall(text) for path, _ in use_paths(tree)]
            rest = re.sub(r"\bpub\s*\([^)]*\)", "pub", USE.sub("", text))
            paths += [tuple(re.split(r"\s*::\s*", path)) for path in INLINE.findall(rest)]
            for path in paths:
                absolute = self.absolute(module, path)
                if absolute is None:
                    continue
                if absolute and absolute[-1] == "*":
                    absolute = absolute[:-1]
                target = self.defining_module(absolute)
                if target != module and target in self.files:
                    edges.setdefault((module, target), "::".join(path))
        return edges

    def name(self, module):
        return str(self.files[module].relative_to(self.source))


def circles(nodes, edges):
    """Strongly connected components of two files or more (Tarjan)."""
    follow = defaultdict(set)
    for source, target in edges:
        follow[source].add(target)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(follow[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            cut = stack.index(node)
            if len(stack) - cut > 1:
                found.append(sorted(stack[cut:]))
            del stack[cut:]

    sys.setrecursionlimit(10_000)
    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return found


def only_pairs(component, edges):
    """Is every simple circle of the component a parent-child pair? Then its imports form a tree of such pairs."""
    inside = {frozenset(edge) for edge in edges if edge[0] in component and edge[1] in component}
    related = all(min(pair, key=len) == max(pair, key=len)[:-1] for pair in inside)
    return related and len(inside) == len(component) - 1


def check(name, source, order, limit, show_edges=False):
    """Prints the faults of one crate and returns their number."""
    crate = Crate(source)
    edges = crate.edges()
    faults = []
    between = defaultdict(list)
    for (module, target), path in sorted(edges.items()):
        if module and target and module[0] != target[0]:
            between[module[0], target[0]].append(f"{crate.name(module)}: {path}")
    if show_edges:
        for (upper, lower), uses in sorted(between.items()):
            print(f"{name}: {upper} -> {lower}: {len(uses)}")
            for use in uses:
                print(f"    {use}")
    if order is not None:
        rank = {wing: level for level, line in enumerate(order) for wing in line.split()}
        wings = {module[0] for module in crate.files if module}
        faults += [f"the wing {wing} is not in the list" for wing in sorted(wings - rank.keys())]
        faults += [f"the list names {wing}, and the crate has no such wing" for wing in sorted(rank.keys() - wings)]
        for (upper, lower), uses in sorted(between.items()):
            if upper in rank and lower in rank and rank[upper] >= rank[lower]:
                faults += [f"{upper} may not import from {lower}: {use}" for use in uses]
        for (module, target), path in sorted(edges.items()):
            if module and not target:
                faults.append(f"{crate.name(module)} imports from the root file: {path}")
    found = circles(crate.files, edges)
    pairs = [circle for circle in found if only_pairs(circle, edges)]
    counted = [circle for circle in found if circle not in pairs]
    for circle in counted:
        print(f"wings: {name}: circle: {', '.join(crate.name(module) for module in circle)}")
        inside = [(edge, path) for edge, path in sorted(edges.items()) if edge[0] in circle and edge[1] in circle]
        for (module, target), path in inside if show_edges else ():
            print(f"    {crate.name(module)} -> {crate.name(target)}: {path}")
    for pair in pairs:
        print(f"wings: {name}: parent-child pairs: {', '.join(crate.name(module) for module in pair)}")
    if len(counted) > limit:
        faults.append(f"{len(counted)} circles, at most {limit}")
    for fault in faults:
        print(f"wings: {name}: {fault}")
    state = "no order" if order is None else f"{sum(len(line.split()) for line in order)} wings"
    print(
        f"wings: {name}: {len(crate.files)} files, {state}, {len(counted)} circles (at most {limit}), "
        f"{sum(len(pair) - 1 for pair in pairs)} parent-child pairs, {len(faults)} faults"
    )
    return len(faults)


SAMPLE = {
    "lib.rs": "mod upper;\nmod lower;\npub use lower::deep::Item;\npub use other_crate::Foreign;\n",
    "upper.rs": "use crate::{Foreign, Item};\nmod near;\nuse super::lower::{self, deep::{Other as Alias}};\n"
    "fn f() { near::go(); let _ = \"crate::none::Here\"; } // crate::none::There\n",
    "upper/near.rs": "pub(in crate::upper) fn go() {}\n#[cfg(test)]\nmod tests {\n    use crate::lower::deep::Item;\n}\n",
    "lower.rs": "pub mod deep;\n#[cfg(test)]\nuse crate::upper::Thing;\nfn f(_: &'static str) -> char { '{' }\n",
    "lower/deep.rs": "pub struct Item;\npub struct Other;\n",
}
# Each fault: files that replace some of the sample's, the table, and a part of the message that must appear.
FAULTS = [
    ("an arrow up by use", {"lower/deep.rs": "use crate::upper::near::go;\npub struct Item;\n"}, None, "lower may not import"),
    ("an arrow up inline", {"lower.rs": "pub mod deep;\nfn f() { crate::upper::near::go() }\n"}, None, "lower may not import"),
    ("an arrow up by super", {"lower/deep.rs": "use super::super::upper;\n"}, None, "lower may not import"),
    ("an arrow up behind a test", {"lower.rs": "#[cfg(test)]\nmod t { fn f() {} }\nuse crate::upper::X;\npub mod deep;\n"}, None, "lower may not import"),
    ("an arrow on one level", {}, ["lower upper"], "upper may not import from lower"),
    ("a wing that is not listed", {}, ["upper"], "the wing lower is not in the list"),
    ("a listed wing that does not exist", {}, ["upper", "lower", "cellar"], "no such wing"),
    (
        "a circle of files",
        {"lower.rs": "pub mod deep;\nmod other;\n", "lower/other.rs": "use super::deep::Item;\n", "lower/deep.rs": "use super::other::A;\npub struct Item;\n"},
        None,
        "1 circles, at most 0",
    ),
    (
        "a circle through a root file",
        {
            "lower.rs": "mod deep;\nmod other;\npub struct Low;\nuse other::B;\n",
            "lower/other.rs": "use super::deep::A;\npub struct B;\n",
            "lower/deep.rs": "use super::Low;\npub struct A;\npub struct Item;\npub struct Other;\n",
        },
        None,
        "1 circles, at most 0",
    ),
]
# Parent-child pairs alone are no fault.
PAIRS = {
    "lower.rs": "mod deep;\nmod other;\npub struct Low;\nuse {deep::A, other::B};\n",
    "lower/other.rs": "use super::Low;\npub struct B;\n",
    "lower/deep.rs": "use super::Low;\npub struct A;\npub struct Item;\npub struct Other;\n",
}


def run_sample(changes, order):
    """The number of faults of a sample crate, and the printed lines."""
    import contextlib
    import io

    with tempfile.TemporaryDirectory() as folder:
        for name, text in (SAMPLE | changes).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            count = check("sample", Path(folder), order or ["upper", "lower"], 0)
        return count, output.getvalue()


def self_test():
    """Exits with 1 when a fault of the sample is missed, or the good sample fails."""
    for good in ({}, PAIRS):
        count, output = run_sample(good, None)
        if count:
            sys.exit(f"wings: the self-test failed: the good sample has faults:\n{output}")
    for what, changes, order, message in FAULTS:
        count, output = run_sample(changes, order)
        if not count or message not in output:
            sys.exit(f"wings: the self-test failed: missed {what}:\n{output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crate", choices=WINGS, help="one crate; all by default")
    parser.add_argument("--edges", action="store_true", help="print the imports between wings")
    parser.add_argument("--folder", type=Path, help="a `src` folder without a table, for circles only")
    options = parser.parse_args()
    self_test()
    if options.folder:
        return 1 if check(str(options.folder), options.folder, None, 0, options.edges) else 0
    root = Path(__file__).resolve().parent.parent
    names = [options.crate] if options.crate else list(WINGS)
    failed = False
    for name in names:
        faults = check(name, root / "crates" / name / "src", WINGS[name], CIRCLES[name], options.edges)
        failed |= bool(faults) and (name not in PENDING or options.crate is not None)
    if PENDING and not options.crate:
        print(f"wings: pending: {', '.join(sorted(PENDING))}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(141)
