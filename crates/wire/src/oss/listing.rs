//! Pages of a listing, checked against the request that asked for them.

use super::escape;
use super::range::digits;
use super::reply::ReplyError;
use super::request::ListObjects;
use super::xml::{ListObjectsResult, ListPartsResult};

/// A name as `encoding-type=url` has it.
pub fn url_encode(name: &str) -> String {
    escape::path(name)
}

/// One object of a listing. A listing has no metadata: what is stored is known, what it holds is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The key, decoded.
    pub key: String,
    /// Stored bytes.
    pub stored_size: u64,
    /// Quoted.
    pub etag: String,
    /// ISO 8601 as the service wrote it; may be empty.
    pub last_modified: String,
    /// `Normal`, `Multipart`, …
    pub object_type: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page that fits its request: every key has the prefix and comes after the page before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects by key, in ascending order of their bytes.
    pub objects: Vec<ListedObject>,
    /// Beginnings of keys that the delimiter cuts off.
    pub prefixes: Vec<String>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<String>,
}

impl ListObjectsResult {
    /// Checks the page against its request. `last` is the last key of the page before.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or prefix outside the prefix, keys that are doubled or not ascending, a size that
    /// is none, a name that is not decodable, a continuation that is missing or leads nowhere.
    pub fn checked(
        &self,
        bucket: &str,
        request: &ListObjects,
        last: Option<&str>,
    ) -> Result<Page, ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        if !self.name.is_empty() && self.name != bucket {
            return Err(untrue("it is of another bucket"));
        }
        let decode = |text: &str| match self.encoding_type.as_str() {
            "" => Ok(text.to_owned()),
            "url" => escape::decode_query(text).ok_or(untrue("a name is not UTF-8")),
            _ => Err(untrue("its encoding type is unknown")),
        };
        let mut page = Page::default();
        let mut before = last.map(str::to_owned);
        for entry in &self.contents {
            let key = decode(&entry.key)?;
            if key.is_empty() || !key.starts_with(&request.prefix) {
                return Err(untrue("a key lies outside the prefix"));
            }
            if before.as_ref().is_some_and(|before| *before >= key) {
                return Err(untrue("keys are repeated or out of order"));
            }
            before = Some(key.clone());
            page.objects.push(ListedObject {
                key,
                stored_size: digits(&entry.size).ok_or(untrue("a size is no number"))?,
                etag: entry.etag.clone(),
                last_modified: entry.last_modified.clone(),
                object_type: entry.object_type.clone(),
                storage_class: entry.storage_class.clone(),
            });
        }
        for group in &self.common_prefixes {
            let prefix = decode(&group.prefix)?;
            if !prefix.starts_with(&request.prefix) {
                return Err(untrue("a group lies outside the prefix"));
            }
            page.prefixes.push(prefix);
        }
        if self.is_truncated {
            let next = if request.version_1 {
                decode(&self.next_marker)?
            } else {
                self.next_continuation_token.clone()
            };
            let same = if request.version_1 {
                next <= request.start_after
            } else {
                next == request.continuation_token
            };
            if next.is_empty() || same {
                return Err(untrue("its continuation is missing or leads nowhere"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

impl ListPartsResult {
    /// Checks a page of parts: numbers from 1 to 10,000, ascending and after `marker`; a continuation that leads on.
    pub fn checked(&self, marker: u32) -> Result<(), ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        let mut before = marker;
        for part in &self.parts {
            if part.part_number <= before || part.part_number > 10_000 {
                return Err(untrue("part numbers are repeated, out of order or out of range"));
            }
            before = part.part_number;
        }
        if self.is_truncated && self.next_part_number_marker <= marker {
            return Err(untrue("its continuation is missing or leads nowhere"));
        }
        Ok(())
    }
}
