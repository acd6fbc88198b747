#!/bin/sh
# Measures crates/core and compares it with the cipher library and the checksum alone.
# Exits 1 when a bar is missed. Several short rounds: a processor that changes its clock spoils one of them and not the verdict.
#   scripts/bench.sh [ROUNDS]        odd, 5 when not given
set -eu
cd "$(dirname "$0")/.."
exec python3 - "${CARGO_TARGET_DIR:-target}/criterion" "${1:-5}" <<'PYTHON'
import json
import pathlib
import statistics
import subprocess
import sys

SIZES = {"64KiB": 64 << 10, "1MiB": 1 << 20}
FIGURES = ("raw", "open", "crc64", "raw_then_crc64", "seal")
BENCH = ["cargo", "bench", "-p", "osseal-core", "--bench", "content", "--"]
BENCH += ["--warm-up-time", "0.3", "--measurement-time", "0.7", "--quiet"]
BARS = (
    ("opening: at least 90 % of the raw cipher", lambda f: f["raw"] / f["open"], lambda ratio: ratio >= 0.9),
    # Sealing always sums. What the checksum costs alone is taken off to compare with the cipher.
    ("sealing less its checksum: at least 90 % of the raw cipher", lambda f: f["raw"] / (f["seal"] - f["crc64"]), lambda ratio: ratio >= 0.9),
    ("sealing: at most 1.1 times raw cipher and checksum", lambda f: f["seal"] / (f["raw"] + f["crc64"]), lambda ratio: ratio <= 1.1),
)

root = pathlib.Path(sys.argv[1])


def figure(size, what):
    """Nanoseconds of one run, the median of all samples."""
    return json.loads((root / size / what / "new" / "estimates.json").read_text())["median"]["point_estimate"]


rounds = {size: [] for size in SIZES}
for _ in range(int(sys.argv[2])):
    subprocess.run(BENCH, check=True)
    for size in SIZES:
        rounds[size].append({what: figure(size, what) for what in FIGURES})

print(f"\n{'size':8}{'what':16}{'GB/s':>8}   median of {sys.argv[2]} rounds")
for size, length in SIZES.items():
    for what in FIGURES:
        print(f"{size:8}{what:16}{length / statistics.median(f[what] for f in rounds[size]):8.2f}")
print()
missed = 0
for size in SIZES:
    for text, compare, holds in BARS:
        # Within a round, so that both sides ran at about the same clock.
        ratio = statistics.median(compare(f) for f in rounds[size])
        verdict = "ok" if holds(ratio) else "MISSED"
        missed += verdict != "ok"
        print(f"{size:8}{text:62}{ratio:6.3f}  {verdict}")
sys.exit(1 if missed else 0)
PYTHON
