//! An object's headers beside its content: stored in the clear, returned with the object.

use std::collections::BTreeSet;

use osseal_core::is_envelope_header;
use osseal_wire::oss::meta::USER_PREFIX;
use osseal_wire::oss::{Metadata, Tags};

use crate::error::{ErrorKind, OpError};

/// Headers of an object. Everyone with access to the store can read them; none is encrypted or authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type` of the plaintext.
    pub content_type: Option<String>,
    /// `Cache-Control`. Caches hold ciphertext.
    pub cache_control: Option<String>,
    /// `Content-Disposition` of the plaintext.
    pub content_disposition: Option<String>,
    /// `Content-Encoding` of the plaintext. HTTP clients that do not decrypt will try to decode the ciphertext.
    pub content_encoding: Option<String>,
    /// `Content-Language` of the plaintext.
    pub content_language: Option<String>,
    /// `Expires`, an HTTP date.
    pub expires: Option<String>,
    /// User metadata: names without `x-oss-meta-`, of letters, digits and hyphens; values of printable ASCII. At most
    /// 8 KB together with the envelope.
    pub metadata: Vec<(String, String)>,
}

/// A change of an object's headers on copy. The envelope is always kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderChange {
    /// The copy has those of the source.
    #[default]
    Keep,
    /// The copy has these and no others.
    Replace(ObjectHeaders),
    /// The copy has those of the source, with changes.
    Edit {
        /// Headers to set; they replace headers of the same name.
        set: ObjectHeaders,
        /// Headers to remove: `content-type` and so on, or user metadata without `x-oss-meta-`, in any case.
        remove: Vec<String>,
    },
}

impl ObjectHeaders {
    /// The headers as they are sent, checked.
    pub(crate) fn to_metadata(&self) -> Result<Metadata, OpError> {
        let usage = |message: String| OpError::new(ErrorKind::Usage, message);
        let mut metadata = Metadata::default();
        for (name, value) in self.standard() {
            let Some(value) = value else { continue };
            if !is_plain(value) {
                return Err(usage(format!(
                    "the header {name} has a value other than printable ASCII without outer spaces"
                )));
            }
            metadata.push(name, value.as_bytes());
        }
        for (name, value) in &self.metadata {
            let full = full_name(name)?;
            if !is_plain(value) {
                return Err(usage(format!(
                    "the metadata {name:?} has a value other than printable ASCII without outer spaces; encode it"
                )));
            }
            if metadata.value(&full).is_some() {
                return Err(usage(format!("the metadata name {name:?} is given twice")));
            }
            metadata.push(full, value.as_bytes());
        }
        metadata.check().map_err(|error| usage(error.message))?;
        Ok(metadata)
    }

    fn standard(&self) -> [(&'static str, Option<&str>); 6] {
        [
            ("content-type", self.content_type.as_deref()),
            ("cache-control", self.cache_control.as_deref()),
            ("content-disposition", self.content_disposition.as_deref()),
            ("content-encoding", self.content_encoding.as_deref()),
            ("content-language", self.content_language.as_deref()),
            ("expires", self.expires.as_deref()),
        ]
    }
}

impl HeaderChange {
    /// The headers of a copy of an object with these headers (without its envelope). `None`: unchanged.
    pub(crate) fn apply(&self, current: &Metadata) -> Result<Option<Metadata>, OpError> {
        match self {
            HeaderChange::Keep => Ok(None),
            HeaderChange::Replace(headers) => headers.to_metadata().map(Some),
            HeaderChange::Edit { set, remove } => {
                let mut headers = set.to_metadata()?;
                let standard: Vec<_> = set.standard().into_iter().map(|(name, _)| name).collect();
                let removed = remove.iter().map(|name| {
                    let lower = name.to_ascii_lowercase();
                    if standard.contains(&lower.as_str()) { Ok(lower) } else { full_name(name) }
                });
                let removed = removed.collect::<Result<BTreeSet<_>, _>>()?;
                if let Some(both) = removed.iter().find(|name| headers.value(name).is_some()) {
                    let message = format!("{both} is to be both set and removed");
                    return Err(OpError::new(ErrorKind::Usage, message));
                }
                for (name, value) in current.pairs() {
                    let stays = !is_envelope_header(name) && !removed.contains(name);
                    if stays && headers.value(name).is_none() {
                        headers.push(name, value);
                    }
                }
                Ok(Some(headers))
            }
        }
    }
}

/// The header of user metadata of that name, unless it is the envelope's.
fn full_name(name: &str) -> Result<String, OpError> {
    let full = format!("{USER_PREFIX}{}", name.to_ascii_lowercase());
    if is_envelope_header(&full) {
        let message = format!("the metadata name {name:?} is reserved for encryption; choose another");
        return Err(OpError::new(ErrorKind::Usage, message));
    }
    Ok(full)
}

/// Tags that satisfy the service's rules. `None` for an empty list.
pub(crate) fn tags(tags: &[(String, String)]) -> Result<Option<Tags>, OpError> {
    let tags = Tags::new(tags.iter().cloned());
    let tags = tags.map_err(|error| OpError::new(ErrorKind::Usage, error.to_string()))?;
    Ok(Some(tags).filter(|tags| !tags.is_empty()))
}

fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn current() -> Metadata {
        let mut current = Metadata::default();
        current.push("content-type", "text/plain");
        current.push("cache-control", "no-cache");
        current.push("x-oss-meta-color", "blue");
        current.push("x-oss-meta-name", "中".as_bytes());
        current.push("x-oss-meta-client-side-encryption-key", "k");
        current
    }

    #[test]
    fn a_change_keeps_headers_that_it_does_not_name() {
        let set = ObjectHeaders {
            content_type: Some("image/png".into()),
            metadata: vec![pair("Color", "red"), pair("size", "1")],
            ..ObjectHeaders::default()
        };
        let change = HeaderChange::Edit { set, remove: vec!["Cache-Control".into()] };
        let mut headers = change.apply(&current()).unwrap().unwrap();
        headers.0.sort();
        let expected = [
            ("content-type", "image/png"),
            ("x-oss-meta-color", "red"),
            ("x-oss-meta-name", "中"),
            ("x-oss-meta-size", "1"),
        ];
        let expected: Vec<_> = expected.map(|(n, v)| (n.to_owned(), v.as_bytes().to_vec())).into();
        assert_eq!(headers.0, expected);
    }

    #[test]
    fn nothing_reaches_the_envelope() {
        let named =
            |name: &str| ObjectHeaders { metadata: vec![pair(name, "x")], ..ObjectHeaders::default() };
        for name in ["client-side-encryption-key", "Client-Side-Encryption-Start"] {
            let remove = vec![name.to_owned()];
            let edits = [
                HeaderChange::Replace(named(name)),
                HeaderChange::Edit { set: named(name), remove: Vec::new() },
                HeaderChange::Edit { set: ObjectHeaders::default(), remove },
            ];
            for edit in edits {
                assert_eq!(edit.apply(&current()).unwrap_err().kind, ErrorKind::Usage, "{edit:?}");
            }
        }
        let both = HeaderChange::Edit { set: named("color"), remove: vec!["color".into()] };
        assert_eq!(both.apply(&current()).unwrap_err().kind, ErrorKind::Usage);
    }

    #[test]
    fn tags_have_rules() {
        assert_eq!(tags(&[]).unwrap(), None);
        let good = [pair("a b", "1+1"), pair("颜色", "")];
        assert_eq!(tags(&good).unwrap().unwrap().to_header(), "a%20b=1%2B1&%E9%A2%9C%E8%89%B2=");
        let refused = tags(&[pair("a", ""), pair("a", "")]).unwrap_err();
        assert_eq!((refused.kind, refused.message.contains("is repeated")), (ErrorKind::Usage, true));
    }
}
