"""Writes vectors/sign/signatures.json: requests as the official SDKs send them, signed by the SDKs' own signers.

    target/venv/interop/bin/python interop/signatures.py vectors/sign/signatures.json

Nothing is sent: the SDKs get a transport that records the request. Clock and credentials are fixed, so the file is the same every time.
"""

import datetime
import email.utils
import json
import sys
import types
from unittest import mock

import alibabacloud_oss_v2 as oss_v2
import oss2
from alibabacloud_oss_v2.signer import v1 as v2_signer_v1, v4 as v2_signer_v4
from alibabacloud_oss_v2.types import HttpClient, SigningContext

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.timezone.utc)
REGION, BUCKET = "cn-hangzhou", "example-bucket"
KEYS = ["plain.txt", "dir/sub/file", "a b+c%d&e=f?g#h", "中文/ü", "tilde~star*quote'(x)", "\x01\x7f", "%2F", "end/"]
SECRETS = {"long-lived": ("ak", "sk", None), "temporary": ("STS.ak", "sk2", "token+/=value")}
# endpoint, how buckets are named in it
ENDPOINTS = {
    "public": ("https://oss-cn-hangzhou.aliyuncs.com", "virtual-host"),
    "internal": ("https://oss-cn-hangzhou-internal.aliyuncs.com", "virtual-host"),
    "dual-stack": ("https://cn-hangzhou.oss.aliyuncs.com", "virtual-host"),
    "accelerate": ("https://oss-accelerate.aliyuncs.com", "virtual-host"),
    "accelerate-overseas": ("https://oss-accelerate-overseas.aliyuncs.com", "virtual-host"),
    "cname": ("https://files.example.com", "cname"),
    "ip": ("http://127.0.0.1:9000", "path"),
    "path": ("http://oss.example.com:8080", "path"),
}
# Every key is signed with temporary credentials at the public endpoint.
OTHERS = [kind for kind in ENDPOINTS if kind != "public"]


class Kept(Exception):
    pass


class Keeper(HttpClient):
    """A transport that records the request and sends nothing."""

    def send(self, request, **kwargs):
        self.request = request
        raise Kept

    def open(self):
        pass

    def close(self):
        pass


class Session:
    """The same for oss2."""

    def do_request(self, req, timeout):
        self.request = req
        raise Kept


class FixedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW

    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)


def record(name, version, place, kind, key, secret, method, url, headers, seconds=None):
    endpoint, addressing = ENDPOINTS[kind]
    ak, sk, token = SECRETS[secret]
    signed = {k.lower(): v for k, v in headers.items()}
    kept = {k: v for k, v in signed.items() if k.startswith("x-oss-") or k in KEPT}
    return {
        "name": name,
        "version": version,
        "place": place,
        "endpoint": endpoint,
        "addressing": addressing,
        "region": REGION,
        "bucket": BUCKET,
        "key": key,
        "access_key_id": ak,
        "access_key_secret": sk,
        "security_token": token,
        "time": int(NOW.timestamp()),
        "seconds": seconds,
        "method": method,
        "url": url,
        "headers": dict(sorted(kept.items())),
    }


KEPT = ["authorization", "content-type", "content-md5", "date", "security-token", "range", "if-match"]


def v2_client(kind, version, secret):
    endpoint, addressing = ENDPOINTS[kind]
    ak, sk, token = SECRETS[secret]
    keeper = Keeper()
    config = oss_v2.config.load_default()
    config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(ak, sk, token)
    config.region, config.endpoint, config.signature_version = REGION, endpoint, version
    config.http_client, config.retry_max_attempts = keeper, 1
    config.use_cname = addressing == "cname" or None
    config.use_path_style = addressing == "path" or None
    return oss_v2.Client(config), keeper


def v2_requests():
    """alibabacloud-oss-v2: its client for headers, its presigner for the query."""
    calls = {
        "get": lambda c, k: c.get_object(oss_v2.GetObjectRequest(BUCKET, k)),
        "get-version": lambda c, k: c.get_object(oss_v2.GetObjectRequest(BUCKET, k, version_id="v+1/x")),
        "get-range": lambda c, k: c.get_object(
            oss_v2.GetObjectRequest(BUCKET, k, range_header="bytes=1-2", range_behavior="standard")
        ),
        "get-as": lambda c, k: c.get_object(
            oss_v2.GetObjectRequest(BUCKET, k, response_content_type="text/x; a=b", response_cache_control="no-cache")
        ),
        "head": lambda c, k: c.head_object(oss_v2.HeadObjectRequest(BUCKET, k)),
        "tags": lambda c, k: c.get_object_tagging(oss_v2.GetObjectTaggingRequest(BUCKET, k)),
        "put": lambda c, k: c.put_object(
            oss_v2.PutObjectRequest(
                BUCKET, k, body=b"x", content_type="text/plain", metadata={"b": "2", "a": "1 x"}, tagging="t=1%20"
            )
        ),
        "part": lambda c, k: c.upload_part(oss_v2.UploadPartRequest(BUCKET, k, part_number=3, upload_id="U+1", body=b"x")),
    }

    def kept(kind, version, call, key, secret):
        client, keeper = v2_client(kind, version, secret)
        try:
            calls[call](client, key)
        except Exception as error:  # the client wraps what the transport raises
            if not hasattr(keeper, "request"):
                raise error
        request = keeper.request
        yield record(
            f"alibabacloud-oss-v2/{version}/header/{kind}/{call}/{secret}/{key!r}",
            *(version, "header", kind, key, secret, request.method, request.url, dict(request.headers)),
        )

    def presigned(kind, version, key, secret, **more):
        client, _ = v2_client(kind, version, secret)
        result = client.presign(
            oss_v2.GetObjectRequest(BUCKET, key, **more), expires=datetime.timedelta(seconds=599)
        )
        yield record(
            f"alibabacloud-oss-v2/{version}/query/{kind}/{'+'.join(more) or 'get'}/{secret}/{key!r}",
            *(version, "query", kind, key, secret, result.method, result.url, dict(result.signed_headers or {}), 599),
        )

    for version in ["v1", "v4"]:
        for kind in ENDPOINTS:
            yield from kept(kind, version, "get", KEYS[2], "long-lived")
            yield from presigned(kind, version, KEYS[2], "long-lived")
        for kind in OTHERS:
            yield from kept(kind, version, "get", KEYS[2], "temporary")
            yield from presigned(kind, version, KEYS[2], "temporary")
        for key in KEYS:
            yield from kept("public", version, "put", key, "long-lived")
            yield from presigned("public", version, key, "temporary")
        for call in calls:
            yield from kept("public", version, call, "dir/file", "temporary")
        yield from presigned("public", version, "k", "long-lived", version_id="v+1/x", response_content_type="text/x; a=b")
    yield from additional()


def additional():
    """alibabacloud-oss-v2's signer alone, with headers that are signed beside the usual ones."""
    ak, sk, _ = SECRETS["long-lived"]
    for place in ["header", "query"]:
        request = oss_v2.types.HttpRequest("GET", f"https://{BUCKET}.oss-cn-hangzhou.aliyuncs.com/k")
        request.headers.update({"range": "bytes=1-2", "If-Match": '"etag"', "x-oss-range-behavior": "standard"})
        context = SigningContext(
            product="oss",
            region=REGION,
            bucket=BUCKET,
            key="k",
            request=request,
            credentials=oss_v2.credentials.Credentials(ak, sk),
            signing_time=NOW,
            additional_headers={"Range", "if-match", "absent"},
        )
        context.auth_method_query = place == "query"
        context.expiration_time = NOW + datetime.timedelta(seconds=60)
        v2_signer_v4.SignerV4().sign(context)
        yield record(
            f"alibabacloud-oss-v2/v4/{place}/public/additional/long-lived/'k'",
            *("v4", place, "public", "k", "long-lived", "GET", request.url, dict(request.headers), 60),
        )


def oss2_requests():
    for version, auth in [("v1", oss2.ProviderAuth), ("v4", oss2.ProviderAuthV4)]:
        for kind, key, secret in [
            *[(kind, KEYS[2], "long-lived") for kind in ENDPOINTS],
            *[(kind, KEYS[2], "temporary") for kind in OTHERS],
            *[("public", key, "temporary") for key in KEYS],
        ]:
            endpoint, addressing = ENDPOINTS[kind]
            ak, sk, token = SECRETS[secret]
            provider = oss2.credentials.StaticCredentialsProvider(ak, sk, token)
            session = Session()
            bucket = oss2.Bucket(
                *(auth(provider), endpoint, BUCKET),
                session=session,
                region=REGION,
                is_cname=addressing == "cname",
                is_path_style=addressing == "path",
                is_verify_object_strict=False,
            )
            calls = {
                "get": lambda: bucket.get_object(key, params={"versionId": "v+1/x"}),
                "put": lambda: bucket.put_object(key, b"x", {"x-oss-meta-b": "2", "x-oss-meta-a": "1"}),
                "list": lambda: bucket.list_objects_v2(prefix="a/b", start_after="a b+", max_keys=3),
            }
            for call, ask in calls.items():
                try:
                    ask()
                except Kept:
                    pass
                request = session.request
                url = request.url
                if request.params:
                    url += "?" + "&".join(oss2.auth._param_to_quoted_query(k, v) for k, v in request.params.items())
                yield record(
                    f"oss2/{version}/header/{kind}/{call}/{secret}/{key!r}",
                    *(version, "header", kind, None if call == "list" else key, secret, request.method, url, request.headers),
                )
            url = bucket.sign_url("GET", key, 599, slash_safe=True)
            yield record(
                f"oss2/{version}/query/{kind}/get/{secret}/{key!r}",
                *(version, "query", kind, key, secret, "GET", url, {}, 599),
            )


def main():
    clock = types.SimpleNamespace(datetime=FixedDatetime, timezone=datetime.timezone, timedelta=datetime.timedelta)
    with (
        mock.patch("oss2.auth.datetime", FixedDatetime),
        mock.patch("oss2.auth.time.time", lambda: NOW.timestamp()),
        mock.patch("oss2.utils.http_date", lambda *_: email.utils.format_datetime(NOW, usegmt=True)),
        mock.patch.object(v2_signer_v1, "datetime", clock),
        mock.patch.object(v2_signer_v4, "datetime", clock),
        mock.patch("alibabacloud_oss_v2.presigner.datetime", clock),
    ):
        vectors = [*v2_requests(), *oss2_requests()]
    names = [vector["name"] for vector in vectors]
    assert len(set(names)) == len(names), "two vectors of one name"
    about = (
        "Requests of the official Python SDKs. `url` and `headers` are the complete request; its signature is in the authorization "
        "header or in the query, as `place` says. `time` is the signer's clock in seconds since 1970, `seconds` the life of a "
        "presigned URL. A reader verifies each, and makes the same signature itself."
    )
    sdks = {"oss2": oss2.__version__, "alibabacloud-oss-v2": oss_v2.__version__}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"about": about, "sdks": sdks, "vectors": vectors}, file, ensure_ascii=True, indent=1)
        file.write("\n")
    print(f"{len(vectors)} requests")


if __name__ == "__main__":
    main()
