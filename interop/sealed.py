"""Sealed objects: osseal reads its own, an independent implementation opens them, and the official SDKs refuse them with an error.

Everything goes through the same server as in matrix.py; copies are made by oss2, on the service's side. A cell is named `group/case/…`.
"""

import base64
import dataclasses
import functools
import json

import cobblestone
import peers
from cells import Cells, explain, ramp, same
from keys import RSA_WRAPS, AesKey, RsaKey
from matrix import CANNOT_OPEN, PREFIX, cut

MIB = 1 << 20
CHUNK = cobblestone.CHUNK
PART_CHUNKS = 7  # the fewest that a part may have
PART = PART_CHUNKS * (CHUNK + 16)  # stored bytes
PART_PLAIN = PART_CHUNKS * CHUNK

# Around chunks and parts. At whole parts the last part is one empty chunk.
SIZES = {
    "put": [0, 1, 4103, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, PART_PLAIN, 5 * MIB + 3],
    "parts": [PART_PLAIN - 1, PART_PLAIN, PART_PLAIN + 1, 3 * PART_PLAIN - 1, 3 * PART_PLAIN, 3 * PART_PLAIN + 1, 5 * MIB + 3],
}
SMALL, LARGE = 2 * CHUNK + 4103, 3 * PART_PLAIN
USUAL = {"put": SMALL, "parts": LARGE}

RANGES = {  # of an object of SMALL bytes in one put, and of LARGE bytes in parts
    "put": [
        *["0-0", "0-16383", "16383-16384", "16384-32767", "100-199", "32767-36870", "32768-36870", "0-", "16384-", "36870-"],
        *["30000-99999", "-1", "-4103", "-4104", "-36871", "-99999"],
    ],
    "parts": [
        *["114687-114688", "114688-229375", "114600-229400", "344063-344063", "229375-344063", "229376-", "344063-"],
        *["300000-999999", "-1", "-114688", "-114689", "-999999"],
    ],
}
OUTSIDE = {"put": [f"{SMALL}-", f"{SMALL}-{SMALL + 9}", "99999-"], "parts": [f"{LARGE}-", f"{LARGE}-{LARGE + 9}", "999999-"]}

PAIRS = {"tenant": "acme", "名": "值"}
BINDS = ["none", "key", "bucket-key"]  # by number
WRONG, USAGE = 6, 2  # exit codes

# The providers of keys that the SDKs have, each with the RSA padding that makes it.
PROVIDERS = {
    "oss2/RsaProvider": (peers.Oss2, "pkcs1"),
    "oss2/LocalRsaProvider": (peers.Oss2, "oaep-sha1"),
    "oss-v2/MasterRsaCipher": (peers.OssV2, "pkcs1"),
}
# Exceptions of an SDK and of its transfer manager, and their message. Both check the suite first and return no body.
REFUSALS = {
    "oss2": ("InconsistentError", "InconsistentError", "Data encryption/decryption algorithm is inconsistent"),
    "oss-v2": ("ParamInvalidError", "DownloadError", "invalid field, envelope.cek_algorithm."),
}
WHOLE, MANAGED = "whole", "managed"  # ways to ask; the others are ranges
WAYS = [WHOLE, "0-15", "100-199", "20000-", MANAGED]

EXPECTED = {"read": 24, "range": 28, "outside": 8, "stored": 27, "copy": 12, "refuse": 99, "control": 17}


class Sealed:
    def __init__(self, service, command, work):
        self.work, self.service = work, service
        keys = [
            RsaKey("oaep-sha256", "oaep-sha256", {}, work / "keys").make(),
            RsaKey("oaep-sha1", "oaep-sha1", {}, work / "keys").make(),
            RsaKey("described", "oaep-sha256", {"purpose": "interop"}, work / "keys").make(),
            AesKey("aes", {}, work / "keys").make(),
        ]
        self.keys = {key.name: key for key in keys}
        self.osseal = self.peer(service, command, "sealed", keys, "sealed")
        self.unauthenticated = {
            padding: self.peer(service, command, f"aes-ctr-{padding}", [self.pair("oaep-sha256", padding)], "aes-ctr")
            for padding in RSA_WRAPS
        }
        self.elsewhere = self.peer(dataclasses.replace(service, bucket=f"{service.bucket}-2"), command, "elsewhere", keys, "sealed")
        self.store = peers.Oss2(service).plain()
        self.cells = Cells("sealed", {}, {}, EXPECTED)
        self.cell = self.cells.cell
        self.written = {}  # names of objects, each with what went wrong when it was written

    def peer(self, service, command, folder, keys, suite):
        folder = self.work / folder
        folder.mkdir()
        return peers.Osseal(service, command, folder, keys, suite)

    def object(self, key, mode, size, bind="none"):
        """The name and the content of a sealed object, written when first asked for; a failure is raised at every call."""
        name, data = f"{mode}/{key}/{bind}/{size}", ramp(size)
        if name not in self.written:
            self.written[name] = None
            options = ["--bind", bind]
            if bind != "none":
                options += [f"--context={name}={value}" for name, value in PAIRS.items()]
            if mode == "parts":
                options += ["--multipart-threshold", 1, "--part-size", PART]
            try:
                self.osseal.put(self.keys[key], name, data, *options)
            except Exception as error:
                self.written[name] = f"not written: {explain(error)}"
        if self.written[name]:
            raise AssertionError(self.written[name])
        return name, data

    def run(self):
        self.osseal.make_bucket()
        self.elsewhere.make_bucket()
        self.reads()
        self.ranges()
        self.stored()
        self.copies()
        self.refusals()
        self.controls()

    def reads(self):
        for mode, sizes in SIZES.items():
            for size in sizes:
                self.cell(f"read/{mode}/{size}", functools.partial(self.read, "oaep-sha256", mode, size))
        for key in self.keys:
            for mode, size in USUAL.items():
                self.cell(f"read/{mode}/{key}", functools.partial(self.read, key, mode, size))

    def read(self, key, mode, size):
        name, data = self.object(key, mode, size)
        same(self.osseal.get(self.keys[key], name), data)

    def ranges(self):
        for mode, size in USUAL.items():
            for wanted in RANGES[mode]:
                self.cell(f"range/{mode}/{wanted}", functools.partial(self.range, mode, size, wanted))
            for wanted in OUTSIDE[mode]:
                self.cell(f"outside/{mode}/{wanted}", functools.partial(self.outside, mode, size, wanted))
        for wanted in ("1-", "-1"):
            self.cell(f"outside/empty/{wanted}", functools.partial(self.outside, "put", 0, wanted))

    def range(self, mode, size, wanted):
        name, data = self.object("oaep-sha256", mode, size)
        same(self.osseal.get_range(self.keys["oaep-sha256"], name, wanted), cut(data, wanted))

    def outside(self, mode, size, wanted):
        """No byte, and the size that the last chunk proves."""
        name, _ = self.object("oaep-sha256", mode, size)
        code, said = self.osseal.failure(self.osseal.keys, "cat", f"--range={wanted}", self.osseal.url(name))
        assert code == USAGE and f"{size} bytes" in said, f"exit code {code}: {said}"

    def stored(self):
        """The stored bytes and headers are those of docs/format.md, and the package cryptography opens them."""
        for key in self.keys:
            for mode, size in USUAL.items():
                for bind in BINDS:
                    self.cell(f"stored/{mode}/{key}/{bind}", functools.partial(self.stored_form, key, mode, size, bind))
        for size in (0, CHUNK, PART_PLAIN):
            self.cell(f"stored/put/{size}", functools.partial(self.stored_form, "oaep-sha256", "put", size, "none"))

    def stored_form(self, key, mode, size, bind):
        name, data = self.object(key, mode, size, bind)
        key = self.keys[key]
        stored, envelope = self.stored_bytes(name)
        envelope = {header.removeprefix(PREFIX): value for header, value in envelope.items()}
        length = size + 16 * (size // CHUNK + 1)
        assert len(stored) == length, f"{len(stored)} stored bytes, not {length}"
        wrapped, start = (base64.b64decode(envelope.pop(field), validate=True) for field in ("key", "start"))
        bound = {"none": "", "key": name, "bucket-key": f"{self.service.bucket}\0{name}"}[bind]
        record = cobblestone.record(BINDS.index(bind), bound, {} if bind == "none" else PAIRS)
        assert start[cobblestone.PREFIX :] == record, f"the context is {start[cobblestone.PREFIX :]}"
        same(cobblestone.unseal(key.unwrap(wrapped), record, start[: cobblestone.PREFIX] + stored), data)
        want = {"cek-alg": "AES/GCM/C2SP-Chunked-v1", "wrap-alg": key.wrap}
        if key.description:
            want["matdesc"] = json.dumps(key.description, separators=(",", ":"))
        if mode == "parts":
            want |= {"data-size": str(length), "part-size": str(PART)}
        assert envelope == want, f"the envelope is {envelope}, not {want}"

    def stored_bytes(self, name):
        """Body and user metadata as the store has them."""
        reply = self.store.get_object(name)
        headers = {header.lower(): value for header, value in reply.headers.items()}
        return reply.read(), {header: value for header, value in headers.items() if header.startswith("x-oss-meta-")}

    def copies(self):
        """oss2 has the service copy an object. The copy opens only where its bound context still holds."""
        for mode, size in USUAL.items():
            for bind in BINDS:
                renamed = functools.partial(self.copy, mode, size, bind, bind == "none", self.osseal)
                self.cell(f"copy/{mode}/{bind}/other-key", renamed)
                moved = functools.partial(self.copy, mode, size, bind, bind != "bucket-key", self.elsewhere)
                self.cell(f"copy/{mode}/{bind}/other-bucket", moved)

    def copy(self, mode, size, bind, opens, target):
        name, data = self.object("oaep-sha256", mode, size, bind)
        key, wanted = self.keys["oaep-sha256"], "16383-16384"
        copied = f"{name}-copied" if target is self.osseal else name
        peers.Oss2(target.service).plain().copy_object(self.service.bucket, name, copied)
        for options in [[], ["--allow-moved"]] if opens else [["--allow-moved"]]:
            same(target.get(key, copied, *options), data)
            same(target.get_range(key, copied, wanted, *options), cut(data, wanted))
        if not opens:
            whole = target.refusal([key], copied)
            ranged = target.failure([key], "cat", f"--range={wanted}", target.url(copied))
            for code, said in (whole, ranged):
                assert code == WRONG and "the object is sealed as" in said, f"exit code {code}: {said}"
        same(self.osseal.get(key, name), data)

    def refusals(self):
        """Every SDK, every provider of keys, every way to ask."""
        for provider in PROVIDERS:
            for key in ("oaep-sha256", "oaep-sha1", "aes"):
                for mode, size in [("put", 0), *USUAL.items()]:
                    for way in WAYS if size else [WHOLE]:
                        refuse = functools.partial(self.refuse, provider, key, mode, size, way)
                        self.cell(f"refuse/{mode}/{size}/{key}/{way}/osseal>{provider}", refuse)

    def refuse(self, provider, key, mode, size, way):
        name, data = self.object(key, mode, size)
        same(self.osseal.get(self.keys[key], name), data)  # refused for its suite and nothing else
        usual, managed, words = REFUSALS[provider.split("/")[0]]
        kind = managed if way == MANAGED else usual
        try:
            got = self.ask(provider, key, name, way)
        except Exception as error:
            assert type(error).__name__ == kind and words in str(error), f"raised {type(error).__name__}: {error}"
        else:
            raise AssertionError(f"returned {len(got)} bytes")

    def ask(self, provider, key, name, way):
        """One read by an SDK, with the RSA pair that wrapped the object if it was wrapped by RSA."""
        make, padding = PROVIDERS[provider]
        peer, key = make(self.service), self.pair(key, padding)
        if way == WHOLE:
            return peer.get(key, name)
        if way != MANAGED:
            return peer.get_range(key, name, way)
        target = self.work / "managed"
        target.unlink(missing_ok=True)
        try:
            return peer.get_managed(key, name, target, PART)
        except Exception:
            assert not target.exists() or not target.stat().st_size, "raised, but left bytes"
            raise

    def pair(self, key, padding):
        key = self.keys[key]
        return dataclasses.replace(key if isinstance(key, RsaKey) else self.keys["oaep-sha256"], padding=padding)

    def controls(self):
        for provider, (_, padding) in PROVIDERS.items():
            for way in WAYS:
                if (provider, way) != ("oss-v2/MasterRsaCipher", MANAGED):  # fails with every object: DEFECTS in matrix.py
                    self.cell(f"control/{way}/osseal>{provider}", functools.partial(self.readable, provider, padding, way))
        self.cell("control/unauthenticated/osseal", self.downgraded)
        for mode, size in USUAL.items():
            self.cell(f"control/flipped/{mode}/osseal", functools.partial(self.flipped, mode, size))

    def readable(self, provider, padding, way):
        """An SDK reads AES/CTR with the same key and call, which shows that it refuses the suite."""
        name, data = f"aes-ctr/{provider}/{way}", ramp(SMALL)
        self.write_unauthenticated(padding, name, data)
        same(self.ask(provider, "oaep-sha256", name, way), data if way in (WHOLE, MANAGED) else cut(data, way))

    def write_unauthenticated(self, padding, name, data):
        osseal = self.unauthenticated[padding]
        osseal.put(osseal.keys[0], name, data)

    def downgraded(self):
        """AES/CTR under a key of the keyring is refused by a profile that writes sealed objects, unless the reader allows it."""
        key, name, data = self.keys["oaep-sha256"], "downgraded", ramp(SMALL)
        self.write_unauthenticated(key.padding, name, data)
        code, said = self.osseal.refusal([key], name)
        assert code == CANNOT_OPEN and "--allow-unauthenticated" in said, f"exit code {code}: {said}"
        same(self.osseal.get(key, name, "--allow-unauthenticated"), data)

    def flipped(self, mode, size):
        """One bit of the second chunk: refused whole, and in every range that takes it; the first chunk opens."""
        key = self.keys["oaep-sha256"]
        name, data = self.object("oaep-sha256", mode, size)
        stored, envelope = self.stored_bytes(name)
        stored = bytearray(stored)
        stored[CHUNK + 16 + 100] ^= 1
        changed = f"flipped-{mode}"
        self.store.put_object(changed, bytes(stored), headers=envelope)
        ranged = self.osseal.failure([key], "cat", f"--range={CHUNK}-{CHUNK}", self.osseal.url(changed))
        for code, said in (self.osseal.refusal([key], changed), ranged):
            assert code == WRONG, f"exit code {code}: {said}"
        same(self.osseal.get_range(key, changed, "0-16383"), data[:CHUNK])
