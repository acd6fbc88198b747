#!/usr/bin/env python3
"""Digests of parts by another implementation: HKDF, HMAC and AES of the package cryptography.

resume_digests.py    write vectors/resume/digests.json
"""
import base64
import json
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "resume"
CHUNK = 16384
CONTEXT = b"osseal\x01\x00\x00\x00\x00\x00"  # nothing is bound


def ramp(size):
    return bytes(i % 251 for i in range(size))


def expand(key, label, length):
    return HKDFExpand(SHA512(), length, label).derive(key)


def tags(data_key, salt, plain):
    """The tags of all chunks (docs/format.md, section 7), in order."""
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + CONTEXT
    derived = expand(data_key, label, 76)
    cipher, base = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
    chunks = [plain[at : at + CHUNK] for at in range(0, len(plain) // CHUNK * CHUNK + 1, CHUNK)]
    return [cipher.encrypt((base ^ k).to_bytes(12, "big"), chunk, b"")[-16:] for k, chunk in enumerate(chunks)]


def vector(suite, number, size, part_plain):
    data_key = bytes((7 * i + number) % 256 for i in range(32))
    start = bytes((5 * i + size) % 256 for i in range(24 if suite == "sealed" else 16))
    if suite == "aes-ctr":
        start = start[:8] + bytes(4) + start[12:]
    plain, texts = ramp(size), []
    if suite == "sealed":
        per_part = part_plain // CHUNK
        all_tags = tags(data_key, start, plain)
        texts = [b"".join(all_tags[at : at + per_part]) for at in range(0, len(all_tags), per_part)]
    else:
        texts = [plain[at : at + part_plain] for at in range(0, max(size, 1), part_plain)]
    key = expand(data_key, b"osseal resume v1\0" + start, 32)
    digests = []
    for part, text in enumerate(texts, 1):
        mac = HMAC(key, SHA256())
        mac.update(struct.pack(">I", part) + text)
        digests.append(base64.b64encode(mac.finalize()).decode())
    encode = lambda value: base64.b64encode(value).decode()
    return {
        "suite": suite,
        "plaintext_len": size,
        "part_plain": part_plain,
        "data_key": encode(data_key),
        "start": encode(start),
        "context": encode(CONTEXT) if suite == "sealed" else "",
        "resume_key": encode(key),
        "digests": digests,
    }


def main():
    sealed = [("sealed", n, size, 7 * CHUNK) for n, size in enumerate((0, 1, 7 * CHUNK - 1, 7 * CHUNK, 14 * CHUNK + 33), 1)]
    ctr = [("aes-ctr", n, size, 102400) for n, size in enumerate((0, 1, 102399, 102400, 204833), 1)]
    text = json.dumps([vector(*one) for one in sealed + ctr], indent=1)
    VECTORS.mkdir(parents=True, exist_ok=True)
    (VECTORS / "digests.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
