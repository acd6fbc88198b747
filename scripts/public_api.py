#!/usr/bin/env python3
"""Lists the public API of each library, and fails if api/*.txt differs from it.

Usage: scripts/public_api.py [--write]

A change of the API must change the listing with it: run with `--write`, and review the difference as part of the
change. The listing is read from the sources, so it needs no nightly compiler and takes a second: every item that
`lib.rs` leads to by public modules and re-exports, with its attributes `derive` and `non_exhaustive`, its public
fields, variants and methods, and the traits it implements. Items that macros generate are not listed.
A self-test runs first, on a sample crate.
"""

import argparse
import difflib
import re
import sys
import tempfile
from pathlib import Path

from wings import Crate, use_paths

CRATES = {"core": "osseal_core", "wire": "osseal_wire", "client": "osseal", "server": "osseal_server", "conformance": "osseal_conformance"}

ITEM = re.compile(
    r"^(?P<pub>pub(?:\s*\([^)]*\))?\s+)?(?:default\s+)?(?P<kind>(?:const\s+)?(?:async\s+)?(?:unsafe\s+)?fn|struct|enum|trait|"
    r"type|const|static|mod|use|impl|macro_rules!|union)\b\s*(?P<name>\w+)?"
)


def split_level(text, separator):
    """The parts of a text between separators that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "<":
            depth += 1
        elif character == ">" and text[position - 1] not in "-=":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def items(text):
    """Yields (attributes, header, body) of each item at the top of a text; the body is None after `;`."""
    position = 0
    while position < len(text):
        attributes = []
        while found := re.compile(r"\s*#!?\[").match(text, position):
            depth, end = 1, found.end()
            while depth:
                depth += {"[": 1, "]": -1}.get(text[end], 0)
                end += 1
            attributes.append(squeeze(text[found.start() : end]))
            position = end
        depth, start, brace = 0, position, None
        is_use = re.compile(r"\s*(pub(\s*\([^)]*\))?\s+)?use\b").match(text, position)
        is_value = re.compile(r"\s*(pub(\s*\([^)]*\))?\s+)?(const\s+[A-Z_]|static\b)").match(text, position)
        while position < len(text):
            character = text[position]
            if character in "([{":
                if character == "{" and depth == 0 and not is_use and not is_value:
                    brace = position
                depth += 1
            elif character in ")]}":
                depth -= 1
                if depth == 0 and brace is not None and character == "}":
                    yield attributes, squeeze(text[start:brace]), text[brace + 1 : position]
                    break
            elif character == ";" and depth == 0:
                yield attributes, squeeze(text[start:position]), None
                break
            position += 1
        position += 1


def squeeze(text):
    """One line, as rustfmt would write it if lines had no end."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"([(\[]) ", r"\1", text)
    return re.sub(r",? ([)\]])", r"\1", text)


def member(text):
    """A field or variant without attributes that say nothing about the API."""
    text = re.sub(r"#\[(?!non_exhaustive|default)[^\]]*\]\s*", "", text)
    return squeeze(text)


class Listing:
    """The public items of one crate, each under the path by which a user names it."""

    def __init__(self, source, name):
        self.crate = Crate(source)
        self.lines = set()
        self.shown = {}  # (defining module, item) -> public path
        self.parsed = {module: list(items(text)) for module, text in self.crate.text.items()}
        self.module((), name, set())
        self.impls()

    def module(self, module, path, seen):
        if module in seen or module not in self.parsed:
            return
        seen = seen | {module}
        self.lines.add(f"pub mod {path}")
        for attributes, header, body in self.parsed[module]:
            found = ITEM.match(header)
            if not found or (found.group("pub") or "").strip() != "pub" or "#[doc(hidden)]" in attributes:
                continue
            kind, name = found.group("kind"), found.group("name")
            if kind == "use":
                for target, bound in use_paths(re.sub(r"^pub use ", "", header)):
                    self.reexport(module, target, bound, path, seen)
            elif kind == "mod":
                self.module(module + (name,), f"{path}::{name}", seen)
            else:
                self.item(module, name, path, seen, attributes, header, body)

    def reexport(self, module, target, bound, path, seen):
        absolute = self.crate.absolute(module, target)
        if absolute is None:
            self.lines.add(f"pub use {'::'.join(target)} as {path}::{bound}")
            return
        if bound == "*":
            if absolute[:-1] in self.parsed:
                self.module(absolute[:-1], path, seen)
            return
        if absolute in self.parsed:
            self.module(absolute, f"{path}::{bound}", seen)
            return
        home = self.crate.defining_module(absolute)
        name = absolute[-1]
        if home is None:
            self.lines.add(f"pub use {'::'.join(target)} as {path}::{bound}")
            return
        for attributes, header, body in self.parsed.get(home, []):
            found = ITEM.match(header)
            if found and found.group("kind") not in ("use", "impl") and found.group("name") == name:
                self.item(home, name, path, seen, attributes, header, body, bound)
                return
        for attributes, header, body in self.parsed.get(home, []):
            if header.startswith("pub use "):
                for other, other_bound in use_paths(header[8:]):
                    if other_bound == name and self.crate.absolute(home, other) is None:
                        self.lines.add(f"pub use {'::'.join(other)} as {path}::{bound}")

    def item(self, module, name, path, seen, attributes, header, body, bound=None):
        full = f"{path}::{bound or name}"
        self.shown.setdefault((module, name), set()).add(full)
        kind = ITEM.match(header).group("kind")
        shown = re.sub(rf"\b{re.escape(name)}\b", full, header.split(" = ")[0] if kind in ("const", "static") else header, count=1)
        for attribute in attributes:
            if attribute == "#[non_exhaustive]":
                self.lines.add(f"{full}: non_exhaustive")
            if derived := re.match(r"#\[derive\((.*)\)\]", attribute):
                for trait in derived.group(1).split(","):
                    if trait.strip():
                        self.lines.add(f"impl {trait.strip()} for {full}")
        if kind == "struct" and header.endswith(")"):
            head, _, fields = shown.partition("(")
            fields = [member(field) if field.startswith("pub ") else "_" for field in split_level(fields[:-1], ",")]
            self.lines.add(f"{head}({', '.join(fields)})")
            return
        self.lines.add(shown)
        if kind == "struct" and body is not None:
            for field in split_level(body, ","):
                text = member(field)
                if text.startswith("pub "):
                    self.lines.add(f"{full}: {text}")
        elif kind == "enum":
            for variant in split_level(body or "", ","):
                self.lines.add(f"{full}: {member(variant)}")
        elif kind == "trait":
            for _, inner, inner_body in items(body or ""):
                self.lines.add(f"{full}: {inner}" + (" { .. }" if inner_body is not None else ""))

    def impls(self):
        for module, parsed in self.parsed.items():
            for attributes, header, body in parsed:
                if not header.startswith("impl"):
                    continue
                rest = header[4:].strip()
                if rest.startswith("<"):
                    depth = 0
                    for position, character in enumerate(rest):
                        depth += (character == "<") - (character == ">" and rest[position - 1] != "-")
                        if depth == 0:
                            rest = rest[position + 1 :].strip()
                            break
                trait, _, target = rest.rpartition(" for ") if " for " in rest.split(" where ")[0] else ("", "", rest)
                if " where " in rest and trait:
                    trait, _, target = rest.split(" where ")[0].partition(" for ")
                found = re.match(r"&?(?:'\w+ )?(?:mut )?((?:\w+::)*\w+)", target)
                if not found:
                    continue
                names = tuple(found.group(1).split("::"))
                absolute = self.crate.absolute(module, names) or module + names
                home = self.crate.defining_module(absolute)
                if names[-1] in self.crate.bound[module]:
                    bound = self.crate.bound[module][names[-1]]
                    home, names = self.crate.defining_module(bound), bound
                for full in self.shown.get((home, names[-1]), ()):
                    if trait:
                        self.lines.add(f"impl {trait} for {full}")
                        continue
                    for inner_attributes, inner, _ in items(body or ""):
                        if inner.startswith("pub ") and "#[doc(hidden)]" not in inner_attributes:
                            text = inner.split(" = ")[0] if " const " in f" {inner}" and " fn " not in inner else inner
                            self.lines.add(f"{full}: {text}")


def listing(source, name):
    """The listing of one crate, sorted by path."""
    lines = Listing(source, name).lines

    def key(line):
        found = re.search(rf"\b{name}(?:::\w+)*", line)
        return (found.group(0) if found else "", line)

    return "".join(f"{line}\n" for line in sorted(lines, key=key))


SAMPLE = {
    "lib.rs": "mod hidden;\npub mod open;\npub use hidden::{Shown, Also as Renamed};\npub use bytes::Bytes;\n",
    "hidden.rs": "#[derive(Debug, Clone)]\n#[non_exhaustive]\npub struct Shown {\n    /// Doc.\n    pub field: u8,\n    secret: u8,\n}\n"
    "impl Shown {\n    pub fn get(\n        &self,\n    ) -> u8 { self.secret }\n    fn inner(&self) {}\n}\n"
    "pub enum Also { One, Two(u8) }\nimpl From<u8> for Also {}\npub struct Unreachable;\n",
    "open.rs": "pub const LIMIT: usize = 5;\npub(crate) fn not_public() {}\npub trait Joint {\n    fn call(&self) -> u8;\n}\n",
}
EXPECTED = """\
pub use bytes::Bytes as s::Bytes
pub mod s
impl From<u8> for s::Renamed
pub enum s::Renamed
s::Renamed: One
s::Renamed: Two(u8)
impl Clone for s::Shown
impl Debug for s::Shown
pub struct s::Shown
s::Shown: non_exhaustive
s::Shown: pub field: u8
s::Shown: pub fn get(&self) -> u8
pub mod s::open
pub trait s::open::Joint
s::open::Joint: fn call(&self) -> u8
pub const s::open::LIMIT: usize
"""


def self_test():
    """Exits with 1 if the listing of the sample is not the expected one, or does not change with the sample."""
    for change, same in (({}, True), ({"open.rs": SAMPLE["open.rs"].replace("usize", "u64")}, False)):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (SAMPLE | change).items():
                Path(folder, name).write_text(text)
            output = listing(Path(folder), "s")
        if (sorted(output.splitlines()) == sorted(EXPECTED.splitlines())) != same:
            sys.exit(f"public_api: the self-test failed:\n{output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="update api/*.txt")
    options = parser.parse_args()
    self_test()
    root = Path(__file__).resolve().parent.parent
    failed = False
    for folder, name in CRATES.items():
        path = root / "api" / f"{name}.txt"
        text = listing(root / "crates" / folder / "src", name)
        if options.write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        committed = path.read_text() if path.exists() else ""
        if text != committed:
            failed = True
            sys.stdout.writelines(
                difflib.unified_diff(committed.splitlines(True), text.splitlines(True), str(path.relative_to(root)), "sources")
            )
        print(f"public_api: {name}: {len(text.splitlines())} lines")
    if failed:
        print("public_api: the API changed: run scripts/public_api.py --write, and review the difference")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
