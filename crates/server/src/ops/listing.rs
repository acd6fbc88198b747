//! ListObjects, both versions.

use data_encoding::BASE64URL_NOPAD;
use http::StatusCode;
use osseal_wire::oss::request::ListObjects;
use osseal_wire::oss::xml::{CommonPrefix, ListObjectsResult, ObjectEntry};
use osseal_wire::oss::{ServiceError, listing};

use crate::backend::{Cursor, Listed};
use crate::ops::buckets::iso;
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::error_reply::refuse;

/// Entries of a page unless the request says.
pub(crate) const DEFAULT_PAGE: u32 = 100;
/// Rows that are asked of the backend at once.
pub(crate) const BATCH: usize = 1000;

impl Inner {
    pub(crate) async fn list_objects(&self, bucket: &str, list: &ListObjects) -> Outcome {
        let limit = list.max_keys.unwrap_or(DEFAULT_PAGE) as usize;
        let begin = match list.continuation_token.as_str() {
            "" => list.start_after.clone(),
            token => decode_token(token)?,
        };
        let page = self.collect_page(bucket, list, begin, limit).await?;
        let encode = encoder(list.url_encoding);
        let next = page.next.unwrap_or_default();
        let is_truncated = !next.is_empty();
        let (next_marker, next_token) = if list.version_1 {
            (encode(&next), String::new())
        } else {
            (String::new(), encode_token(&next))
        };
        let result = ListObjectsResult {
            name: bucket.to_owned(),
            prefix: encode(&list.prefix),
            marker: if list.version_1 { encode(&list.start_after) } else { String::new() },
            next_marker,
            start_after: if list.version_1 { String::new() } else { encode(&list.start_after) },
            continuation_token: list.continuation_token.clone(),
            max_keys: u32::try_from(limit).unwrap_or(DEFAULT_PAGE),
            delimiter: encode(&list.delimiter),
            encoding_type: encoding(list.url_encoding),
            is_truncated,
            next_continuation_token: next_token,
            key_count: u32::try_from(page.objects.len() + page.groups.len()).unwrap_or(u32::MAX),
            contents: page.objects.iter().map(|row| entry(row, &encode)).collect(),
            common_prefixes: page.groups.iter().map(|group| CommonPrefix { prefix: encode(group) }).collect(),
        };
        Ok(Answer::xml(result.to_xml()))
    }

    async fn collect_page(
        &self,
        bucket: &str,
        list: &ListObjects,
        begin: String,
        limit: usize,
    ) -> Result<Rows, ServiceError> {
        let mut rows = Rows::default();
        let mut from = begin.clone();
        loop {
            let cursor = if from.is_empty() { Cursor::First } else { Cursor::After(&from) };
            let batch = self.backend.scan(bucket, &list.prefix, cursor, BATCH).await.map_err(refusal_of)?;
            let last = batch.last().map(|row| row.key.clone());
            let ended = batch.len() < BATCH;
            for row in batch {
                let group = group_of(&row.key, &list.prefix, &list.delimiter);
                // A page that ended with a group goes on behind all of it.
                if group.is_some_and(|group| {
                    group == begin || rows.groups.last().is_some_and(|known| known == group)
                }) {
                    continue;
                }
                if rows.objects.len() + rows.groups.len() == limit {
                    rows.next.clone_from(&rows.last);
                    return Ok(rows);
                }
                rows.last = Some(group.map_or_else(|| row.key.clone(), str::to_owned));
                match group.map(str::to_owned) {
                    Some(group) => rows.groups.push(group),
                    None => rows.objects.push(row),
                }
            }
            match last {
                Some(last) if !ended => from = last,
                _ => return Ok(rows),
            }
        }
    }
}

#[derive(Default)]
struct Rows {
    objects: Vec<Listed>,
    groups: Vec<String>,
    last: Option<String>,
    next: Option<String>,
}

/// The key up to the first delimiter after the prefix.
pub(crate) fn group_of<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// Names of a reply, percent-encoded or as they are. Some characters of keys have no place in XML 1.0: whoever does not ask for the
/// encoding gets them by number, which not every parser takes.
pub(crate) fn encoder(url_encoding: bool) -> impl Fn(&str) -> String {
    move |text| if url_encoding { listing::url_encode(text) } else { text.to_owned() }
}

/// What a reply says about its names.
pub(crate) fn encoding(url_encoding: bool) -> String {
    if url_encoding { "url".into() } else { String::new() }
}

fn entry(row: &Listed, encode: &impl Fn(&str) -> String) -> ObjectEntry {
    ObjectEntry {
        key: encode(&row.key),
        last_modified: iso(row.object.modified),
        etag: row.object.etag.clone(),
        object_type: row.object.kind.wire_name().to_owned(),
        size: row.object.size.to_string(),
        storage_class: row.object.attributes.storage_class.wire_name().to_owned(),
    }
}

fn encode_token(next: &str) -> String {
    BASE64URL_NOPAD.encode(next.as_bytes())
}

fn decode_token(token: &str) -> Result<String, ServiceError> {
    let decoded =
        BASE64URL_NOPAD.decode(token.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let message = "The continuation token is invalid.";
    decoded.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "InvalidArgument", message, ""))
}
