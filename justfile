# Each recipe only calls a script.

# The test command: everything that CI checks.
check:
    scripts/check.sh

# Formatting, lints, fast tests and the checks of sources.
quick:
    scripts/check.sh --quick

# The listing of the public API, after a change of it.
api:
    scripts/public_api.py --write

# Each library alone, and osseal-core with its features on and off.
features:
    scripts/features.sh
    scripts/features.sh --fips

# The packages of all crates, compiled.
package:
    scripts/package.sh --verify

# Lines and functions that the tests cover.
coverage:
    scripts/coverage.sh

# Throughput of osseal-core against its limits.
bench:
    scripts/bench.sh

# Transfers measured beside the official SDKs; writes docs/performance.md.
bench-transfers:
    scripts/bench-transfers.sh

# The commands of the README in a fresh clone.
fresh-clone:
    scripts/fresh-clone.sh

# The server under load and kills, for a minute; then downloads that are killed, for many.
soak:
    scripts/soak-server.sh
    scripts/soak-transfers.sh
