"""Every SDK by every way in: versions of signatures, addressing of buckets, kinds of credentials.

A cell is one operation by one SDK in one such combination, named `group/SDK/signature/addressing/credentials/operation`:
`plain` operations, `presigned` URLs both ways, `encrypted` objects both ways with osseal, and `control`: the same request with
something missing, which must be refused.
"""

import dataclasses
import functools
import http.client
import itertools
import subprocess
import urllib.parse

import loopback
import peers
import plain
from cells import Cells, ramp, same

SDKS = {"oss2": (plain.Oss2, peers.Oss2), "oss-v2": (plain.OssV2, peers.OssV2)}
SIGNATURES = ["v1", "v4"]
ADDRESSING = ["path", "virtual-host"]
CREDENTIALS = ["long-lived", "temporary"]

PART = 100 * 1024
ODD_KEYS = [
    *["a b+c%d&e=f?g#h", "中文/ü", "e\u0301", "tilde~star*quote'(x)", "\x01\x7f", "%2F", "a//b", "end/", "<a>\"b\""],
    "k" * 900,
]

OPERATIONS = {
    "plain": ["put-get", "head", "range", "list", "delete", "copy", "multipart", "abort", "odd-keys", "missing"],
    "presigned": ["get", "put", "theirs", "ours"],
    "encrypted": ["put", "parts", "get", "get-parts", "range"],
    "control": ["wrong-secret", "wrong-token"],
}

# As in matrix.py.
UNSUPPORTED = {}
DEFECTS = {}
EXPECTED = {"plain": 160, "presigned": 64, "encrypted": 80, "control": 24}


@dataclasses.dataclass(frozen=True)
class Way:
    """One combination: the SDK under test, and osseal at the same store."""

    label: str
    service: peers.Service
    sdk: object
    encrypted: object
    osseal: peers.Osseal


class Access:
    def __init__(self, services, command, reader, key, work):
        """`services` by kind of credentials, addressed by path; `reader` is the example `presigned`."""
        self.services, self.command, self.reader, self.key, self.work = services, command, reader, key, work
        self.cells = Cells("access", UNSUPPORTED, DEFECTS, EXPECTED)

    def run(self):
        osseal = {}
        for kind, service in self.services.items():
            folder = self.work / kind
            folder.mkdir()
            osseal[kind] = peers.Osseal(service, self.command, folder, [self.key])
            osseal[kind].make_bucket()
        for name, *way in itertools.product(SDKS, SIGNATURES, ADDRESSING, CREDENTIALS):
            signature, addressing, kind = way
            service = self.services[kind]
            port = service.endpoint.rsplit(":", 1)[1]
            endpoint = service.endpoint if addressing == "path" else f"http://{loopback.HOST}:{port}"
            service = dataclasses.replace(service, endpoint=endpoint, signature=signature, addressing=addressing)
            sdk, encrypted = (make(service) for make in SDKS[name])
            self.try_all(Way("/".join([name, *way]), service, sdk, encrypted, osseal[kind]))

    def try_all(self, way):
        for group, operations in OPERATIONS.items():
            for operation in operations:
                if operation == "wrong-token" and not way.service.security_token:
                    continue
                body = getattr(self, f"{group}_{operation}".replace("-", "_"))
                name = f"{way.label}/{group}/{operation}"
                self.cells.cell(f"{group}/{way.label}/{operation}", functools.partial(body, way, name))

    def plain_put_get(self, way, name):
        for size in (0, 1, 70_001):
            way.sdk.put(name, ramp(size), "red")
            same(way.sdk.get(name), ramp(size))

    def plain_head(self, way, name):
        way.sdk.put(name, ramp(1000), "red")
        found = way.sdk.head(name)
        assert found == (1000, "text/x-ramp", "red"), f"{found}"

    def plain_range(self, way, name):
        way.sdk.put(name, ramp(1000), "red")
        for first, last in ((0, 0), (17, 499), (999, 999)):
            same(way.sdk.get_range(name, first, last), ramp(1000)[first : last + 1])

    def plain_list(self, way, name):
        keys = [f"{name}/{number}" for number in range(8)]
        for key in keys:
            way.sdk.put(key, b"x", "red")
        found = way.sdk.keys(f"{name}/")
        assert found == keys, f"{found}"

    def plain_delete(self, way, name):
        way.sdk.put(name, b"x", "red")
        for _ in range(2):
            way.sdk.delete(name)
            assert way.sdk.refusal(name) == "NoSuchKey"

    def plain_copy(self, way, name):
        source, target = f"{name}/a b+%2F/é", f"{name}/copy"
        way.sdk.put(source, ramp(5000), "red")
        way.sdk.copy(source, target)
        same(way.sdk.get(target), ramp(5000))
        assert way.sdk.head(target) == (5000, "text/x-ramp", "red")

    def plain_multipart(self, way, name):
        data = ramp(2 * PART + 7)
        way.sdk.put_parts(name, data, PART)
        same(way.sdk.get(name), data)

    def plain_abort(self, way, name):
        way.sdk.abort(name)
        assert way.sdk.refusal(name) == "NoSuchKey"

    def plain_odd_keys(self, way, name):
        keys = sorted((f"{name}/{key}" for key in ODD_KEYS), key=str.encode)
        for key in keys:
            way.sdk.put(key, key.encode(), "red")
        found = way.sdk.keys(f"{name}/")
        assert found == keys, f"{found}"
        for key in keys:
            same(way.sdk.get(key), key.encode())
            way.sdk.delete(key)
        assert way.sdk.keys(f"{name}/") == []

    def plain_missing(self, way, name):
        assert way.sdk.refusal(name) == "NoSuchKey"

    def presigned_get(self, way, name):
        name = f"{name}/a b+c%d&é"
        way.sdk.put(name, ramp(5000), "red")
        url, headers = way.sdk.presign("GET", name)
        same(fetch(url, headers=headers), ramp(5000))

    def presigned_put(self, way, name):
        url, headers = way.sdk.presign("PUT", name)
        fetch(url, method="PUT", data=ramp(5000), headers=headers)
        same(way.sdk.get(name), ramp(5000))

    def presigned_theirs(self, way, name):
        """The SDK encrypts and presigns, osseal's library opens the URL."""
        way.encrypted.put(self.key, name, ramp(5000))
        url, headers = way.sdk.presign("GET", name)
        assert not headers, f"the URL goes with {headers}"
        same(self.presigned(way, "read", url, self.key.private, connect(way)), ramp(5000))

    def presigned_ours(self, way, name):
        """osseal's library encrypts and presigns, plain HTTP gets the stored bytes."""
        way.osseal.put(self.key, name, ramp(5000))
        service = way.service
        place = [service.endpoint, service.region, service.bucket, name]
        url = self.presigned(way, "make", service.signature, *place).decode().strip()
        stored = way.sdk.get(name)
        assert stored != ramp(5000), "the store holds the plaintext"
        same(fetch(url), stored)

    def presigned(self, way, *arguments):
        command = [self.reader, *map(str, arguments)]
        return subprocess.run(command, env=way.osseal.environment, capture_output=True, timeout=60, check=True).stdout

    def encrypted_put(self, way, name):
        way.encrypted.put(self.key, name, ramp(4103))
        same(way.osseal.get(self.key, name), ramp(4103))

    def encrypted_parts(self, way, name):
        data = ramp(2 * PART + 48)
        way.encrypted.put_parts(self.key, name, data, PART)
        same(way.osseal.get(self.key, name), data)

    def encrypted_get(self, way, name):
        way.osseal.put(self.key, name, ramp(4103))
        same(way.encrypted.get(self.key, name), ramp(4103))

    def encrypted_get_parts(self, way, name):
        data = ramp(2 * PART + 48)
        way.osseal.put_parts(self.key, name, data, PART)
        same(way.encrypted.get(self.key, name), data)

    def encrypted_range(self, way, name):
        way.osseal.put(self.key, name, ramp(4103))
        same(way.encrypted.get_range(self.key, name, "100-199"), ramp(4103)[100:200])

    def control_wrong_secret(self, way, name):
        way.sdk.put(name, b"x", "red")
        self.denied(way, name, "SignatureDoesNotMatch", access_key_secret="not the secret")

    def control_wrong_token(self, way, name):
        way.sdk.put(name, b"x", "red")
        self.denied(way, name, "InvalidSecurityToken", security_token="not the token")

    def denied(self, way, name, code, **change):
        make, _ = SDKS[way.label.split("/")[0]]
        found = make(dataclasses.replace(way.service, **change)).refusal(name)
        assert found == code, f"refused with {found}, not {code}"


def connect(way):
    """The server's address: the example `presigned` resolves no names of other machines."""
    return "127.0.0.1:" + way.service.endpoint.rsplit(":", 1)[1]


def fetch(url, method="GET", data=None, headers=None):
    """Plain HTTP with exactly the given headers, because a signature may cover the absence of others."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=data, headers=headers or {})
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    assert reply.status == 200, f"status {reply.status}: {body[:300]}"
    return body
