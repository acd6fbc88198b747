"""Each peer reads the objects of each peer: osseal against the official SDKs, through `osseal serve`.

A cell is one writer, one reader and one case, named `group/case/writer>reader`. Operations that a
peer cannot perform are listed in UNSUPPORTED or DEFECTS with a reason. The number of cells is asserted, so that none disappears.
"""

import base64
import functools
import json

import peers
from cells import Cells, explain, ramp, same
from keys import RsaKey

MIB = 1 << 20
PART = 100 * 1024  # the service's least part size

# Around blocks of 16 bytes and around the part size.
SIZES = [0, 1, 15, 16, 17, 4103, PART - 1, PART, PART + 1, 5 * MIB + 3]
# (size, part size): one byte in the second part, exactly three parts, three parts and a bit, many parts.
PARTS = [(PART + 1, PART), (3 * PART, PART), (217_145, PART), (5 * MIB + 3, MIB)]
SMALL, LARGE = 4103, 217_145

RANGES = {  # of an object of SMALL bytes in one put, and of LARGE bytes in parts
    "put": [
        *["0-0", "0-15", "15-16", "16-31", "100-199", "1-4102", "4090-4102", "0-", "16-", "100-", "4102-"],
        *["4000-9999", "4001-9999", "-1", "-50", "-4103", "-9999"],
    ],
    "parts": ["102390-102409", "102400-204799", "99999-204801", "204800-", "100000-", "-20000"],
}

# padding and material description by name
KEYS = {
    "bare": ("pkcs1", {}),
    "one": ("pkcs1", {"purpose": "interop"}),
    "several": ("pkcs1", {"purpose": "interop", "path": 'a/b<c>&"q"\\', "empty": "", "a": "1"}),
    "unicode": ("pkcs1", {"name": "中文 é", "rocket": "🚀"}),
    "oaep-sha1": ("oaep-sha1", {}),
    "oaep-sha256": ("oaep-sha256", {}),
}

# Operations that a peer does not offer: not run.
UNSUPPORTED = {
    "*/oaep-sha256/*>oss*2": "the SDKs do not know this wrap algorithm",
    "*/oaep-sha256/*/oss*2>osseal": "the SDKs do not know this wrap algorithm",
    "*/oaep-sha1/*>oss-v2": "PKCS#1 v1.5 only",
    "*/oaep-sha1/*/oss-v2>*": "PKCS#1 v1.5 only",
}

# Operations that a peer refuses or performs wrongly: run, and must fail. Remove a line when its SDK is fixed.
DEFECTS = {
    "range/*/-*/*>oss2": "refuses the last n bytes",
    "range/*/-*/*>oss-v2": "returns wrong bytes for the last n bytes",
    "range/*/400?-9999/*>oss2": "never requests the standard behaviour: gets the whole object",
    "range/*/4000-9999/*>oss-v2": "requests the standard behaviour only if the start is not a multiple of 16",
    "managed/upload/oss-v2>*": "its Uploader does not pass the part size on",
    "managed/download/*>oss-v2": "its Downloader compares the CRC64 of plaintext with that of ciphertext",
}

# Cells by group.
EXPECTED = {
    "size": 126,
    "key": 82,
    "range": 168,
    "stream": 18,
    "managed": 6,
    "stored": 12,
    "stat": 15,
    "refuse": 16,
    "control": 3,
    "unsupported": 29,
    "defects": 45,
}

PREFIX = "x-oss-meta-client-side-encryption-"
CANNOT_OPEN = 5  # exit code


def cut(data, wanted):
    first, last = peers.bounds(wanted)
    if first is None:
        return data[-last:]
    return data[first:] if last is None else data[first : last + 1]


class Matrix:
    def __init__(self, service, command, work):
        self.work = work
        self.keys = {name: RsaKey(name, *spec, work / "keys").make() for name, spec in KEYS.items()}
        self.osseal = peers.Osseal(service, command, work, list(self.keys.values()))
        self.oss2 = peers.Oss2(service)
        self.peers = {peer.name: peer for peer in (self.osseal, self.oss2, peers.OssV2(service))}
        self.store = self.oss2.plain()
        self.cells = Cells("interop", UNSUPPORTED, DEFECTS, EXPECTED)
        self.cell = self.cells.cell
        self.written = {}  # names of objects, each with what went wrong when it was written

    def object(self, writer, key, mode, size, part_size=PART):
        """The name and the content of an object, written when first asked for; a failure is raised by every call."""
        name, data = f"{mode}-{part_size}/{key}/{size}/{writer}", ramp(size)
        if name not in self.written:
            self.written[name] = None
            try:
                self.write(self.peers[writer], self.keys[key], mode, name, data, part_size)
            except Exception as error:
                self.written[name] = f"not written: {explain(error)}"
        if self.written[name]:
            raise AssertionError(self.written[name])
        return name, data

    def write(self, peer, key, mode, name, data, part_size):
        if mode == "put":
            peer.put(key, name, data)
        elif mode == "parts":
            peer.put_parts(key, name, data, part_size)
        elif mode == "stream":
            peer.put_stream(key, name, data)
        elif mode == "managed":
            file = self.work / f"managed-{peer.name}"
            file.write_bytes(data)
            peer.put_managed(key, name, file, part_size)

    def read(self, reader, key, *rest, wanted=None, via="get", writer):
        """One read of one object, compared."""
        name, data = self.object(writer, key, *rest)
        peer = self.peers[reader]
        if wanted:
            same(peer.get_range(self.keys[key], name, wanted), cut(data, wanted))
        elif via == "managed":
            file = self.work / f"managed-{reader}-{writer}"
            same(peer.get_managed(self.keys[key], name, file, PART), data)
        else:
            same(getattr(peer, via)(self.keys[key], name), data)

    def pairs(self):
        return [(writer, reader) for writer in self.peers for reader in self.peers]

    def run(self):
        self.osseal.make_bucket()
        self.sizes()
        self.wraps()
        self.ranges()
        self.streams()
        self.managers()
        self.stored()
        self.stats()
        self.refusals()
        self.controls()

    def sizes(self):
        for writer, reader in self.pairs():
            for size in SIZES:
                read = functools.partial(self.read, reader, "bare", "put", size, writer=writer)
                self.cell(f"size/put/{size}/{writer}>{reader}", read)
            for size, part_size in PARTS:
                read = functools.partial(self.read, reader, "bare", "parts", size, part_size, writer=writer)
                self.cell(f"size/parts/{size}/{writer}>{reader}", read)

    def wraps(self):
        """Wrap algorithms and material descriptions."""
        for writer, reader in self.pairs():
            for key in self.keys:
                for mode, size in (("put", SMALL), ("parts", LARGE)):
                    read = functools.partial(self.read, reader, key, mode, size, writer=writer)
                    self.cell(f"key/{key}/{mode}/{writer}>{reader}", read)

    def ranges(self):
        for writer, reader in self.pairs():
            for mode, size in (("put", SMALL), ("parts", LARGE)):
                for wanted in RANGES[mode]:
                    read = functools.partial(self.read, reader, "one", mode, size, wanted=wanted, writer=writer)
                    self.cell(f"range/{mode}/{wanted}/{writer}>{reader}", read)

    def streams(self):
        """osseal from standard input and to standard output, where lengths are not known beforehand."""
        for size in (0, SMALL, 5 * MIB + 3):
            for reader in self.peers:
                read = functools.partial(self.read, reader, "one", "stream", size, writer="osseal")
                self.cell(f"stream/in/{size}/osseal>{reader}", read)
            for writer in self.peers:
                read = functools.partial(self.read, "osseal", "one", "put", size, via="get_stream", writer=writer)
                self.cell(f"stream/out/{size}/{writer}>osseal", read)

    def managers(self):
        """The transfer managers of the SDKs: threads, checkpoints, pinned ranges."""
        for writer, reader in self.pairs():
            if writer != "osseal":
                read = functools.partial(self.read, reader, "one", "managed", LARGE, writer=writer)
                self.cell(f"managed/upload/{writer}>{reader}", read)
            if reader != "osseal":
                read = functools.partial(self.read, reader, "one", "parts", LARGE, via="managed", writer=writer)
                self.cell(f"managed/download/{writer}>{reader}", read)

    def stored(self):
        """The bytes and headers that osseal stores are exactly those of docs/format.md."""
        for key in self.keys:
            for mode, size in (("put", SMALL), ("parts", LARGE)):
                self.cell(f"stored/{key}/{mode}/osseal", functools.partial(self.stored_form, key, mode, size))

    def stored_form(self, key, mode, size):
        name, data = self.object("osseal", key, mode, size)
        key = self.keys[key]
        reply = self.store.get_object(name)
        stored = reply.read()
        envelope = {
            header.lower().removeprefix(PREFIX): value
            for header, value in reply.headers.items()
            if header.lower().startswith("x-oss-meta-")
        }
        data_key, start = (
            key.unwrap(base64.b64decode(envelope.pop(name), validate=True)) for name in ("key", "start")
        )
        assert len(data_key) == 32, f"a data key of {len(data_key)} bytes"
        assert len(start) == 16, f"a counter of {len(start)} bytes"
        assert start[8:12] == bytes(4), "bytes 8 to 11 of the counter are not zero"
        assert len(stored) == size, f"{len(stored)} stored bytes for {size}"
        assert stored != data, "the store holds the plaintext"
        want = {
            "cek-alg": "AES/CTR/NoPadding",
            "wrap-alg": key.wrap,
            "unencrypted-content-length": str(size),
        }
        if key.description:
            want["matdesc"] = json.dumps(key.description, sort_keys=True, separators=(",", ":"))
        if mode == "parts":
            want |= {"data-size": str(size), "part-size": str(PART)}
        assert envelope == want, f"the envelope is {envelope}, not {want}"

    def stats(self):
        for writer in self.peers:
            for key in self.keys:
                self.cell(f"stat/{key}/stat/{writer}>osseal", functools.partial(self.stat, writer, key))

    def stat(self, writer, key):
        name, data = self.object(writer, key, "put", SMALL)
        want = {
            "size": len(data),
            "stored_size": len(data),
            "suite": "aes-ctr",
            "wrap": self.keys[key].wrap,
            "key_name": key,
            "authenticated": False,
        }
        have = self.osseal.stat(self.keys[key], name)
        have = {field: have.get(field) for field in want}
        assert have == want, f"{have}, not {want}"

    def refusals(self):
        """Objects that osseal must refuse without leaving a file."""
        stranger = RsaKey("bare", *KEYS["bare"], self.work / "strangers").make()
        for writer in self.peers:
            for case, keyring, key in (
                ("another-key", [stranger], "bare"),
                ("no-description", [self.keys["bare"]], "one"),
                ("another-description", [self.keys["one"]], "several"),
                ("a-description", [self.keys["one"]], "bare"),
                ("another-padding", [self.keys["oaep-sha1"]], "bare"),
            ):
                self.cell(f"refuse/{case}/{writer}>osseal", functools.partial(self.refuse, keyring, writer, key))
        self.cell("refuse/not-encrypted/oss2>osseal", self.refuse_plain)

    def refuse(self, keyring, writer, key):
        name, data = self.object(writer, key, "put", SMALL)
        same(self.osseal.get(self.keys[key], name), data)  # refused for its keyring and nothing else
        code, said = self.osseal.refusal(keyring, name)
        assert code == CANNOT_OPEN, f"exit code {code}: {said}"

    def refuse_plain(self):
        self.store.put_object("plain", ramp(SMALL))
        same(self.store.get_object("plain").read(), ramp(SMALL))
        code, said = self.osseal.refusal(list(self.keys.values()), "plain")
        assert code == CANNOT_OPEN, f"exit code {code}: {said}"

    def controls(self):
        """One stored bit is flipped: readers return other bytes without an error, and the comparison must fail."""
        for reader in self.peers:
            self.cell(f"control/{reader}", functools.partial(self.control, reader))

    def control(self, reader):
        name, data = self.object("oss2", "bare", "put", SMALL)
        reply = self.store.get_object(name)
        stored = bytearray(reply.read())
        stored[100] ^= 1
        envelope = {
            header: value for header, value in reply.headers.items() if header.lower().startswith("x-oss-meta-")
        }
        self.store.put_object("flipped", bytes(stored), headers=envelope)
        got = self.peers[reader].get(self.keys["bare"], "flipped")
        try:
            same(got, data)
        except AssertionError as error:
            if str(error).endswith("from byte 100 on"):
                return
            raise
        raise AssertionError("a flipped bit was not noticed")

