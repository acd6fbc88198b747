//! What a writer says about an object beside its content: kept in the clear, given back with it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use osseal_core::is_envelope_header;
use osseal_wire::oss::Metadata;
use osseal_wire::oss::meta::USER_PREFIX;

use crate::error::{ErrorKind, Failure};

/// Most tags of an object.
const MAX_TAGS: usize = 10;
/// Most characters of a tag's name and of its value.
const MAX_TAG: (usize, usize) = (128, 256);

/// Headers of an object. The store and everybody with access to it read them; none is encrypted or authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type` of the plaintext.
    pub content_type: Option<String>,
    /// `Cache-Control`. Whatever is cached is ciphertext.
    pub cache_control: Option<String>,
    /// `Content-Disposition` of the plaintext.
    pub content_disposition: Option<String>,
    /// `Content-Encoding` of the plaintext. HTTP clients that know nothing of the encryption will try to decode the ciphertext.
    pub content_encoding: Option<String>,
    /// `Content-Language` of the plaintext.
    pub content_language: Option<String>,
    /// `Expires`, an HTTP date.
    pub expires: Option<String>,
    /// User metadata: names without `x-oss-meta-`, of letters, digits and hyphens; values of printable ASCII. All of it and the envelope
    /// together have at most 8 KB.
    pub metadata: Vec<(String, String)>,
}

/// What becomes of an object's headers when it is copied. The envelope stays whatever is chosen.
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
        /// To set, in place of what was there under the same name.
        set: ObjectHeaders,
        /// To leave out: `content-type` and so on, or names of user metadata without `x-oss-meta-`, in any case.
        remove: Vec<String>,
    },
}

/// Storage classes, dearest to keep first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageClass {
    /// Read often.
    Standard,
    /// Infrequent access.
    Ia,
    /// To be restored before it is read, within a minute.
    Archive,
    /// To be restored before it is read, within hours.
    ColdArchive,
    /// To be restored before it is read, within days.
    DeepColdArchive,
}

/// Access control of one object. Whoever may read it gets ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acl {
    /// That of the bucket.
    Default,
    /// For the bucket's owner and those that were authorised.
    Private,
    /// For everybody to read.
    PublicRead,
    /// For everybody to read and to replace.
    PublicReadWrite,
}

/// A text that names no storage class or access control.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of {0}")]
pub struct UnknownName(&'static str);

impl StorageClass {
    /// As the service writes it.
    pub const fn wire_name(self) -> &'static str {
        match self {
            StorageClass::Standard => "Standard",
            StorageClass::Ia => "IA",
            StorageClass::Archive => "Archive",
            StorageClass::ColdArchive => "ColdArchive",
            StorageClass::DeepColdArchive => "DeepColdArchive",
        }
    }
}

impl FromStr for StorageClass {
    type Err = UnknownName;

    /// Reads the service's name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        use StorageClass::{Archive, ColdArchive, DeepColdArchive, Ia, Standard};
        [Standard, Ia, Archive, ColdArchive, DeepColdArchive]
            .into_iter()
            .find(|class| class.wire_name().eq_ignore_ascii_case(text))
            .ok_or(UnknownName("Standard, IA, Archive, ColdArchive, DeepColdArchive"))
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}

impl Acl {
    /// As the service writes it.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Acl::Default => "default",
            Acl::Private => "private",
            Acl::PublicRead => "public-read",
            Acl::PublicReadWrite => "public-read-write",
        }
    }
}

impl FromStr for Acl {
    type Err = UnknownName;

    /// Reads the service's name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        [Acl::Default, Acl::Private, Acl::PublicRead, Acl::PublicReadWrite]
            .into_iter()
            .find(|acl| acl.wire_name().eq_ignore_ascii_case(text))
            .ok_or(UnknownName("default, private, public-read, public-read-write"))
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}

impl ObjectHeaders {
    /// The headers as they are sent, checked.
    pub(crate) fn to_metadata(&self) -> Result<Metadata, Failure> {
        let usage = |message: String| Failure::new(ErrorKind::Usage, message);
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
    /// The headers of a copy of an object that has these now, without its envelope; none when they are kept.
    pub(crate) fn apply(&self, current: &Metadata) -> Result<Option<Metadata>, Failure> {
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
                    return Err(Failure::new(ErrorKind::Usage, message));
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
fn full_name(name: &str) -> Result<String, Failure> {
    let full = format!("{USER_PREFIX}{}", name.to_ascii_lowercase());
    if is_envelope_header(&full) {
        let message = format!("the metadata name {name:?} is reserved for encryption; choose another");
        return Err(Failure::new(ErrorKind::Usage, message));
    }
    Ok(full)
}

/// The value of `x-oss-tagging`: tags as a query.
pub(crate) fn tagging(tags: &[(String, String)]) -> Result<Option<String>, Failure> {
    let usage = |message: String| Err(Failure::new(ErrorKind::Usage, message));
    if tags.len() > MAX_TAGS {
        return usage(format!("{} tags are given, and an object has at most {MAX_TAGS}", tags.len()));
    }
    let mut names = BTreeSet::new();
    for (name, value) in tags {
        if !names.insert(name) {
            return usage(format!("the tag {name:?} is given twice"));
        }
        if name.is_empty() || name.chars().count() > MAX_TAG.0 || value.chars().count() > MAX_TAG.1 {
            return usage(format!(
                "the tag {name:?}: a name has 1 to {} characters, a value at most {}",
                MAX_TAG.0, MAX_TAG.1
            ));
        }
        // https://www.alibabacloud.com/help/en/oss/user-guide/object-tagging-8
        let legal = |c: char| c.is_alphanumeric() || " +-=._:/".contains(c);
        if !name.chars().chain(value.chars()).all(legal) {
            return usage(format!("the tag {name:?}: letters, digits, spaces and + - = . _ : / are allowed"));
        }
    }
    if tags.is_empty() {
        return Ok(None);
    }
    let pairs = tags.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    Ok(Some(pairs.collect::<Vec<_>>().join("&")))
}

fn escape(text: &str) -> String {
    osseal_wire::oss::escape::query(text)
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
    fn an_edit_keeps_what_it_does_not_name() {
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
    fn tags_are_a_query() {
        assert_eq!(tagging(&[]).unwrap(), None);
        let tags = [pair("a b", "1+1"), pair("颜色", "")];
        assert_eq!(tagging(&tags).unwrap().unwrap(), "a%20b=1%2B1&%E9%A2%9C%E8%89%B2=");
        let many: Vec<_> = (0..11).map(|n| pair(&n.to_string(), "")).collect();
        for refused in [
            &many[..],
            &[pair("a", ""), pair("a", "")],
            &[pair("", "v")],
            &[pair("a", "<")],
            &[pair("a", &"v".repeat(257))],
        ] {
            assert_eq!(tagging(refused).unwrap_err().kind, ErrorKind::Usage, "{refused:?}");
        }
    }
}
