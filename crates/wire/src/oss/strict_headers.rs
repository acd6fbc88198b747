//! Strict access to the headers of a reply.

use http::HeaderMap;

use super::crc64::Crc64;
use super::header::CRC64;
use super::range::digits;
use super::reply_error::{MAX_HEADERS, ReplyError};

/// Headers of a reply; a repeated one is an error, because two readers could use different values.
pub(super) struct StrictHeaders<'a>(pub(super) &'a HeaderMap);

impl<'a> StrictHeaders<'a> {
    pub(super) fn new(headers: &'a HeaderMap) -> Result<StrictHeaders<'a>, ReplyError> {
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if size > MAX_HEADERS { Err(ReplyError::TooManyHeaders) } else { Ok(StrictHeaders(headers)) }
    }

    pub(super) fn one(&self, name: &'static str) -> Result<Option<&'a str>, ReplyError> {
        let mut values = self.0.get_all(name).iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(ReplyError::RepeatedHeader { name });
        }
        first.map(|value| value.to_str().map_err(|_| ReplyError::MalformedHeader { name })).transpose()
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, ReplyError> {
        Ok(self.one(name)?.unwrap_or_default().to_owned())
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, ReplyError> {
        let parse = if name == CRC64 { Crc64::parse } else { digits };
        self.one(name)?.map(|text| parse(text).ok_or(ReplyError::MalformedHeader { name })).transpose()
    }
}
