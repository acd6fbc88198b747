//! Tags of objects: a query in the header `x-oss-tagging`, an XML document in the tagging
//! operations.
//!
//! Source: <https://www.alibabacloud.com/help/en/oss/user-guide/object-tagging-8>

use serde::{Deserialize, Serialize};

use super::escape;
use super::xml::{TagElement, TagSet, Tagging};

/// Largest number of tags of an object.
pub const MAX_TAGS: usize = 10;
/// Longest name of a tag, in characters.
pub const MAX_NAME: usize = 128;
/// Longest value of a tag, in characters.
pub const MAX_VALUE: usize = 256;

/// Tags of an object, in insertion order. Validated by the service's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, String)>", into = "Vec<(String, String)>")]
pub struct Tags(Vec<(String, String)>);

/// Errors of validating tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// More than [`MAX_TAGS`].
    #[error("{0} tags are too many: an object has at most {MAX_TAGS}")]
    TooMany(usize),
    /// A repeated name.
    #[error("the tag {0:?} is repeated")]
    Repeated(String),
    /// An empty name, or a name or value that is too long.
    #[error("the tag {0:?}: a name has 1 to {MAX_NAME} characters, a value at most {MAX_VALUE}")]
    Length(String),
    /// A character that is not allowed in tags.
    #[error("the tag {0:?}: letters, digits, spaces and + - = . _ : / are allowed")]
    Character(String),
    /// A header that is not percent-encoded `name=value&…`.
    #[error("tags are written name=value&name=value, percent-encoded")]
    Syntax,
}

impl TagError {
    /// The fine-grained error code (EC) of the service.
    pub const fn ec(&self) -> &'static str {
        match self {
            TagError::TooMany(_) | TagError::Character(_) => "0010-00000217",
            TagError::Repeated(_) => "0010-00000210",
            TagError::Length(_) => "0010-00000209",
            TagError::Syntax => "0010-00000219",
        }
    }
}

impl Tags {
    /// Validates tags.
    ///
    /// # Errors
    /// [`TagError`].
    pub fn new(tags: impl IntoIterator<Item = (String, String)>) -> Result<Tags, TagError> {
        let tags: Vec<(String, String)> = tags.into_iter().collect();
        if tags.len() > MAX_TAGS {
            return Err(TagError::TooMany(tags.len()));
        }
        for (at, (name, value)) in tags.iter().enumerate() {
            if tags.iter().take(at).any(|(known, _)| known == name) {
                return Err(TagError::Repeated(name.clone()));
            }
            if name.is_empty() || name.chars().count() > MAX_NAME || value.chars().count() > MAX_VALUE {
                return Err(TagError::Length(name.clone()));
            }
            let legal = |c: char| c.is_alphanumeric() || " +-=._:/".contains(c);
            if !name.chars().chain(value.chars()).all(legal) {
                return Err(TagError::Character(name.clone()));
            }
        }
        Ok(Tags(tags))
    }

    /// Names and values.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the object has no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Parses the header. A tag without `=` has an empty value.
    ///
    /// # Errors
    /// [`TagError`]; [`TagError::Syntax`] for more than one `=`.
    pub fn from_header(text: &str) -> Result<Tags, TagError> {
        let decode = |text: &str| escape::decode_query(text).ok_or(TagError::Syntax);
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if value.contains('=') { Err(TagError::Syntax) } else { Ok((decode(name)?, decode(value)?)) }
        };
        let pairs: Result<Vec<_>, _> = text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        Tags::new(pairs?)
    }

    /// Writes the header.
    pub fn to_header(&self) -> String {
        let pairs =
            self.pairs().map(|(name, value)| format!("{}={}", escape::query(name), escape::query(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The document of PutObjectTagging and GetObjectTagging.
    pub fn to_document(&self) -> Tagging {
        let element =
            |(name, value): (&str, &str)| TagElement { key: name.to_owned(), value: value.to_owned() };
        Tagging { tag_set: TagSet { tags: self.pairs().map(element).collect() } }
    }
}

impl TryFrom<Tagging> for Tags {
    type Error = TagError;

    fn try_from(document: Tagging) -> Result<Tags, TagError> {
        Tags::new(document.tag_set.tags.into_iter().map(|tag| (tag.key, tag.value)))
    }
}

impl TryFrom<Vec<(String, String)>> for Tags {
    type Error = TagError;

    fn try_from(tags: Vec<(String, String)>) -> Result<Tags, TagError> {
        Tags::new(tags)
    }
}

impl From<Tags> for Vec<(String, String)> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn headers_round_trip() {
        let tags = Tags::new([pair("a b", "1+1"), pair("颜色", ""), pair("k=", "x=y")]);
        let header = "a%20b=1%2B1&%E9%A2%9C%E8%89%B2=&k%3D=x%3Dy";
        assert_eq!(tags.as_ref().map(Tags::to_header), Ok(header.into()));
        assert_eq!(Tags::from_header(header), tags);
        assert_eq!(Tags::from_header("a+b=1%2B1&颜色&k%3D=x%3Dy"), tags);
        assert_eq!(Tags::from_header(""), Ok(Tags::default()));
    }

    #[test]
    fn invalid_tags_are_refused() {
        let many = (0..11).map(|n| pair(&n.to_string(), ""));
        assert_eq!(Tags::new(many), Err(TagError::TooMany(11)));
        assert_eq!(Tags::new([pair("a", ""), pair("a", "")]), Err(TagError::Repeated("a".into())));
        assert_eq!(Tags::new([pair("", "v")]), Err(TagError::Length(String::new())));
        assert_eq!(Tags::new([pair("a", &"v".repeat(257))]), Err(TagError::Length("a".into())));
        let long = "颜".repeat(MAX_NAME);
        assert!(Tags::new([pair(&long, &"色".repeat(MAX_VALUE))]).is_ok());
        assert_eq!(Tags::new([pair("a", "<")]), Err(TagError::Character("a".into())));
        for bad in ["a=b=c", "a=%ff"] {
            assert_eq!(Tags::from_header(bad), Err(TagError::Syntax), "{bad}");
        }
    }
}
