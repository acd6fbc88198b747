"""What the figures of transfers.py come to: bars, the page docs/performance.md, and its plot."""

import dataclasses
import platform

GB = 1e9
MIB = 1 << 20
BYTES = {"256 MiB": 256 * MIB, "1 GiB": 1024 * MIB, "10 GiB": 10240 * MIB}
#: Bytes of memory that do not depend on what is transferred, and how far two sizes may be apart.
CONSTANT, APART = 64 * MIB, 8 * MIB
#: The best peer reads so many small objects a second on one connection, when measured at its best on such a machine.
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


def bars(bench):
    def seconds(what, who):
        return bench.median(what, who, "seconds")

    def fastest(what):
        return min(bench.median(w, who, "seconds") for w, who in bench.figures if w == what and who.startswith("oss"))

    found = []
    for way in ("put", "get"):
        what = f"{way} 1 GiB, CRC-64"
        for suite, limit, cpu in (("aes-ctr", 1.10, 0.25), ("sealed", 1.15, 0.35)):
            ratio = seconds(what, suite) / seconds(what, "none")
            found.append(Bar(f"{way} 1 GiB, {suite}: time of the same without encryption", ratio, limit, True))
            added = (bench.median(what, suite, "cpu_seconds") - bench.median(what, "none", "cpu_seconds")) / (1.073741824)
            found.append(Bar(f"{way} 1 GiB, {suite}: CPU seconds that encryption adds per GB", added, cpu, True, " s"))
        limit = {"put": 3, "get": 2}[way]
        for suite in ("aes-ctr", "sealed"):
            times = fastest(what) / seconds(what, suite)
            found.append(Bar(f"{way} 1 GiB, {suite}: times as fast as the faster official Python SDK", times, limit, False))
    what = "get 1 GiB, kept nowhere"
    for suite in ("aes-ctr", "sealed"):
        times = fastest(what) / seconds(what, suite)
        found.append(Bar(f"{what}, {suite}: times as fast as the faster official Python SDK", times, 2, False))
    one, eight = "2000 small, 1 at a time", "2000 small, 8 at a time"
    for suite in ("aes-ctr", "sealed"):
        ratio = seconds(f"put {one}", suite) / seconds(f"put {one}", "none")
        found.append(Bar(f"put 2,000 × 16 KiB, {suite}, RSA-2048, one connection: time without encryption", ratio, 1.3, True))
        rate = bench.median(f"get {one}", suite, "rate")
        measured = max(bench.median(f"get {one}", peer, "rate") for peer in ("oss2", "oss-v2"))
        best = max(measured, BEST_PEER_GETS)
        found.append(Bar(f"get 2,000 × 16 KiB, {suite}, RSA-2048, one connection: times the best peer", rate / best, 2, False))
        share = bench.median(f"get {eight}", suite, "rate") / bench.median("unwrap", suite, "rate")
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
        "Made by `scripts/bench-transfers.sh`. Every figure is a median over rounds of one run in which all contestants take turns; client and server",
        "share the machine, and files lie in memory. A bar compares figures of that run: it says more than seconds, which are those of one machine.",
        "",
        f"{machine()}, {date.isoformat()}. {bench.jobs} parts of {bench.part // MIB} MiB at a time. `none` is the same client without encryption;",
        "`aes-ctr` is the official SDKs' suite, `sealed` ours. `CRC-64` and `MD5` say what the server makes ETags of: MD5 takes it longer than all the",
        "rest together. `simple` is one request, `managed` parts and threads: the SDK's own uploader and downloader, but for uploads of oss-v2, whose uploader does",
        "not encrypt. They are slower, and left out at 1 GiB: the faster SDK is the faster of the simple ones. `kept nowhere` is a get whose bytes go to /dev/null:",
        "the pages of the target file cost all contestants the same.",
        "",
        "![megabytes per second, up and down](performance.svg)",
        "",
        "## Bars",
        "",
        "| what | measured | bar | held |",
        "|---|---|---|---|",
        *(bar.row() for bar in found),
        "",
        "## Figures",
        "",
        "| what | who | rounds | seconds | rate | client's CPU seconds per GB | peak, MiB |",
        "|---|---|---|---|---|---|---|",
        *table(bench),
        "",
        "The suites alone, without a network, are measured by `scripts/bench.sh`.",
    ]
    return "\n".join(lines) + "\n"


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
