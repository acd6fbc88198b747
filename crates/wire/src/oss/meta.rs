//! Headers that the service stores with an object: some standard ones, and user metadata.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::error::ServiceError;
use super::header::InvalidHeader;

/// Prefix of user metadata headers.
pub const USER_PREFIX: &str = "x-oss-meta-";
/// Largest user metadata, in bytes: names without their prefix, and values.
pub const MAX_USER_METADATA: usize = 8 * 1024;
/// Standard headers that are stored with an object.
const STANDARD: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];

/// Headers that are stored with an object: `(lower-case name, value)`.
///
/// Values are bytes because some clients store text that is not ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(pub Vec<(String, Vec<u8>)>);

impl Metadata {
    /// Adds a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value of a header.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// All pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// User metadata; names include the prefix.
    pub fn user(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs().filter(|(name, _)| name.starts_with(USER_PREFIX))
    }

    /// Bytes that count against [`MAX_USER_METADATA`].
    pub fn user_size(&self) -> usize {
        self.user().map(|(name, value)| name.len() - USER_PREFIX.len() + value.len()).sum()
    }

    /// Selects the stored headers.
    pub fn from_headers(headers: &HeaderMap) -> Metadata {
        let kept =
            |name: &HeaderName| STANDARD.contains(&name.as_str()) || name.as_str().starts_with(USER_PREFIX);
        let pairs = headers.iter().filter(|(name, _)| kept(name));
        Metadata(pairs.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
    }

    /// Appends the headers to those of a request or a reply.
    ///
    /// # Errors
    /// [`InvalidHeader`].
    pub fn write_to(&self, headers: &mut HeaderMap) -> Result<(), InvalidHeader> {
        for (name, value) in &self.0 {
            let invalid = || InvalidHeader { name: name.clone() };
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            headers.append(header, HeaderValue::from_bytes(value).map_err(|_| invalid())?);
        }
        Ok(())
    }

    /// Checks the service's rules of user metadata: names of letters, digits and hyphens, 8 KiB in
    /// total.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn check(&self) -> Result<(), ServiceError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        for (name, _) in self.user() {
            let rest = name.get(USER_PREFIX.len()..).unwrap_or_default();
            if rest.is_empty() || !rest.bytes().all(legal) {
                let message = format!(
                    "The user metadata name {name:?} has characters other than letters, digits and hyphens."
                );
                return Err(ServiceError::new(
                    StatusCode::BAD_REQUEST,
                    "InvalidArgument",
                    message,
                    "0011-00000004",
                ));
            }
        }
        if self.user_size() > MAX_USER_METADATA {
            let message = "The metadata size exceeds the limit of 8192 bytes.";
            return Err(ServiceError::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                message,
                "0011-00000002",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_of_user_metadata_excludes_the_prefix() {
        let mut metadata = Metadata::default();
        metadata.push("content-type", "text/plain");
        metadata.push("x-oss-meta-a", vec![b'v'; MAX_USER_METADATA - 1]);
        assert_eq!((metadata.user_size(), metadata.check()), (MAX_USER_METADATA, Ok(())));
        metadata.push("x-oss-meta-b", "");
        assert_eq!(metadata.check().map_err(|error| error.ec), Err("0011-00000002".into()));
    }

    #[test]
    fn names_with_other_characters_are_refused() {
        for (name, good) in [("x-oss-meta-a-1", true), ("x-oss-meta-a_b", false), ("x-oss-meta-", false)] {
            assert_eq!(Metadata(vec![(name.into(), b"v".to_vec())]).check().is_ok(), good, "{name}");
        }
    }

    #[test]
    fn values_that_are_not_ascii_round_trip() {
        let metadata = Metadata(vec![("x-oss-meta-a".into(), "中".as_bytes().to_vec())]);
        let mut headers = HeaderMap::new();
        assert_eq!(metadata.write_to(&mut headers), Ok(()));
        assert_eq!(Metadata::from_headers(&headers), metadata);
        let line_break = Metadata(vec![("x-oss-meta-a".into(), b"a\r\nb".to_vec())]);
        assert!(line_break.write_to(&mut HeaderMap::new()).is_err());
    }
}
