"""The two SDKs without encryption, behind one small interface of the calls that applications make."""

import datetime

import alibabacloud_oss_v2 as oss
import oss2

import peers

MINUTES = 10


class Oss2:
    def __init__(self, service):
        self.name = service.bucket
        self.bucket = peers.Oss2(service).plain()

    def put(self, key, data, colour):
        self.bucket.put_object(key, data, headers={"x-oss-meta-colour": colour, "Content-Type": "text/x-ramp"})

    def get(self, key):
        return self.bucket.get_object(key).read()

    def get_range(self, key, first, last):
        return self.bucket.get_object(key, byte_range=(first, last)).read()

    def head(self, key):
        """Size, content type and the pair of metadata."""
        found = self.bucket.head_object(key)
        return found.content_length, found.content_type, found.headers["x-oss-meta-colour"]

    def keys(self, prefix):
        """In pages of three."""
        return [entry.key for entry in oss2.ObjectIteratorV2(self.bucket, prefix=prefix, max_keys=3)]

    def delete(self, key):
        self.bucket.delete_object(key)

    def copy(self, source, target):
        self.bucket.copy_object(self.name, source, target)

    def put_parts(self, key, data, part_size):
        """Lists the parts, two per page, before it completes the upload."""
        upload = self.bucket.init_multipart_upload(key).upload_id
        parts = []
        for number, part in peers.split(data, part_size):
            result = self.bucket.upload_part(key, upload, number, part)
            parts.append(oss2.models.PartInfo(number, result.etag, size=len(part), part_crc=result.crc))
        listed = [part.part_number for part in oss2.PartIterator(self.bucket, key, upload, max_parts=2)]
        assert listed == [part.part_number for part in parts], f"the listed parts are {listed}"
        self.bucket.complete_multipart_upload(key, upload, parts)

    def abort(self, key):
        """Initiates an upload and aborts it."""
        upload = self.bucket.init_multipart_upload(key).upload_id
        self.bucket.upload_part(key, upload, 1, b"part")
        self.bucket.abort_multipart_upload(key, upload)

    def presign(self, method, key):
        """The URL and the headers that go with it."""
        return self.bucket.sign_url(method, key, MINUTES * 60, slash_safe=True), {}

    def refusal(self, key):
        """The code of the refusal to read an object."""
        try:
            self.get(key)
        except oss2.exceptions.ServerError as error:
            return error.code
        raise AssertionError("the read succeeded")


class OssV2:
    def __init__(self, service):
        self.name = service.bucket
        self.client = peers.OssV2(service).unencrypted

    def put(self, key, data, colour):
        metadata = {"colour": colour}
        self.client.put_object(
            oss.PutObjectRequest(bucket=self.name, key=key, body=data, metadata=metadata, content_type="text/x-ramp")
        )

    def get(self, key, **more):
        with self.client.get_object(oss.GetObjectRequest(bucket=self.name, key=key, **more)).body as body:
            return body.read()

    def get_range(self, key, first, last):
        return self.get(key, range_header=f"bytes={first}-{last}", range_behavior="standard")

    def head(self, key):
        found = self.client.head_object(oss.HeadObjectRequest(bucket=self.name, key=key))
        return found.content_length, found.content_type, found.metadata["colour"]

    def keys(self, prefix):
        request = oss.ListObjectsV2Request(bucket=self.name, prefix=prefix, max_keys=3)
        pages = self.client.list_objects_v2_paginator().iter_page(request)
        return [entry.key for page in pages for entry in page.contents or []]

    def delete(self, key):
        self.client.delete_object(oss.DeleteObjectRequest(bucket=self.name, key=key))

    def copy(self, source, target):
        self.client.copy_object(
            oss.CopyObjectRequest(bucket=self.name, key=target, source_bucket=self.name, source_key=source)
        )

    def initiate(self, key):
        return self.client.initiate_multipart_upload(
            oss.InitiateMultipartUploadRequest(bucket=self.name, key=key)
        ).upload_id

    def part(self, key, upload, number, part):
        return self.client.upload_part(
            oss.UploadPartRequest(bucket=self.name, key=key, upload_id=upload, part_number=number, body=part)
        )

    def put_parts(self, key, data, part_size):
        upload, parts = self.initiate(key), []
        for number, part in peers.split(data, part_size):
            result = self.part(key, upload, number, part)
            parts.append(oss.UploadPart(part_number=number, etag=result.etag))
        pages = self.client.list_parts_paginator().iter_page(
            oss.ListPartsRequest(bucket=self.name, key=key, upload_id=upload, max_parts=2)
        )
        listed = [part.part_number for page in pages for part in page.parts]
        assert listed == [part.part_number for part in parts], f"the listed parts are {listed}"
        self.client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=self.name,
                key=key,
                upload_id=upload,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
            )
        )

    def abort(self, key):
        upload = self.initiate(key)
        self.part(key, upload, 1, b"part")
        self.client.abort_multipart_upload(
            oss.AbortMultipartUploadRequest(bucket=self.name, key=key, upload_id=upload)
        )

    def presign(self, method, key):
        request = {"GET": oss.GetObjectRequest, "PUT": oss.PutObjectRequest}[method](bucket=self.name, key=key)
        made = self.client.presign(request, expires=datetime.timedelta(minutes=MINUTES))
        return made.url, dict(made.signed_headers or {})

    def refusal(self, key):
        try:
            self.get(key)
        except oss.exceptions.OperationError as error:
            return error.unwrap().code
        raise AssertionError("the read succeeded")
