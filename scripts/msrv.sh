#!/usr/bin/env bash
# Asserts that every check runs on the lowest supported Rust version: `rust-version` of Cargo.toml, the channel of
# rust-toolchain.toml and the compiler are one version, and no dependency needs a newer one.
set -euo pipefail
cd "$(dirname "$0")/.."

exec python3 - <<'PYTHON'
import json
import re
import subprocess
import sys
import tomllib


def version(text):
    """The version as (major, minor)."""
    return tuple(int(part) for part in text.split(".")[:2])


def too_new(packages, lowest):
    """Packages that need a newer compiler than `lowest`."""
    return [p["name"] for p in packages if p["rust_version"] and version(p["rust_version"]) > lowest]


with open("Cargo.toml", "rb") as file:
    wanted = version(tomllib.load(file)["workspace"]["package"]["rust-version"])
with open("rust-toolchain.toml", "rb") as file:
    pinned = version(tomllib.load(file)["toolchain"]["channel"])
compiler = version(re.search(r"rustc (\S+)", subprocess.check_output(["rustc", "--version"], text=True)).group(1))
metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--format-version", "1"]))

faults = [f"needed by {name}: a newer Rust version" for name in too_new(metadata["packages"], wanted)]
if not wanted == pinned == compiler:
    faults.append(f"Cargo.toml says {wanted}, rust-toolchain.toml {pinned}, and the compiler is {compiler}")
if not too_new([{"name": "control", "rust_version": "1.999"}], wanted):
    faults.append("the control was not noticed")
for fault in faults:
    print(f"msrv: {fault}")
if not faults:
    print(f"msrv: checked with Rust {'.'.join(map(str, compiler))}, {len(metadata['packages'])} packages")
sys.exit(1 if faults else 0)
PYTHON
