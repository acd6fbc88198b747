"""Measures transfers and writes docs/performance.md: osseal with and without encryption, and the official Python SDKs, on one server and the same files.

Each figure is a median over rounds in which all contestants take turns. A limit applies to the median of the ratio of two
figures of the same round, because a machine that changes its speed changes it for both. Exits with 1 if a limit is not met.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import secrets
import statistics
import subprocess
import sys
import tempfile

import report

MIB = 1 << 20
ZEROS = bytes(MIB)
SIZES = {"256 MiB": 256 * MIB, "1 GiB": 1024 * MIB}
MANY, SMALL = 2000, 16 << 10
JOBS, PART, MEMORY = 4, 8 * MIB, 256 * MIB
OURS = ("none", "aes-ctr", "sealed")
PEERS = ("oss2", "oss-v2")
#: Makes a server keep the memory that it frees: the time in which a host assigns new pages varies.
KEPT = "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=34359738368"
PEAKS = 3  # rounds of the transfers whose peak of memory is measured
LARGE_READS = {"1 GiB": 1 << 30, "10 GiB": 10 << 30}


def in_turn(contestants, turn):
    """Each round starts with another contestant."""
    turn %= len(contestants)
    return contestants[turn:] + contestants[:turn]


class Bench:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.jobs, self.part = JOBS, PART
        self.environment = {
            **os.environ,
            "OSS_ACCESS_KEY_ID": "bench",
            "OSS_ACCESS_KEY_SECRET": secrets.token_hex(16),
            "NO_PROXY": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.figures = {}  # (what, contestant) → the reports of its rounds
        self.aes = work / "aes.key"
        self.aes.write_text(secrets.token_hex(32))
        self.aes.chmod(0o600)
        self.rsa = work / "bench.private_key.pem"
        self.key_pair()

    def key_pair(self):
        """An RSA pair under the names that oss2 looks for."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        private = rsa.generate_private_key(65537, 2048)
        pem = serialization.Encoding.PEM
        kind = serialization.PrivateFormat.TraditionalOpenSSL
        self.rsa.write_bytes(private.private_bytes(pem, kind, serialization.NoEncryption()))
        self.rsa.chmod(0o600)
        public = private.public_key().public_bytes(pem, serialization.PublicFormat.PKCS1)
        (self.work / "bench.public_key.pem").write_bytes(public)

    @contextlib.contextmanager
    def server(self, program, *arguments):
        """A running server; yields its address."""
        command = [program, *arguments]
        environment = {**self.environment, "GLIBC_TUNABLES": KEPT}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=self.work)
        try:
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                sys.exit(f"bench: {program} did not print its address: {line!r}")
            yield line.removeprefix("listening on ").strip()
        finally:
            process.kill()
            process.wait()

    def serve(self, *arguments):
        return self.server(self.arguments.osseal, "serve", "--listen", "127.0.0.1:0", *arguments)

    def make_bucket(self, endpoint):
        config = self.work / "osseal.toml"
        config.write_text(f'[profile.default]\nendpoint = "{endpoint}"\nregion = "cn-hangzhou"\n')
        command = [self.arguments.osseal, "--config", str(config), "mb", "oss://box"]
        subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def command(self, **plan):
        plan = {"bucket": "box", "jobs": JOBS, "part_size": PART, "memory": MEMORY, "key_file": str(self.rsa), **plan}
        return [self.arguments.transfer, json.dumps(plan)]

    def ours(self, what, contestant, **plan):
        return self.note(what, contestant, self.command(**plan))

    def peer(self, what, contestant, **plan):
        plan = {"bucket": "box", "jobs": JOBS, "part_size": PART, "key_folder": str(self.work), "key_name": "bench", **plan}
        script = pathlib.Path(__file__).with_name("peer.py")
        return self.note(what, contestant, [sys.executable, str(script), json.dumps(plan)])

    def run_once(self, command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            sys.exit(f"bench: {command}: {done.stderr.strip()[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def note(self, what, contestant, command):
        figures = self.run_once(command)
        self.figures.setdefault((what, contestant), []).append(figures)
        seconds = figures["seconds"]
        print(f"{what:28} {contestant:18} {seconds:8.3f} s", file=sys.stderr)
        return figures

    def run(self):
        for name, quirk in (("CRC-64", "crc64"), ("MD5", "md5")):
            with self.serve("--etag", quirk) as endpoint:
                self.make_bucket(endpoint)
                for size_name, size in SIZES.items():
                    self.files(endpoint, name, size_name, size)
                if quirk == "crc64":
                    self.many(endpoint)
        self.memory()

    def files(self, endpoint, etag, size_name, size):
        """One file up and down. ETags by MD5 are measured with osseal alone, because they cost every client the same."""
        source, target = self.work / "source", self.work / "target"
        with source.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        with_peers = etag == "CRC-64"

        def measured(measure, contestant, **plan):
            plan = {"endpoint": endpoint, "key": f"{size_name}-{contestant.split()[0]}", **plan}
            measure(f"put {size_name}, {etag}", contestant, work="put", file=str(source), **plan)
            self.blank(target, size)
            measure(f"get {size_name}, {etag}", contestant, work="get", file=str(target), **plan)
            self.compare(source, target)
            if with_peers and plan.get("way") != "managed":
                measure(f"get {size_name}, kept nowhere", contestant, work="get", file="/dev/null", **plan)

        for suite in OURS:
            # Warm-up, not measured: the server allocates its memory and reuses it in the rounds.
            self.run_once(self.command(work="put", file=str(source), suite=suite, endpoint=endpoint, key=f"{size_name}-{suite}"))
        for turn in range(self.arguments.rounds):
            for suite in in_turn(OURS, turn):
                measured(self.ours, suite, suite=suite)
            for peer in PEERS if with_peers else ():
                # Parts and threads make these slower; one size shows it.
                for way in ("simple", "managed") if size < SIZES["1 GiB"] else ("simple",):
                    measured(self.peer, f"{peer} {way}", suite="aes-ctr", peer=peer, way=way)
        source.unlink()
        target.unlink()

    def blank(self, target, size):
        """Fills a file with zeros, so that a download overwrites pages that exist: new pages cost a varying time."""
        with target.open("r+b" if target.exists() else "wb") as file:
            for _ in range(size // MIB):
                file.write(ZEROS)

    def compare(self, source, target):
        """Compares the downloaded file with the source, so that no figure comes from a wrong result."""
        if subprocess.run(["cmp", "--silent", str(source), str(target)]).returncode != 0:
            sys.exit("bench: the downloaded file differs from the source")

    def many(self, endpoint):
        plan = {"endpoint": endpoint, "count": MANY, "size": SMALL}
        for turn in range(self.arguments.rounds):
            for jobs in (1, 8):
                for suite in in_turn(OURS, turn):
                    both = {**plan, "key": f"many-{suite}-", "suite": suite, "jobs": jobs}
                    self.ours(f"put {MANY} small, {jobs} at a time", suite, work="put-many", **both)
                    self.ours(f"get {MANY} small, {jobs} at a time", suite, work="get-many", **both)
            for suite in ("sealed", "aes-ctr"):
                self.ours("unwrap", suite, work="unwrap", suite=suite, key="unwrap", endpoint=endpoint, count=MANY, jobs=2)
            for peer in PEERS:
                both = {**plan, "key": f"many-{peer}-", "suite": "aes-ctr", "peer": peer, "way": "simple"}
                self.peer(f"put {MANY} small, 1 at a time", peer, work="put-many", **both)
                self.peer(f"get {MANY} small, 1 at a time", peer, work="get-many", **both)

    def memory(self):
        """Peaks of memory: uploads to a server that discards bodies, downloads from one that generates them."""
        with self.serve("--etag", "crc64", "--discard") as endpoint:
            self.make_bucket(endpoint)
            for name, size in LARGE_READS.items():
                source = self.work / "sparse"
                with source.open("wb") as file:
                    file.truncate(size)
                for suite in PEAKS * ("aes-ctr", "sealed"):
                    plan = {"endpoint": endpoint, "key": name, "suite": suite, "key_file": str(self.aes)}
                    self.ours(f"put {name}, discarded", suite, work="put", cold=True, file=str(source), **plan)
                source.unlink()
        for suite in ("aes-ctr", "sealed"):
            sizes = [str(size) for size in LARGE_READS.values()]
            with self.server(self.arguments.origin, suite, str(self.aes), *sizes) as endpoint:
                for name, size in PEAKS * list(LARGE_READS.items()):
                    plan = {"endpoint": endpoint, "bucket": "origin", "key": str(size), "suite": suite}
                    self.ours(
                        f"get {name}, made", suite, work="get", cold=True, file="/dev/null", key_file=str(self.aes), **plan
                    )

    def median(self, what, contestant, field):
        return statistics.median(round[field] for round in self.figures[what, contestant])

    def paired(self, one, other, field, by):
        """The median over rounds of two contestants' figures combined. Each is a pair (transfer, contestant)."""
        rounds = zip(self.figures[one], self.figures[other], strict=True)
        return statistics.median(by(mine[field], theirs[field]) for mine, theirs in rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osseal", required=True, help="the command, built for release")
    parser.add_argument("--transfer", required=True, help="the example `transfer`")
    parser.add_argument("--origin", required=True, help="the example `origin`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path, help="folder of temporary files; default /dev/shm if it exists")
    parser.add_argument("--docs", type=pathlib.Path, help="write performance.md into this folder")
    arguments = parser.parse_args()
    folder = arguments.folder or next((p for p in (pathlib.Path("/dev/shm"),) if p.is_dir()), None)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        bench = Bench(arguments, pathlib.Path(work))
        bench.run()
    bars = report.bars(bench)
    text = report.text(bench, bars, datetime.date.today())
    print(text)
    if arguments.docs:
        (arguments.docs / "performance.md").write_text(text, encoding="utf-8")
        report.plot(bench, arguments.docs / "performance.svg")
    sys.exit(0 if all(bar.is_held for bar in bars) else 1)


if __name__ == "__main__":
    main()
