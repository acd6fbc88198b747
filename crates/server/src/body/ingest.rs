//! Object data on its way in: counted, digested and written down chunk by chunk, judged at its end.

use std::pin::Pin;

use bytes::Bytes;
use http_body_util::BodyExt;
use md5::{Digest, Md5};

use osseal_wire::oss::{Crc64, ServiceError};

use crate::body::Body;
use crate::ledger::Recording;
use crate::rules::error_reply;
use crate::rules::quirks::Etag;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BodyFailure {
    /// The client went away, or the connection did.
    #[error("the body broke off")]
    Lost,
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] ServiceError),
}

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its length, bytes.
    pub size: u64,
    /// MD5 of it; `None` where [`Etag::Crc64`] saves the work.
    pub md5: Option<[u8; 16]>,
    /// CRC-64/XZ of it.
    pub crc64: u64,
}

impl Facts {
    /// The ETag with its quotes: MD5 in upper-case hex or, where it was not computed, the length and CRC64.
    pub fn etag(&self) -> String {
        match self.md5 {
            Some(md5) => format!("\"{}\"", data_encoding::HEXUPPER.encode(&md5)),
            None => format!("\"{:016X}{:016X}\"", self.size, self.crc64),
        }
    }
}

/// A rule about the length of a body.
pub(crate) type LengthRule = Box<dyn FnOnce(u64) -> Result<(), ServiceError> + Send>;

/// What is demanded of a body before its first byte.
#[derive(Default)]
pub(crate) struct Demands {
    /// `Content-Length`: bytes beyond it are cut off in silence, as the service does.
    pub(crate) length: Option<u64>,
    /// Most bytes.
    pub(crate) largest: u64,
    /// `Content-MD5`.
    pub(crate) md5: Option<[u8; 16]>,
    /// `x-oss-hash-crc64ecma`.
    pub(crate) crc64: Option<u64>,
    /// A rule about the length, asked at the end.
    pub(crate) rule: Option<LengthRule>,
    /// Bytes after which the connection is to break.
    pub(crate) stop_after: Option<u64>,
}

/// A body while it arrives.
pub struct Incoming {
    body: Pin<Box<Body>>,
    demands: Demands,
    recording: Option<Recording>,
    md5: Option<Md5>,
    crc64: Crc64,
    size: u64,
    ended: bool,
    failed: bool,
}

impl Incoming {
    pub(crate) fn new(body: Body, demands: Demands, recording: Option<Recording>) -> Self {
        Incoming {
            body: Box::pin(body),
            demands,
            recording,
            md5: Some(Md5::new()),
            crc64: Crc64::default(),
            size: 0,
            ended: false,
            failed: false,
        }
    }

    /// Adds what a request says about its body, before the first byte.
    pub(crate) fn demand(
        &mut self,
        md5: Option<[u8; 16]>,
        crc64: Option<u64>,
        etag: Etag,
    ) -> Result<(), BodyFailure> {
        if self.demands.length.is_some_and(|length| length > self.demands.largest) {
            return Err(error_reply::too_large().into());
        }
        if md5.is_none() && etag == Etag::Crc64 {
            self.md5 = None;
        }
        (self.demands.md5, self.demands.crc64) = (md5, crc64);
        Ok(())
    }

    /// Leaves room for so many bytes fewer, which what the body is added to has taken.
    pub(crate) fn leave_room(&mut self, taken: u64) {
        self.demands.largest = self.demands.largest.saturating_sub(taken);
    }

    /// Adds a rule about the length, asked at the end.
    pub(crate) fn demand_rule(&mut self, rule: LengthRule) {
        self.demands.rule = Some(rule);
    }

    /// The next bytes, never none; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyFailure> {
        while !self.ended {
            if self.demands.length == Some(self.size) {
                self.ended = true;
                break;
            }
            if self.demands.stop_after.is_some_and(|after| self.size >= after) {
                return Err(self.fail(BodyFailure::Lost));
            }
            let data = match self.body.frame().await {
                None => {
                    self.ended = true;
                    break;
                }
                Some(Err(_)) => return Err(self.fail(BodyFailure::Lost)),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            if !data.is_empty() {
                return self.take(data).map(Some);
            }
        }
        Ok(None)
    }

    /// The facts, once [`next`](Incoming::next) has said `None` and if the body is what was demanded.
    pub fn finish(&mut self) -> Result<Facts, BodyFailure> {
        if self.failed || !self.ended {
            return Err(BodyFailure::Lost);
        }
        if self.demands.length.is_some_and(|length| self.size < length) {
            return Err(self.fail(error_reply::incomplete_body().into()));
        }
        if let Some(recording) = self.recording.take() {
            recording.complete();
        }
        if let Some(rule) = self.demands.rule.take() {
            rule(self.size)?;
        }
        let facts = Facts {
            size: self.size,
            md5: self.md5.take().map(|md5| md5.finalize().into()),
            crc64: self.crc64.value(),
        };
        if self.demands.md5.is_some() && self.demands.md5 != facts.md5 {
            return Err(error_reply::invalid_digest().into());
        }
        if self.demands.crc64.is_some_and(|crc64| crc64 != facts.crc64) {
            return Err(error_reply::invalid_crc64().into());
        }
        Ok(facts)
    }

    /// Reads on after the service has lost interest: to the end for the ledger's sake, else as far as makes a client hear a refusal
    /// instead of a broken connection.
    pub(crate) async fn drain(&mut self) {
        const PATIENCE: u64 = 8 << 20;
        self.demands.largest = if self.recording.is_some() { u64::MAX } else { self.size + PATIENCE };
        self.md5 = None;
        while !self.failed && matches!(self.next().await, Ok(Some(_))) {}
        if self.ended
            && let Some(recording) = self.recording.take()
        {
            recording.complete();
        }
    }

    fn take(&mut self, mut data: Bytes) -> Result<Bytes, BodyFailure> {
        let room = |limit: Option<u64>| {
            limit.map_or(usize::MAX, |limit| usize::try_from(limit - self.size).unwrap_or(usize::MAX))
        };
        data.truncate(room(self.demands.length).min(room(self.demands.stop_after)));
        if let Some(recording) = &mut self.recording {
            recording.update(&data);
        }
        self.size += data.len() as u64;
        if self.size > self.demands.largest {
            return Err(error_reply::too_large().into());
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(&data);
        }
        self.crc64.update(&data);
        Ok(data)
    }

    fn fail(&mut self, failure: BodyFailure) -> BodyFailure {
        self.failed = true;
        self.recording = None;
        failure
    }
}
