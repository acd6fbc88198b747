"""The official SDKs of the key service against `osseal serve --kms-listen`, live.

    target/venv/kms/bin/python interop/kms.py --osseal target/debug/osseal

* `alibabacloud-kms20160120` signs with ACS3-HMAC-SHA256, in headers;
* `aliyun-python-sdk-kms` signs with HMAC-SHA1, in the query;
* `AliKMSProvider` of oss2 encrypts objects with keys that it gets through the latter.

Each client decrypts the other's ciphertext. The command reads objects of oss2 with a key of `kind = "kms"`; oss2 reads only its
own encoding of blobs. Every check of an agreement has a control: the same with a wrong secret, context or key is refused.
"""

import argparse
import base64
import contextlib
import json
import logging
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

import oss2
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkkms.request.v20160120 import (
    DecryptRequest,
    DescribeKeyRequest,
    EncryptRequest,
    GenerateDataKeyRequest,
    ListAliasesRequest,
)
from darabonba.exceptions import DaraException

logging.getLogger("oss2").setLevel(logging.CRITICAL)

REGION, ALIAS, BUCKET = "cn-hangzhou", "alias/osseal", "kms-interop"
ID, SECRET = "interop", secrets.token_hex(16)
CONTEXT = {"b": "2", "a": "对 &="}
TEXT = base64.b64encode(bytes(range(16))).decode()


class Refused(Exception):
    """A refusal of the service, with its code."""


class Present:
    """`alibabacloud-kms20160120`."""

    name = "alibabacloud-kms20160120"
    wrong_secret = "SignatureDoesNotMatch"

    def __init__(self, endpoint, secret=SECRET):
        config = Config(access_key_id=ID, access_key_secret=secret, region_id=REGION)
        config.endpoint, config.protocol = endpoint.removeprefix("http://"), "http"
        self.client = Client(config)

    def call(self, method, request):
        try:
            return method(request).body.to_map()
        except DaraException as error:
            raise Refused(error.code) from error

    def generate(self, key, context=None):
        request = models.GenerateDataKeyRequest(key_id=key, encryption_context=context, key_spec="AES_256")
        return self.call(self.client.generate_data_key, request)

    def encrypt(self, key, text, context=None):
        request = models.EncryptRequest(key_id=key, plaintext=text, encryption_context=context)
        return self.call(self.client.encrypt, request)

    def decrypt(self, blob, context=None):
        request = models.DecryptRequest(ciphertext_blob=blob, encryption_context=context)
        return self.call(self.client.decrypt, request)

    def describe(self, key):
        return self.call(self.client.describe_key, models.DescribeKeyRequest(key_id=key))

    def aliases(self):
        return self.call(self.client.list_aliases, models.ListAliasesRequest(page_number=1, page_size=10))


class Older:
    """`aliyun-python-sdk-kms`."""

    name = "aliyun-python-sdk-kms"
    wrong_secret = "InvalidAccessKeySecret"  # its own word, when the service signed the same text to something else

    def __init__(self, endpoint, secret=SECRET):
        self.client = AcsClient(ID, secret, REGION, auto_retry=False)
        self.client.add_endpoint(REGION, "Kms", endpoint)

    def call(self, request, **parameters):
        request.set_accept_format("JSON")
        request.set_method("POST")
        for name, value in parameters.items():
            if value is not None:
                getattr(request, f"set_{name}")(json.dumps(value) if isinstance(value, dict) else value)
        try:
            return json.loads(self.client.do_action_with_exception(request))
        except ServerException as error:
            raise Refused(error.error_code) from error

    def generate(self, key, context=None):
        request = GenerateDataKeyRequest.GenerateDataKeyRequest()
        return self.call(request, KeyId=key, KeySpec="AES_256", NumberOfBytes=32, EncryptionContext=context)

    def encrypt(self, key, text, context=None):
        return self.call(EncryptRequest.EncryptRequest(), KeyId=key, Plaintext=text, EncryptionContext=context)

    def decrypt(self, blob, context=None):
        return self.call(DecryptRequest.DecryptRequest(), CiphertextBlob=blob, EncryptionContext=context)

    def describe(self, key):
        return self.call(DescribeKeyRequest.DescribeKeyRequest(), KeyId=key)

    def aliases(self):
        return self.call(ListAliasesRequest.ListAliasesRequest(), PageNumber=1, PageSize=10)


def check_client(client, other):
    """Each call of one SDK; the other decrypts its ciphertext."""
    [alias] = client.aliases()["Aliases"]["Alias"]
    equal(alias["AliasName"], ALIAS)
    key = alias["KeyId"]
    described = client.describe(ALIAS)["KeyMetadata"]
    equal((described["KeyId"], described["KeyState"], described["KeyUsage"]), (key, "Enabled", "ENCRYPT/DECRYPT"))
    for name in (ALIAS, key, described["Arn"]):
        for context in (None, CONTEXT):
            encrypted = client.encrypt(name, TEXT, context)
            equal(encrypted["KeyId"], key)
            swapped = dict(reversed(context.items())) if context else None
            opened = other.decrypt(encrypted["CiphertextBlob"], swapped)
            equal((opened["Plaintext"], opened["KeyId"]), (TEXT, key))
            equal(opened["KeyVersionId"], encrypted["KeyVersionId"])
    made = client.generate(ALIAS, CONTEXT)
    equal(len(base64.b64decode(made["Plaintext"])), 32)
    equal(other.decrypt(made["CiphertextBlob"], CONTEXT)["Plaintext"], made["Plaintext"])
    different(client.generate(ALIAS)["Plaintext"], client.generate(ALIAS)["Plaintext"])

    refused("InvalidParameter", client.decrypt, made["CiphertextBlob"])
    refused("InvalidParameter", client.decrypt, made["CiphertextBlob"], {"b": "2"})
    refused("InvalidParameter", client.decrypt, base64.b64encode(b"no blob").decode())
    refused("Forbidden.KeyNotFound", client.describe, "key-that-is-not-there")
    refused("Forbidden.AliasNotFound", client.encrypt, "alias/none", TEXT)


def check_wrong_secret(sdk, endpoint):
    refused(sdk.wrong_secret, sdk(endpoint, "another secret").describe, ALIAS)


def check_oss2(store, kms, passphrase):
    """Objects of oss2 with the key service: whole, by range, and closed without the passphrase."""

    def bucket(passphrase):
        provider = oss2.AliKMSProvider(ID, SECRET, REGION, ALIAS, passphrase=passphrase)
        provider.kms_client.add_endpoint(REGION, "Kms", kms)
        auth = oss2.AuthV4(ID, SECRET)
        return oss2.CryptoBucket(auth, store, BUCKET, provider, region=REGION, is_path_style=True)

    data, name = bytes(i % 251 for i in range(70_001)), f"oss2-{passphrase}"
    ours = bucket(passphrase)
    ours.put_object(name, data)
    equal(ours.get_object(name).read(), data)
    equal(ours.get_object(name, byte_range=(16_001, 40_000)).read(), data[16_001:40_001])
    plain = oss2.Bucket(oss2.AuthV4(ID, SECRET), store, BUCKET, region=REGION, is_path_style=True)
    stored = plain.get_object(name)
    equal(stored.headers["x-oss-meta-client-side-encryption-wrap-alg"], "KMS/ALICLOUD")
    different(stored.read(), data)
    try:
        bucket("another passphrase").get_object(name).read()
    except oss2.exceptions.OssError as error:
        equal(error.code, "InvalidParameter")
    else:
        raise AssertionError("opened with another passphrase")


def check_osseal(osseal, work, store, kms, passphrase):
    """Objects of oss2 read by the command, whole and by range, and objects of the command read by oss2."""

    def bucket(secret):
        provider = oss2.AliKMSProvider(ID, SECRET, REGION, ALIAS, passphrase=secret)
        provider.kms_client.add_endpoint(REGION, "Kms", kms)
        auth = oss2.AuthV4(ID, SECRET)
        return oss2.CryptoBucket(auth, store, BUCKET, provider, region=REGION, is_path_style=True)

    folder = pathlib.Path(tempfile.mkdtemp(dir=work))

    def configure(secret):
        lines = [
            f'[profile.default]\nregion = "{REGION}"\nendpoint = "{store}"\nsuite = "aes-ctr"\nkeyring = ["vault"]\n',
            f'[key.vault]\nkind = "kms"\nid = "{ALIAS}"\nendpoint = "{kms}"',
        ]
        if secret is not None:
            (folder / "passphrase").touch(0o600)
            (folder / "passphrase").write_text(secret)
            lines.append('passphrase-file = "passphrase"')
        (folder / "osseal.toml").write_text("\n".join(lines) + "\n")

    def run(*arguments):
        environment = {"HOME": str(folder), "OSS_ACCESS_KEY_ID": ID, "OSS_ACCESS_KEY_SECRET": SECRET}
        # Named, because a configuration that merely lies in the working directory sends no passphrase.
        command = [osseal, "--config", "osseal.toml", *arguments]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()

    data, name = bytes(i % 251 for i in range(70_001)), f"for-osseal-{passphrase}"
    there = f"oss://{BUCKET}/{name}"
    bucket(passphrase).put_object(name, data)
    configure(passphrase)
    equal(run("cat", there), (0, data, ""))
    equal(run("cat", "--range", "16001-40000", there), (0, data[16_001:40_001], ""))
    equal(run("cp", there, "copy")[0], 0)
    equal((folder / "copy").read_bytes(), data)
    if passphrase is not None:
        for other in (None, "another passphrase"):
            configure(other)
            code, out, words = run("cat", there)
            equal((code, out), (5, b""))
            if "key" not in words:
                raise AssertionError(words)
        # oss2 binds nothing without a passphrase, so that such an object opens whether or not one is configured.
        bucket(None).put_object(name, data)
        configure(passphrase)
        equal(run("cat", there), (0, data, ""))

    # oss2 encodes a blob twice and reads no other, be it of the Java SDK or of the command: it hands the bytes on as text.
    configure(passphrase)
    (folder / "ours").write_bytes(data)
    ours = f"from-osseal-{passphrase}"
    equal(run("cp", "ours", f"oss://{BUCKET}/{ours}")[0], 0)
    equal(run("cat", f"oss://{BUCKET}/{ours}"), (0, data, ""))
    try:
        bucket(None).get_object(ours).read()
    except oss2.exceptions.OssError as error:
        equal(error.code, "InvalidParameter")
    else:
        raise AssertionError("oss2 reads blobs that are encoded once")


def shown(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} … {text[-200:]}"


def equal(have, want):
    if have != want:
        raise AssertionError(f"{shown(have)} instead of {shown(want)}")


def different(one, other):
    if one == other:
        raise AssertionError(f"{one!r} twice")


def refused(code, call, *arguments):
    try:
        reply = call(*arguments)
    except Refused as refusal:
        equal(str(refusal), code)
    else:
        raise AssertionError(f"{reply!r} instead of {code}")


@contextlib.contextmanager
def served(osseal, work):
    """The command, serving: the endpoints of the store and of the key service."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "OSS_ACCESS_KEY_ID": ID,
        "OSS_ACCESS_KEY_SECRET": SECRET,
        "OSS_REGION": REGION,
    }
    command = [osseal, "serve", "--listen", "127.0.0.1:0", "--kms-listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=work) as server:
        try:
            lines = [server.stdout.readline().strip() for _ in range(2)]
            equal([line.split("listening on http://127.0.0.1:")[0] for line in lines], ["", "kms "])
            yield [line.rpartition(" ")[2] for line in lines]
        finally:
            server.terminate()
        equal((server.stdout.read(), server.wait(timeout=10)), ("", 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--osseal", required=True, type=pathlib.Path, help="the command under test")
    osseal = parser.parse_args().osseal.resolve()
    os.environ["NO_PROXY"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as work, served(osseal, work) as (store, kms):
        auth = oss2.AuthV4(ID, SECRET)
        oss2.Bucket(auth, store, BUCKET, region=REGION, is_path_style=True).create_bucket()
        present, older = Present(kms), Older(kms)
        cases = {
            f"{present.name}, opened by {older.name}": (check_client, present, older),
            f"{older.name}, opened by {present.name}": (check_client, older, present),
            f"{present.name} with a wrong secret": (check_wrong_secret, Present, kms),
            f"{older.name} with a wrong secret": (check_wrong_secret, Older, kms),
            "oss2 AliKMSProvider": (check_oss2, store, kms, None),
            "oss2 AliKMSProvider with a passphrase": (check_oss2, store, kms, "open sesame"),
            "oss2 AliKMSProvider and osseal": (check_osseal, osseal, work, store, kms, None),
            "oss2 AliKMSProvider and osseal with a passphrase": (check_osseal, osseal, work, store, kms, "open sesame"),
        }
        failed = 0
        for name, (check, *arguments) in cases.items():
            try:
                check(*arguments)
                print(f"passed: {name}")
            except Exception as error:  # noqa: BLE001: any exception of an SDK is a result
                failed += 1
                print(f"FAILED: {name}: {type(error).__name__}: {error}")
    print(f"kms interop: {len(cases) - failed} of {len(cases)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
