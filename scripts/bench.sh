#!/bin/sh
# Measures crates/core and compares it with the cipher library and the checksum alone.
# Exits 1 when a bar is missed. Arguments go to criterion: scripts/bench.sh --measurement-time 10
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo bench -p osseal-core --bench content -- "$@"
python3 - "$target/criterion" <<'PYTHON'
import json
import pathlib
import sys

SIZES = {"64KiB": 64 << 10, "1MiB": 1 << 20}
root = pathlib.Path(sys.argv[1])


def median(size, what):
    """Nanoseconds of one run, the median of all samples."""
    return json.loads((root / size / what / "new" / "estimates.json").read_text())["median"]["point_estimate"]


missed = 0
print(f"\n{'':8}{'':16}{'GB/s':>8}")
for size, length in SIZES.items():
    for what in ("raw", "open", "crc64", "raw_then_crc64", "seal"):
        print(f"{size:8}{what:16}{length / median(size, what):8.2f}")
print()
for size in SIZES:
    raw, crc, seal = (median(size, what) for what in ("raw", "crc64", "seal"))
    bars = (
        ("opening: at least 90 % of the raw cipher", raw / median(size, "open"), lambda ratio: ratio >= 0.9),
        # Sealing always sums. What the checksum costs alone is taken off to compare with the cipher.
        ("sealing less its checksum: at least 90 % of the raw cipher", raw / max(seal - crc, 1e-9), lambda ratio: ratio >= 0.9),
        ("sealing: at most 1.1 times raw cipher and checksum", seal / (raw + crc), lambda ratio: ratio <= 1.1),
    )
    for text, ratio, holds in bars:
        verdict = "ok" if holds(ratio) else "MISSED"
        missed += verdict != "ok"
        print(f"{size:8}{text:62}{ratio:6.3f}  {verdict}")
sys.exit(1 if missed else 0)
PYTHON
