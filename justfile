# Each recipe only calls a script.

# The test command: everything that CI checks.
check:
    scripts/check.sh

# The numbers in the documentation.
bench:
    scripts/bench.sh

# Transfers measured beside the official SDKs; writes docs/performance.md.
bench-transfers:
    scripts/bench-transfers.sh

# The README's commands in a fresh clone.
fresh-clone:
    scripts/fresh-clone.sh

# The server under load and kills, for a minute; then downloads that are killed, for many.
soak:
    scripts/soak-server.sh
    scripts/soak-transfers.sh
