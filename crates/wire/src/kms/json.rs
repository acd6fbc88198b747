//! Strict JSON of the key service, parsed within bounds.
//!
//! A first pass checks size, syntax, and that no object at any depth repeats a member: of two
//! values, this parser and an inspecting proxy might use different ones. Unknown members are
//! ignored.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use zeroize::Zeroizing;

/// Largest document that is parsed, in bytes: far more than any reply to the calls of this crate.
pub const MAX_DOCUMENT: usize = 64 << 10;

/// Errors of parsing a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Larger than any document of the service.
    #[error("the JSON document has more than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Not JSON, or cut short.
    #[error("the document is not JSON, or is damaged or cut short")]
    Damaged,
    /// An object repeats a member.
    #[error("the JSON document repeats a member")]
    Duplicate,
    /// A member is missing or has another type.
    #[error("the JSON document's members do not fit its type")]
    Contents,
}

/// Parses a document.
///
/// # Errors
/// [`JsonError`].
pub fn read<T: DeserializeOwned>(document: &[u8]) -> Result<T, JsonError> {
    if document.len() > MAX_DOCUMENT {
        return Err(JsonError::TooLarge);
    }
    match serde_json::from_slice::<Unique>(document) {
        Ok(Unique) => serde_json::from_slice(document).map_err(|_| JsonError::Contents),
        Err(error) if error.classify() == Category::Data => Err(JsonError::Duplicate),
        Err(_) => Err(JsonError::Damaged),
    }
}

/// Writes a document.
pub(super) fn write(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("members are strings, numbers and objects with names")
}

/// Writes a document that contains secrets and is wiped when dropped. A buffer that grows leaves a
/// copy behind in freed memory, so `capacity` must be at least the size of the document.
pub(super) fn write_secret(document: &impl Serialize, capacity: usize) -> Zeroizing<String> {
    let mut bytes = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut bytes, document).expect("members are strings, numbers and objects with names");
    Zeroizing::new(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// A value in which no object repeats a member.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unique, D::Error> {
        deserializer.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Unique)) = members.next_entry::<String, Unique>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        a: String,
    }

    fn one(document: &str) -> Result<String, JsonError> {
        read::<One>(document.as_bytes()).map(|one| one.a)
    }

    #[test]
    fn m10_repeated_members_are_refused_and_unknown_ones_ignored() {
        assert_eq!(one(r#"{"a":"x","b":[1,-1,1.5,null,true,{"c":{}}]}"#), Ok("x".into()));
        for twice in [
            r#"{"a":"x","a":"x"}"#,
            r#"{"a":"x","\u0061":"y"}"#,
            r#"{"a":"x","b":1,"b":1}"#,
            r#"{"a":"x","b":[{"c":{"d":1,"d":2}}]}"#,
        ] {
            assert_eq!(one(twice), Err(JsonError::Duplicate), "{twice}");
        }
    }

    #[test]
    fn m03_invalid_documents_are_refused() {
        for damaged in ["", "<html>proxy</html>", r#"{"a":"x""#, r#"{"a":"x"} {}"#, "{\"a\":\"\u{0}\"}"] {
            assert_eq!(one(damaged), Err(JsonError::Damaged), "{damaged}");
        }
        assert_eq!(read::<One>(b"{\"a\":\"\xff\"}"), Err(JsonError::Damaged));
        let deep = format!("{{\"a\":\"x\",\"b\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(one(&deep), Err(JsonError::Damaged));
        for other in ["[]", "1", "null", "{}", r#"{"a":1}"#, r#"{"a":null}"#] {
            assert_eq!(one(other), Err(JsonError::Contents), "{other}");
        }
        let (fits, too_large) = (MAX_DOCUMENT - 8, MAX_DOCUMENT - 7);
        assert_eq!(one(&format!("{{\"a\":\"{}\"}}", "x".repeat(fits))).map(|a| a.len()), Ok(fits));
        assert_eq!(one(&format!("{{\"a\":\"{}\"}}", "x".repeat(too_large))), Err(JsonError::TooLarge));
    }
}
