//! Encryption contexts: pairs that a ciphertext is bound to.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::json;

/// Longest context that the service accepts, in characters of JSON.
const MAX_CONTEXT: usize = 8192;
/// Largest number of bytes that JSON needs for one byte (`\\u0000`).
const ESCAPED: usize = 6;
/// Bytes of punctuation around a name and its value, or around the object.
const MARKS: usize = 6;

/// Pairs that `Decrypt` must repeat as they were given to `Encrypt`, in any order. The ciphertext
/// does not contain them. At most 8,192 characters of JSON. `Debug` shows names only, and values
/// are wiped when dropped, because one official SDK stores a passphrase here.
///
/// Source:
/// <https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/encryptioncontext>
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncryptionContext(BTreeMap<String, String>);

/// Errors of building an [`EncryptionContext`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Not one JSON object of strings.
    #[error("an encryption context is one JSON object whose members are strings")]
    Json,
    /// Longer than the service accepts.
    #[error("an encryption context has at most {MAX_CONTEXT} characters of JSON")]
    TooLong,
}

impl EncryptionContext {
    /// A context of these pairs; the empty context without pairs.
    ///
    /// # Errors
    /// [`ContextError::TooLong`].
    pub fn new(
        pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<EncryptionContext, ContextError> {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let context = EncryptionContext(pairs.collect());
        if context.to_parameter().chars().count() > MAX_CONTEXT {
            return Err(ContextError::TooLong);
        }
        Ok(context)
    }

    /// Parses the request parameter; an empty text is the empty context.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn from_parameter(text: &str) -> Result<EncryptionContext, ContextError> {
        if text.is_empty() {
            return Ok(EncryptionContext::default());
        }
        if text.chars().count() > MAX_CONTEXT {
            return Err(ContextError::TooLong);
        }
        json::read(text.as_bytes()).map(EncryptionContext).map_err(|_| ContextError::Json)
    }

    /// The request parameter: JSON, sorted by name; empty for the empty context.
    pub fn to_parameter(&self) -> Zeroizing<String> {
        if self.0.is_empty() {
            return Zeroizing::default();
        }
        let room = self.0.iter().map(|(name, value)| ESCAPED * (name.len() + value.len()) + MARKS);
        json::write_secret(&self.0, MARKS + room.sum::<usize>())
    }

    /// Whether the context has no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs, sorted by name.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Drop for EncryptionContext {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionContext")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_pairs_is_ignored() {
        let one = EncryptionContext::from_parameter(r#"{"b":"2","a":"1"}"#);
        assert_eq!(one, EncryptionContext::new([("a", "1"), ("b", "2")]));
        assert_eq!(one.map(|context| context.to_parameter().to_string()), Ok(r#"{"a":"1","b":"2"}"#.into()));
        assert_eq!(EncryptionContext::from_parameter(""), EncryptionContext::from_parameter("{}"));
    }

    #[test]
    fn invalid_contexts_are_refused() {
        for bad in ["[]", "1", "x", r#"{"a":1}"#, r#"{"a":{}}"#, r#"{"a":"1","a":"2"}"#, r#"{"a":"1""#] {
            assert_eq!(EncryptionContext::from_parameter(bad), Err(ContextError::Json), "{bad}");
        }
        // {"a":"…"} has eight characters around the value.
        assert!(EncryptionContext::new([("a", "对".repeat(MAX_CONTEXT - 8))]).is_ok());
        assert_eq!(EncryptionContext::new([("a", "x".repeat(MAX_CONTEXT - 7))]), Err(ContextError::TooLong));
    }

    #[test]
    fn writing_the_parameter_never_reallocates() {
        for pairs in [vec![("a", "1")], vec![("", "")], vec![("\u{1}\u{2}", "\"\\\u{3}"), ("b", "对")]] {
            let parameter = EncryptionContext::new(pairs.clone()).expect("a context").to_parameter();
            let room = pairs.iter().map(|(name, value)| ESCAPED * (name.len() + value.len()) + MARKS);
            assert_eq!(parameter.capacity(), MARKS + room.sum::<usize>(), "{pairs:?}");
        }
    }

    #[test]
    fn debug_shows_no_values() {
        let context = EncryptionContext::new([("x-passphrase", "hunter2")]).expect("a context");
        assert_eq!(format!("{context:?}"), r#"EncryptionContext{"x-passphrase"}"#);
    }
}
