#!/usr/bin/env python3
"""Sealed bodies of another implementation: module cobblestone of the package cryptography (c2sp.org/chunked-encryption).

cobblestone.py make             write vectors/sealed/cobblestone.json and its bodies: fresh keys and salts
cobblestone.py check FOLDER     open those bodies and ours in FOLDER with the package, and refuse damaged copies

Ours are written by: cargo run -p osseal-core --example sealed_bodies -- FOLDER
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "sealed"
CHUNK = 16384
PREFIX = 56  # salt and commitment, in `start` instead of in front of the body
SIZES = (0, 1, 4103, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 4097)
NAME = "dir/对象.bin"


def ramp(size):
    return bytes(i % 251 for i in range(size))


def record(bind, name, pairs):
    """The context bound to content (docs/format.md, section 8): bind mode, name, and pairs of text."""
    name = name.encode()
    made = b"osseal\x01" + bytes([bind]) + struct.pack(">H", len(name)) + name + struct.pack(">H", len(pairs))
    for text in (text.encode() for pair in sorted(pairs.items()) for text in pair):
        made += struct.pack(">H", len(text)) + text
    return made


def context():
    """The record of an object bound to its key, with one pair."""
    return record(1, NAME, {"tenant": "acme"})


def encode(data):
    return base64.b64encode(data).decode()


def seal(key, plain):
    encryptor = Cobblestone256Encryptor(key, context())
    return encryptor.update(plain) + encryptor.finalize()


def unseal(key, record, message):
    decryptor = Cobblestone256Decryptor(key, record)
    return decryptor.update(message) + decryptor.finalize()


def make():
    objects = []
    for size in SIZES:
        key = Cobblestone256Encryptor.generate_key()
        message = seal(key, ramp(size))
        name = f"cobblestone-{size}.bin"
        (VECTORS / name).write_bytes(message[PREFIX:])
        objects.append({
            "plaintext_len": size,
            "data_key": encode(key),
            "context": encode(context()),
            "start": encode(message[:PREFIX] + context()),
            "body_file": name,
        })
    (VECTORS / "cobblestone.json").write_text(json.dumps(objects, indent=1) + "\n")


def opened(key, record, message):
    """The plaintext, or None: whatever the package raises, it has refused."""
    try:
        return unseal(key, record, message)
    except Exception:
        return None


def check(folder):
    failures = 0

    def expect(holds, what):
        nonlocal failures
        if not holds:
            failures += 1
            print(f"cobblestone: {what}", file=sys.stderr)

    def examine(item, body, whose):
        key, start = (base64.b64decode(item[name]) for name in ("data_key", "start"))
        size, record, message = item["plaintext_len"], start[PREFIX:], start[:PREFIX] + body
        expect(opened(key, record, message) == ramp(size), f"{whose} {size} bytes do not open")
        expect(opened(key, record, message[:-1]) is None, f"{whose} {size} bytes, cut, open")
        flipped = message[:-1] + bytes([message[-1] ^ 1])
        expect(opened(key, record, flipped) is None, f"{whose} {size} bytes, changed, open")
        expect(opened(key, record + b"\0", message) is None, f"{whose} {size} bytes open with another context")

    theirs = json.loads((VECTORS / "cobblestone.json").read_text())
    for item in theirs:
        examine(item, (VECTORS / item["body_file"]).read_bytes(), "their")
    ours = json.loads((VECTORS / "vectors.json").read_text())
    for item in ours:
        body = (folder / f"{item['plaintext_len']}.bin").read_bytes()
        expect(hashlib.sha256(body).hexdigest() == item["body_sha256"], f"our {item['plaintext_len']} bytes are others")
        examine(item, body, "our")
    expect((len(theirs), len(ours)) == (7, 12), f"{len(theirs)} and {len(ours)} objects instead of 7 and 12")
    print(f"cobblestone: {len(theirs)} of theirs, {len(ours)} of ours, {failures} failures")
    return failures


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            make()
        case ["check", folder]:
            sys.exit(1 if check(pathlib.Path(folder)) else 0)
        case _:
            sys.exit(__doc__)
