"""Wrapping keys: their files, their sections of osseal.toml, and unwrapping without any peer."""

import dataclasses
import functools
import json
import pathlib
import secrets

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# The strings of JSON are strings of TOML too.
quote = functools.partial(json.dumps, ensure_ascii=False)

RSA_WRAPS = {
    "pkcs1": "RSA/NONE/PKCS1Padding",
    "oaep-sha1": "RSA/NONE/OAEPWithSHA-1AndMGF1Padding",
    "oaep-sha256": "RSA/NONE/OAEPWithSHA-256AndMGF1Padding",
}


@dataclasses.dataclass(frozen=True)
class RsaKey:
    """An RSA pair, its padding, and the material description of the objects it writes."""

    name: str
    padding: str  # as in osseal.toml: pkcs1, oaep-sha1, oaep-sha256
    description: dict
    folder: pathlib.Path  # holds NAME.private_key.pem and NAME.public_key.pem, the names oss2 looks for

    @property
    def private(self):
        return self.folder / f"{self.name}.private_key.pem"

    @property
    def public(self):
        return self.folder / f"{self.name}.public_key.pem"

    @property
    def wrap(self):
        return RSA_WRAPS[self.padding]

    def make(self):
        """Draws the pair and writes its files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM
        clear = serialization.NoEncryption()
        self.private.touch(0o600)
        self.private.write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear))
        public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public.write_bytes(public)
        return self

    def settings(self):
        return [f"private = {quote(str(self.private))}", f"padding = {quote(self.padding)}", 'kind = "rsa"']

    def unwrap(self, wrapped):
        private = serialization.load_pem_private_key(self.private.read_bytes(), None)
        if self.padding == "pkcs1":
            return private.decrypt(wrapped, padding.PKCS1v15())
        digest = {"oaep-sha1": hashes.SHA1, "oaep-sha256": hashes.SHA256}[self.padding]()
        return private.decrypt(wrapped, padding.OAEP(padding.MGF1(digest), digest, None))


@dataclasses.dataclass(frozen=True)
class AesKey:
    """32 bytes for AES key wrap (RFC 3394)."""

    name: str
    description: dict
    folder: pathlib.Path

    wrap = "AES/KW/NoPadding"

    @property
    def file(self):
        return self.folder / f"{self.name}.key"

    def make(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.touch(0o600)
        self.file.write_text(secrets.token_hex(32))
        return self

    def settings(self):
        return [f"file = {quote(str(self.file))}", 'kind = "aes"']

    def unwrap(self, wrapped):
        return keywrap.aes_key_unwrap(bytes.fromhex(self.file.read_text()), wrapped)


def section(key):
    """The lines of osseal.toml about a key."""
    lines = [f"[key.{quote(key.name)}]", *key.settings()]
    if key.description:
        pairs = ", ".join(f"{quote(name)} = {quote(value)}" for name, value in key.description.items())
        lines.append(f"description = {{ {pairs} }}")
    return lines
