#!/bin/sh
# Measures crates/core and compares it with the cipher library and the checksum alone.
# Exits with 1 if a limit is not met. Several short rounds, so that a change of the processor's clock spoils one round only.
#   scripts/bench.sh [ROUNDS]        odd, default 5
set -eu
cd "$(dirname "$0")/.."
exec python3 - "${CARGO_TARGET_DIR:-target}/criterion" "${1:-5}" <<'PYTHON'
import json
import pathlib
import statistics
import subprocess
import sys

LENGTHS = {"16KiB": 16 << 10, "64KiB": 64 << 10, "1MiB": 1 << 20}
BENCH = ["cargo", "bench", "-p", "osseal-core", "--bench", "content", "--bench", "sealed", "--"]
BENCH += ["--warm-up-time", "0.2", "--measurement-time", "0.5", "--quiet"]
CTR = ("raw", "open", "crc64", "raw_then_crc64", "seal")
SEALED = ("aws_lc_seal", "aws_lc_open", "crc64", "seal", "open", "seal_one_thread", "seal_two_threads")
SEALED += ("open_one_thread", "open_two_threads")
# On x86-64 only.
RING = ("ring_seal", "ring_open")


def library(figures, what):
    """The faster of the two libraries, which osseal chooses."""
    return min(figures[name] for name in (f"aws_lc_{what}", f"ring_{what}") if name in figures)


def at_least(bar):
    return lambda ratio: ratio >= bar


CTR_BARS = (
    ("opening: at least 90 % of the raw cipher", lambda f: f["raw"] / f["open"], at_least(0.9)),
    # Sealing includes a checksum, whose own cost is subtracted for the comparison with the cipher.
    ("sealing less its checksum: at least 90 % of the raw cipher", lambda f: f["raw"] / (f["seal"] - f["crc64"]), at_least(0.9)),
    ("sealing: at most 1.1 times raw cipher and checksum", lambda f: f["seal"] / (f["raw"] + f["crc64"]), lambda ratio: ratio <= 1.1),
)
CHUNK_BARS = (
    ("opening: at least 90 % of raw AES-256-GCM", lambda f: library(f, "open") / f["open"], at_least(0.9)),
    ("sealing less its checksum: at least 90 % of raw AES-256-GCM", lambda f: library(f, "seal") / (f["seal"] - f["crc64"]), at_least(0.9)),
    ("sealing by two threads: at least 1.8 times one", lambda f: 2 * f["seal_one_thread"] / f["seal_two_threads"], at_least(1.8)),
    ("opening by two threads: at least 1.8 times one", lambda f: 2 * f["open_one_thread"] / f["open_two_threads"], at_least(1.8)),
)
# The checksum of a large slot runs after its chunks are sealed, and reads them from a slower cache.
SLOT_BARS = (
    ("opening: at least 90 % of raw AES-256-GCM", lambda f: library(f, "open") / f["open"], at_least(0.9)),
    ("sealing: at most 1.15 times raw AES-256-GCM and checksum", lambda f: f["seal"] / (library(f, "seal") + f["crc64"]), lambda ratio: ratio <= 1.15),
)
GROUPS = {
    "64KiB": ("64KiB", CTR, CTR_BARS),
    "1MiB": ("1MiB", CTR, CTR_BARS),
    "sealed_16KiB": ("16KiB", SEALED, CHUNK_BARS),
    "sealed_1MiB": ("1MiB", SEALED, SLOT_BARS),
}

root = pathlib.Path(sys.argv[1])


def figure(group, what):
    """Nanoseconds of one run: the lowest tenth of the samples, which excludes most of the machine's other work."""
    samples = json.loads((root / group / what / "new" / "sample.json").read_text())
    times = sorted(time / count for time, count in zip(samples["times"], samples["iters"]))
    return times[len(times) // 10]


rounds = {group: [] for group in GROUPS}
for _ in range(int(sys.argv[2])):
    subprocess.run(BENCH, check=True)
    for group, (_, figures, _) in GROUPS.items():
        there = figures + tuple(name for name in RING if (root / group / name / "new").exists())
        rounds[group].append({what: figure(group, what) for what in there})

print(f"\n{'group':14}{'what':18}{'GB/s':>8}   median of {sys.argv[2]} rounds")
for group, (length, _, _) in GROUPS.items():
    for what in rounds[group][0]:
        threads = 2 if what.endswith("two_threads") else 1
        print(f"{group:14}{what:18}{threads * LENGTHS[length] / statistics.median(f[what] for f in rounds[group]):8.2f}")
print()
missed = 0
for group, (_, _, bars) in GROUPS.items():
    for text, compare, holds in bars:
        # Compared within a round, in which both sides ran at about the same clock.
        ratio = statistics.median(compare(f) for f in rounds[group])
        verdict = "ok" if holds(ratio) else "MISSED"
        missed += verdict != "ok"
        print(f"{group:14}{text:62}{ratio:6.3f}  {verdict}")
sys.exit(1 if missed else 0)
PYTHON
