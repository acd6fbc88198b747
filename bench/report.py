"""Evaluates the figures of transfers.py: limits, the page docs/performance.md, and its plot."""

import dataclasses
import operator
import platform

GB = 1e9
MIB = 1 << 20
BYTES = {"256 MiB": 256 * MIB, "1 GiB": 1024 * MIB, "10 GiB": 10240 * MIB}
#: Bytes of memory independent of the transfer, and the largest difference between the peaks of two sizes.
CONSTANT, APART = 64 * MIB, 8 * MIB
#: Small objects per second that the best peer reads on one connection: the highest figure measured on such a machine.
BEST_PEER_GETS = 305


@dataclasses.dataclass
class Bar:
    words: str
    figure: float
    limit: float
    is_most: bool  # the figure is at most the limit, else at least
    unit: str = ""

    @property
    def is_held(self):
        return self.figure <= self.limit if self.is_most else self.figure >= self.limit

    def row(self):
        sign = "≤" if self.is_most else "≥"
        held = "yes" if self.is_held else "**no**"
        return f"| {self.words} | {self.figure:.2f}{self.unit} | {sign} {self.limit:g}{self.unit} | {held} |"


def fastest(bench, what):
    """The faster of the official SDKs."""
    peers = [who for w, who in bench.figures if w == what and who.startswith("oss")]
    return what, min(peers, key=lambda who: bench.median(what, who, "seconds"))


def bars(bench):
    def times(one, other):
        """The time of the other divided by the time of the one."""
        return bench.paired(other, one, "seconds", operator.truediv)

    found = []
    for way in ("put", "get"):
        what = f"{way} 1 GiB, CRC-64"
        plain = (what, "none")
        for suite, limit, cpu in (("aes-ctr", 1.10, 0.25), ("sealed", 1.15, 0.35)):
            found.append(Bar(f"{way} 1 GiB, {suite}: time of the same without encryption", times(plain, (what, suite)), limit, True))
            added = bench.paired((what, suite), plain, "cpu_seconds", operator.sub) / (BYTES["1 GiB"] / GB)
            found.append(Bar(f"{way} 1 GiB, {suite}: CPU seconds that encryption adds per GB", added, cpu, True, " s"))
        limit = {"put": 3, "get": 2}[way]
        for suite in ("aes-ctr", "sealed"):
            faster = times((what, suite), fastest(bench, what))
            found.append(Bar(f"{way} 1 GiB, {suite}: times as fast as the faster official Python SDK", faster, limit, False))
    what = "get 1 GiB, kept nowhere"
    for suite in ("aes-ctr", "sealed"):
        faster = times((what, suite), fastest(bench, what))
        found.append(Bar(f"{what}, {suite}: times as fast as the faster official Python SDK", faster, 2, False))
    one, eight = "2000 small, 1 at a time", "2000 small, 8 at a time"
    for suite in ("aes-ctr", "sealed"):
        ratio = times((f"put {one}", "none"), (f"put {one}", suite))
        found.append(Bar(f"put 2,000 × 16 KiB, {suite}, RSA-2048, one connection: time without encryption", ratio, 1.3, True))
        rate = bench.median(f"get {one}", suite, "rate")
        measured = max(bench.median(f"get {one}", peer, "rate") for peer in ("oss2", "oss-v2"))
        best = max(measured, BEST_PEER_GETS)
        found.append(Bar(f"get 2,000 × 16 KiB, {suite}, RSA-2048, one connection: times the best peer", rate / best, 2, False))
        share = times((f"get {eight}", suite), ("unwrap", suite))
        found.append(Bar(f"get 2,000 × 16 KiB, {suite}, 8 in flight: share of the RSA rate of both cores", share, 0.8, False))
    for way, made in (("put", "discarded"), ("get", "made")):
        for suite in ("aes-ctr", "sealed"):
            peaks = [bench.median(f"{way} {size}, {made}", suite, "peak_bytes") for size in ("1 GiB", "10 GiB")]
            limit = (CONSTANT + 2 * bench.jobs * bench.part) / MIB
            found.append(Bar(f"{way} 10 GiB, {suite}: peak of memory", max(peaks) / MIB, limit, True, " MiB"))
            apart = abs(peaks[0] - peaks[1]) / MIB
            found.append(Bar(f"{way} {suite}: peaks of 1 GiB and 10 GiB apart", apart, APART / MIB, True, " MiB"))
    return found


def table(bench):
    rows = []
    for (what, who), rounds in bench.figures.items():
        seconds = bench.median(what, who, "seconds")
        size = next((count for name, count in BYTES.items() if f" {name}," in what), None)
        if size:
            rate = f"{size / seconds / 1e6:,.0f} MB/s"
            cpu = f"{bench.median(what, who, 'cpu_seconds') / (size / GB):.2f}"
        else:
            rate, cpu = f"{bench.median(what, who, 'rate'):,.0f}/s", ""
        peak = bench.median(what, who, "peak_bytes") / MIB
        rows.append(f"| {what} | {who} | {len(rounds)} | {seconds:.3f} | {rate} | {cpu} | {peak:,.0f} |")
    return rows


def text(bench, found, date):
    lines = [
        "# Performance",
        "",
        "Written by `scripts/bench-transfers.sh`. Each figure is a median over the rounds of one run in which all contestants take turns. Client and server",
        "share the machine, and files are in memory. A limit applies to the median of the ratio of two figures of the same round; ratios carry over to other",
        "machines better than seconds.",
        "",
        f"{machine()}, {date.isoformat()}. {bench.jobs} parts of {bench.part // MIB} MiB at a time. `none` is the same client without encryption;",
        "`aes-ctr` is the suite of the official SDKs (not authenticated), `sealed` the authenticated suite. `CRC-64` and `MD5` are the server's ETag algorithms; MD5",
        "costs more than everything else. `simple` is one request; `managed` is the SDK's uploader or downloader with parts and threads (own threads for oss-v2, whose",
        "uploader does not encrypt). `managed` transfers are slower and are not measured at 1 GiB. The time in which a host assigns pages to a virtual machine is not",
        "measured: the server keeps the memory that it frees, and a get overwrites an existing file (`managed` ones create their own).",
        "`discarded` gets write to /dev/null.",
        "",
        "![megabytes per second, up and down](performance.svg)",
        "",
        "## Limits",
        "",
        "| comparison | measured | limit | met |",
        "|---|---|---|---|",
        *(bar.row() for bar in found),
        "",
        *ceilings(bench),
        "",
        "## Figures",
        "",
        "| transfer | contestant | rounds | seconds | rate | client's CPU seconds per GB | peak, MiB |",
        "|---|---|---|---|---|---|---|",
        *table(bench),
        "",
        "The suites alone, without a network, are measured by `scripts/bench.sh`.",
    ]
    return "\n".join(lines) + "\n"


def ceilings(bench):
    """Upper bounds of the limits on a machine whose cores client and server share."""
    kept, nowhere = "get 1 GiB, CRC-64", "get 1 GiB, kept nowhere"

    def plain_by_peer(what):
        return bench.median(*fastest(bench, what), "seconds") / bench.median(what, "none", "seconds")

    shares = []
    for suite in ("aes-ctr", "sealed"):
        unwrapping, reading = (bench.median(*pair, "seconds") for pair in (("unwrap", suite), ("get 2000 small, 8 at a time", "none")))
        shares.append(f"{unwrapping / (unwrapping + reading):.2f} ({suite})")
    return [
        "Client and server share the cores, which bounds two of the bars. Without any encryption our client reads 1 GiB",
        f"{plain_by_peer(kept):.2f} times as fast as the faster SDK does with it, and {plain_by_peer(nowhere):.2f} times when the bytes are discarded. Unwrapping 2,000 keys and",
        f"reading 2,000 objects that are not encrypted, one after the other and each on both cores, come to {' and '.join(shares)} of the RSA rate.",
    ]


def machine():
    name = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        lines = info.read().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]} ({name})"


def plot(bench, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "osseal"  # the same figures make the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    for axis, way in zip(axes, ("put", "get")):
        what = f"{way} 1 GiB, CRC-64"
        who = [name for w, name in bench.figures if w == what]
        rates = [BYTES["1 GiB"] / bench.median(what, name, "seconds") / 1e6 for name in who]
        colours = ["#8a8a8a" if name == "none" else "#d08a3a" if name.startswith("oss") else "#2f6f9f" for name in who]
        bars = axis.barh(who, rates, color=colours)
        axis.bar_label(bars, fmt="%.0f", padding=3)
        axis.invert_yaxis()
        axis.set_title(f"{way} 1 GiB")
        axis.set_xlabel("MB/s")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
