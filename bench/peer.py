"""One measured transfer by an official Python SDK in a process of its own. Prints the same report as the example `transfer`.

The argument is the same JSON, with three fields more: `peer` names the SDK, `suite` is aes-ctr or none, and `way` is
`simple` for one request or `managed` for the SDK's uploader or downloader, with parts and threads. The uploader of
oss-v2 does not encrypt, so this script uploads its parts from threads of its own.
"""

import concurrent.futures
import json
import os
import pathlib
import resource
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

import alibabacloud_oss_v2 as oss
import oss2
import peers
from keys import RsaKey


def main():
    plan = json.loads(sys.argv[1])
    service = peers.Service(
        endpoint=plan["endpoint"],
        region="cn-hangzhou",
        bucket=plan["bucket"],
        access_key_id=os.environ["OSS_ACCESS_KEY_ID"],
        access_key_secret=os.environ["OSS_ACCESS_KEY_SECRET"],
    )
    folder = pathlib.Path(plan["key_folder"])
    key = RsaKey(name=plan["key_name"], padding="pkcs1", description={}, folder=folder)
    peer = {"oss2": Oss2, "oss-v2": OssV2}[plan["peer"]](service, key, plan)
    warm = plan["key"] + "warm"
    peer.put_bytes(warm, b"1" * 16)
    peer.get_bytes(warm)
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    {"put": peer.put, "get": peer.get, "put-many": peer.put_many, "get-many": peer.get_many}[plan["work"]]()
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_bytes": after.ru_maxrss << 10,
        "rate": plan.get("count", 0) / seconds,
    }
    print(json.dumps(report))


class Peer:
    """Base of both SDKs: many small objects, one after the other, over one connection."""

    def __init__(self, plan):
        self.plan, self.file = plan, pathlib.Path(plan.get("file", ""))

    def put_many(self):
        size = self.plan["size"]
        ramp = bytes(i % 251 for i in range(size + 251))
        for i in range(self.plan["count"]):
            self.put_bytes(f"{self.plan['key']}{i}", ramp[i % 251 : i % 251 + size])

    def get_many(self):
        for i in range(self.plan["count"]):
            if len(self.get_bytes(f"{self.plan['key']}{i}")) != self.plan["size"]:
                sys.exit("an object has another length")


class Oss2(Peer):
    def __init__(self, service, key, plan):
        super().__init__(plan)
        wrapper = peers.Oss2(service)
        # One bucket object for all requests, so that its connections are reused.
        self.bucket = wrapper.plain() if plan["suite"] == "none" else wrapper.bucket(key)

    def put_bytes(self, name, data):
        self.bucket.put_object(name, data)

    def get_bytes(self, name):
        return self.bucket.get_object(name).read()

    def put(self):
        if self.plan["way"] == "simple":
            self.bucket.put_object_from_file(self.plan["key"], str(self.file))
            return
        store = oss2.ResumableStore(root=str(self.file.parent))
        oss2.resumable_upload(
            self.bucket,
            self.plan["key"],
            str(self.file),
            store,
            multipart_threshold=1,
            part_size=self.plan["part_size"],
            num_threads=self.plan["jobs"],
        )

    def get(self):
        if self.plan["way"] == "simple":
            with self.file.open("r+b") as target:
                shutil.copyfileobj(self.bucket.get_object(self.plan["key"]), target, 1 << 20)
            return
        store = oss2.ResumableDownloadStore(root=str(self.file.parent))
        oss2.resumable_download(
            self.bucket,
            self.plan["key"],
            str(self.file),
            multiget_threshold=1,
            part_size=self.plan["part_size"],
            num_threads=self.plan["jobs"],
            store=store,
        )


class OssV2(Peer):
    def __init__(self, service, key, plan):
        super().__init__(plan)
        wrapper = peers.OssV2(service)
        self.name = service.bucket
        self.client = wrapper.unencrypted if plan["suite"] == "none" else wrapper.client(key)

    def put_bytes(self, name, data):
        self.client.put_object(oss.PutObjectRequest(bucket=self.name, key=name, body=data))

    def get_bytes(self, name):
        with self.client.get_object(oss.GetObjectRequest(bucket=self.name, key=name)).body as body:
            return body.read()

    def put(self):
        key = self.plan["key"]
        if self.plan["way"] == "simple":
            with self.file.open("rb") as body:
                self.client.put_object(oss.PutObjectRequest(bucket=self.name, key=key, body=body))
            return
        # The SDK's uploader does not work with its encryption, so threads send the parts by single calls.
        size, part = self.file.stat().st_size, self.plan["part_size"]
        begin = oss.InitiateMultipartUploadRequest(bucket=self.name, key=key, cse_data_size=size, cse_part_size=part)
        begun = self.client.initiate_multipart_upload(begin)

        def send(number):
            with self.file.open("rb") as file:
                file.seek((number - 1) * part)
                body = file.read(part)
            request = oss.UploadPartRequest(
                bucket=self.name,
                key=key,
                upload_id=begun.upload_id,
                part_number=number,
                body=body,
                cse_multipart_context=begun.cse_multipart_context,
            )
            return oss.UploadPart(part_number=number, etag=self.client.upload_part(request).etag)

        with concurrent.futures.ThreadPoolExecutor(self.plan["jobs"]) as threads:
            parts = list(threads.map(send, range(1, -(-size // part) + 1)))
        self.client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=self.name,
                key=key,
                upload_id=begun.upload_id,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
            )
        )

    def get(self):
        key = self.plan["key"]
        if self.plan["way"] == "simple":
            reply = self.client.get_object(oss.GetObjectRequest(bucket=self.name, key=key))
            with reply.body as body, self.file.open("r+b") as target:
                for piece in body.iter_bytes(block_size=1 << 20):
                    target.write(piece)
            return
        downloader = oss.Downloader(self.client, part_size=self.plan["part_size"], parallel_num=self.plan["jobs"])
        # A range switches its checksum off. It compares the CRC-64 of decrypted bytes with that of stored bytes, which always fails.
        request = oss.GetObjectRequest(bucket=self.name, key=key, range_header="bytes=0-")
        downloader.download_file(request, str(self.file))


if __name__ == "__main__":
    main()
