//! What a case asks with.

use bytes::Bytes;
use osseal_wire::oss::request::{
    Call, CompleteMultipartUpload, CopyObject, DeleteObject, GetObject, ListObjects, PutBucket, PutObject,
    Request, UploadPart,
};
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, CompleteResult, InitiateResult};
use osseal_wire::oss::{Credentials, Metadata, PutReply};

use crate::expect::{Outcome, Stop, readable, same_bytes};
use crate::letter::{Letter, Reply};
use crate::target::Target;
use crate::traces::Traces;

/// Fewest bytes of every part but the last.
pub(super) const PART: usize = 100 << 10;

/// A target as one case sees it: keys of its own, and everything remembered for its removal.
pub(super) struct Probe<'a> {
    pub(super) target: &'a Target,
    pub(super) traces: &'a Traces,
    prefix: String,
}

impl<'a> Probe<'a> {
    pub(super) fn new(target: &'a Target, traces: &'a Traces, case: &str) -> Probe<'a> {
        Probe { target, traces, prefix: traces.prefix(case) }
    }

    /// The beginning of all keys of the case.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A key of the case.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Who signs, for cases that are about that.
    pub(super) fn credentials(&self) -> Outcome<Credentials> {
        self.target.credentials.clone().ok_or_else(|| Stop::skip("the target has no credentials"))
    }

    /// A bucket of the case's own, made now and removed after the run.
    pub(super) async fn own_bucket(&self, letter: char) -> Outcome<String> {
        if !self.target.makes_buckets {
            return Err(Stop::skip("the target lets no buckets be made"));
        }
        let bucket = self.traces.bucket(letter);
        self.letter(Some(&bucket), None, Call::PutBucket(PutBucket::default())).send().await?.answers(200)?;
        Ok(bucket)
    }

    /// A request about anything.
    pub(super) fn letter(&'a self, bucket: Option<&str>, key: Option<&str>, call: Call) -> Letter<'a> {
        Letter::new(self, Request { bucket: bucket.map(str::to_owned), key: key.map(str::to_owned), call })
    }

    /// A request about an object of the bucket.
    pub(super) fn ask(&'a self, key: &str, call: Call) -> Letter<'a> {
        self.letter(Some(&self.target.bucket), Some(key), call)
    }

    /// Stores an object.
    pub(super) async fn put(&self, key: &str, body: &[u8]) -> Outcome<PutReply> {
        self.put_with(key, PutObject::default(), body).await?.stored()
    }

    /// Stores an object with headers; the reply is not judged.
    pub(super) async fn put_with(&self, key: &str, put: PutObject, body: &[u8]) -> Outcome<Reply> {
        self.ask(key, Call::PutObject(put)).body(body.to_vec()).send().await
    }

    /// Reads an object; the reply is not judged.
    pub(super) async fn get(&self, key: &str) -> Outcome<Reply> {
        self.get_with(key, GetObject::default()).await
    }

    pub(super) async fn get_with(&self, key: &str, get: GetObject) -> Outcome<Reply> {
        self.ask(key, Call::GetObject(get)).send().await
    }

    pub(super) async fn head(&self, key: &str) -> Outcome<Reply> {
        self.ask(key, Call::HeadObject(GetObject::default())).send().await
    }

    pub(super) async fn delete(&self, key: &str) -> Outcome<Reply> {
        self.ask(key, Call::DeleteObject(DeleteObject::default())).send().await
    }

    /// Asserts what an object holds.
    pub(super) async fn reads(&self, key: &str, expected: &[u8]) -> Outcome<Reply> {
        let reply = self.get(key).await?.answers(200)?;
        same_bytes("the object's bytes", &reply.body, expected)?;
        Ok(reply)
    }

    /// Asserts that there is no such object.
    pub(super) async fn lacks(&self, key: &str) -> Outcome {
        self.get(key).await?.refuses(404, "NoSuchKey", "0026-00000001").map(drop)
    }

    /// Copies an object of the bucket to another key of it; the reply is not judged.
    pub(super) async fn copy(&self, source: &str, target: &str, copy: CopyObject) -> Outcome<Reply> {
        let (source_bucket, source_key) = (self.target.bucket.clone(), source.to_owned());
        self.ask(target, Call::CopyObject(CopyObject { source_bucket, source_key, ..copy })).send().await
    }

    pub(super) async fn list(&self, list: ListObjects) -> Outcome<Reply> {
        self.letter(Some(&self.target.bucket), None, Call::ListObjects(list)).send().await
    }

    /// Begins an upload and gives its identifier.
    pub(super) async fn initiate(&self, key: &str, put: PutObject) -> Outcome<String> {
        let reply = self.ask(key, Call::InitiateMultipartUpload(put.into())).send().await?.answers(200)?;
        let result = readable("the beginning of an upload", InitiateResult::from_xml(&reply.body))?;
        Ok(readable("an upload id", result.upload_id())?.to_owned())
    }

    /// Sends a part; the reply is not judged.
    pub(super) async fn part(&self, key: &str, part: UploadPart, body: &[u8]) -> Outcome<Reply> {
        self.ask(key, Call::UploadPart(part)).body(body.to_vec()).send().await
    }

    /// Sends a plain part and gives its ETag.
    pub(super) async fn plain_part(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        body: &[u8],
    ) -> Outcome<String> {
        Ok(self.part(key, numbered(upload, number), body).await?.stored()?.etag)
    }

    /// Ends an upload; the reply is not judged.
    pub(super) async fn complete(&self, key: &str, upload: &str, parts: &[(u32, String)]) -> Outcome<Reply> {
        self.ask(key, Call::CompleteMultipartUpload(completion(upload, parts))).send().await
    }

    /// Ends an upload that must succeed.
    pub(super) async fn completed(
        &self,
        key: &str,
        upload: &str,
        parts: &[(u32, String)],
    ) -> Outcome<CompleteResult> {
        let reply = self.complete(key, upload, parts).await?.answers(200)?;
        readable("the end of an upload", CompleteResult::from_reply(&reply.body))
    }
}

/// A part without headers.
pub(super) fn numbered(upload: &str, part_number: u32) -> UploadPart {
    UploadPart { upload_id: upload.to_owned(), part_number, ..UploadPart::default() }
}

/// The end of an upload that lists these parts.
pub(super) fn completion(upload: &str, parts: &[(u32, String)]) -> CompleteMultipartUpload {
    let listed = parts
        .iter()
        .map(|(part_number, etag)| CompletePart { part_number: *part_number, etag: etag.clone() });
    CompleteMultipartUpload {
        upload_id: upload.to_owned(),
        parts: CompleteRequest { parts: listed.collect() },
        ..CompleteMultipartUpload::default()
    }
}

/// Headers to keep with an object.
pub(super) fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    Metadata(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect())
}

/// A put with headers.
pub(super) fn with_metadata(pairs: &[(&str, &str)]) -> PutObject {
    PutObject { metadata: metadata(pairs), ..PutObject::default() }
}

/// Byte i is i modulo 251.
pub(super) fn ramp(length: usize) -> Bytes {
    (0..=250_u8).cycle().take(length).collect()
}
