"""osseal and the two official Python SDKs behind one small interface.

A peer writes and reads encrypted objects with one key, through the interface that its users call. Nothing here encrypts
or decrypts: operations that a peer cannot perform are listed in matrix.py, not worked around here.
"""

import dataclasses
import json
import logging
import os
import subprocess

import alibabacloud_oss_v2 as oss
import oss2
from alibabacloud_oss_v2.crypto.master_rsa_cipher import MasterRsaCipher

from keys import quote, section

logging.getLogger("oss2").setLevel(logging.CRITICAL)


@dataclasses.dataclass(frozen=True)
class Service:
    """The endpoint of the store and the credentials that sign."""

    endpoint: str
    region: str
    bucket: str
    access_key_id: str
    access_key_secret: str
    security_token: str | None = None
    signature: str = "v4"  # or v1
    addressing: str = "path"  # or virtual-host


class Osseal:
    """The command with a profile of one suite. Its keyring holds every key, so that each read has to choose the right one."""

    name = "osseal"

    def __init__(self, service, command, work, keys, suite="aes-ctr"):
        self.service, self.command, self.work, self.keys, self.suite = service, command, work, keys, suite
        self.files = 0
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "NO_PROXY": "127.0.0.1",
            "OSS_ACCESS_KEY_ID": service.access_key_id,
            "OSS_ACCESS_KEY_SECRET": service.access_key_secret,
            "OSS_SESSION_TOKEN": service.security_token or "",
        }

    def put(self, key, name, data, *options):
        self.run(key, "cp", *options, self.file(data), self.url(name))

    def put_stream(self, key, name, data):
        """From standard input: the length is not known beforehand."""
        self.run(key, "cp", "-", self.url(name), stdin=data)

    def put_parts(self, key, name, data, part_size):
        self.put(key, name, data, "--multipart-threshold", part_size, "--part-size", part_size)

    def get(self, key, name, *options):
        target = self.file()
        self.run(key, "cp", *options, self.url(name), target)
        return target.read_bytes()

    def get_stream(self, key, name):
        return self.run(key, "cp", self.url(name), "-")

    def get_range(self, key, name, wanted, *options):
        return self.run(key, "cat", f"--range={wanted}", *options, self.url(name))

    def stat(self, key, name):
        return json.loads(self.run(key, "stat", "--json", self.url(name)))

    def make_bucket(self):
        self.run(self.keys[0], "mb", f"oss://{self.service.bucket}")

    def failure(self, keyring, *arguments):
        """Exit code and message of a command that must fail before its first byte of output."""
        done = self.attempt(keyring, arguments)
        assert done.returncode != 0, f"succeeded, with {len(done.stdout)} bytes"
        assert not done.stdout, f"failed after {len(done.stdout)} bytes"
        said = done.stderr.decode()
        assert said.strip(), "failed without a message"
        return done.returncode, said

    def refusal(self, keyring, name):
        """Exit code and message of a copy to a file, which must leave no file behind."""
        target = self.file()
        self.config(keyring)
        before = set(self.work.iterdir())
        failure = self.failure(keyring, "cp", self.url(name), target)
        left = [file.name for file in set(self.work.iterdir()) - before]
        assert not left, f"refused, but left {left}"
        return failure

    def run(self, key, *arguments, stdin=b""):
        keyring = [key, *(other for other in self.keys if other != key)]
        done = self.attempt(keyring, arguments, stdin)
        done.check_returncode()
        return done.stdout

    def attempt(self, keyring, arguments, stdin=b""):
        command = [self.command, "--config", str(self.config(keyring)), *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, env=self.environment, timeout=60)

    def config(self, keyring):
        """Writes osseal.toml for a keyring, once; the first key writes."""
        file = self.work / f"{'+'.join(key.name for key in keyring)}-{keyring[0].folder.name}.toml"
        if not file.exists():
            lines = [
                "[profile.default]",
                f"endpoint = {quote(self.service.endpoint)}",
                f"region = {quote(self.service.region)}",
                f"suite = {quote(self.suite)}",
                f"keyring = {quote([key.name for key in keyring])}",
            ]
            for key in keyring:
                lines += section(key)
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def file(self, data=None):
        self.files += 1
        file = self.work / f"file-{self.files}"
        if data is not None:
            file.write_bytes(data)
        return file

    def url(self, name):
        return f"oss://{self.service.bucket}/{name}"


class Oss2:
    """`oss2`, the first Python SDK: RsaProvider for PKCS#1 v1.5, LocalRsaProvider for OAEP with SHA-1."""

    name = "oss2"

    def __init__(self, service):
        self.service = service
        credentials = oss2.credentials.StaticCredentialsProvider(
            service.access_key_id, service.access_key_secret, service.security_token
        )
        self.auth = {"v1": oss2.ProviderAuth, "v4": oss2.ProviderAuthV4}[service.signature](credentials)

    def bucket(self, key):
        if key.padding == "oaep-sha1":
            provider = oss2.LocalRsaProvider(dir=str(key.folder), key=key.name)
        else:
            pair = {"private_key": key.private.read_text(), "public_key": key.public.read_text()}
            provider = oss2.RsaProvider(pair, mat_desc=key.description)
        return oss2.CryptoBucket(*self.place(), provider, **self.options())

    def put(self, key, name, data):
        self.bucket(key).put_object(name, data)

    def put_parts(self, key, name, data, part_size):
        """Parts go out last first: the order must not matter."""
        bucket = self.bucket(key)
        context = oss2.models.MultipartUploadCryptoContext(len(data), part_size)
        upload = bucket.init_multipart_upload(name, upload_context=context).upload_id
        parts = []
        for number, part in reversed(list(split(data, part_size))):
            result = bucket.upload_part(name, upload, number, part, upload_context=context)
            parts.append(oss2.models.PartInfo(number, result.etag, part_crc=result.crc, size=len(part)))
        bucket.complete_multipart_upload(name, upload, sorted(parts, key=lambda part: part.part_number))

    def put_managed(self, key, name, file, part_size):
        store = oss2.ResumableStore(root=str(file.parent))
        oss2.resumable_upload(
            self.bucket(key), name, str(file), store, multipart_threshold=1, part_size=part_size, num_threads=2
        )

    def get(self, key, name):
        return self.bucket(key).get_object(name).read()

    def get_range(self, key, name, wanted):
        first, last = bounds(wanted)
        return self.bucket(key).get_object(name, byte_range=(first, last)).read()

    def get_managed(self, key, name, file, part_size):
        store = oss2.ResumableDownloadStore(root=str(file.parent))
        oss2.resumable_download(
            self.bucket(key), name, str(file), multiget_threshold=1, part_size=part_size, num_threads=2, store=store
        )
        return file.read_bytes()

    def plain(self):
        """The bucket without encryption."""
        return oss2.Bucket(*self.place(), **self.options())

    def place(self):
        return self.auth, self.service.endpoint, self.service.bucket

    def options(self):
        return {"region": self.service.region, "is_path_style": self.service.addressing == "path"}


class OssV2:
    """`alibabacloud-oss-v2`, the second Python SDK: PKCS#1 v1.5 only."""

    name = "oss-v2"

    def __init__(self, service):
        self.bucket = service.bucket
        credentials = oss.credentials.StaticCredentialsProvider(
            service.access_key_id, service.access_key_secret, service.security_token
        )
        config = oss.config.load_default()
        config.credentials_provider = credentials
        config.endpoint, config.region = service.endpoint, service.region
        config.signature_version = service.signature
        config.use_path_style = service.addressing == "path" or None
        config.retry_max_attempts = 1  # a refusal is a finding, not a reason to wait
        self.unencrypted = oss.Client(config)

    def client(self, key):
        cipher = MasterRsaCipher(key.description, key.public.read_text(), key.private.read_text())
        return oss.EncryptionClient(self.unencrypted, cipher)

    def put(self, key, name, data):
        self.client(key).put_object(oss.PutObjectRequest(bucket=self.bucket, key=name, body=data))

    def put_parts(self, key, name, data, part_size):
        """Parts go out last first: the order must not matter."""
        client = self.client(key)
        begun = client.initiate_multipart_upload(
            oss.InitiateMultipartUploadRequest(
                bucket=self.bucket, key=name, cse_part_size=part_size, cse_data_size=len(data)
            )
        )
        parts = []
        for number, part in reversed(list(split(data, part_size))):
            result = client.upload_part(
                oss.UploadPartRequest(
                    bucket=self.bucket,
                    key=name,
                    upload_id=begun.upload_id,
                    part_number=number,
                    cse_multipart_context=begun.cse_multipart_context,
                    body=part,
                )
            )
            parts.append(oss.UploadPart(part_number=number, etag=result.etag))
        parts.sort(key=lambda part: part.part_number)
        client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=self.bucket,
                key=name,
                upload_id=begun.upload_id,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
            )
        )

    def put_managed(self, key, name, file, part_size):
        uploader = oss.Uploader(self.client(key), part_size=part_size)
        uploader.upload_file(oss.PutObjectRequest(bucket=self.bucket, key=name), str(file))

    def get_managed(self, key, name, file, part_size):
        downloader = oss.Downloader(self.client(key), part_size=part_size)
        downloader.download_file(oss.GetObjectRequest(bucket=self.bucket, key=name), str(file))
        return file.read_bytes()

    def get(self, key, name):
        return self.read(key, oss.GetObjectRequest(bucket=self.bucket, key=name))

    def get_range(self, key, name, wanted):
        return self.read(key, oss.GetObjectRequest(bucket=self.bucket, key=name, range_header=f"bytes={wanted}"))

    def read(self, key, request):
        with self.client(key).get_object(request).body as body:
            return body.read()


def split(data, part_size):
    """Numbered parts, from 1."""
    return enumerate((data[at : at + part_size] for at in range(0, len(data), part_size)), 1)


def bounds(wanted):
    """`first-last`, `first-` or `-length` as the pair that oss2 takes."""
    first, last = wanted.split("-")
    return (int(first) if first else None, int(last) if last else None)
