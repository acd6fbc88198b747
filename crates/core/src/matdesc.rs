//! Material descriptions: which wrapping key was used, in the writer's words (`docs/format.md` §5).

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Longest description that is read, bytes: the limit of all metadata of an object.
const MAX_JSON: usize = 8 * 1024;

/// A map of strings that names a wrapping key. Not secret and not authenticated.
///
/// Two descriptions are equal if their maps are, whatever the order and spacing of their JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaterialDescription(BTreeMap<String, String>);

/// Why a text is not a material description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a material description is a JSON object of strings, of at most {MAX_JSON} bytes and without repeated names"
)]
pub struct MaterialDescriptionError;

impl MaterialDescription {
    /// The description that says nothing.
    pub const fn empty() -> Self {
        MaterialDescription(BTreeMap::new())
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets one pair.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The pairs, in order of their names.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same map with `change` done to every name and value.
    pub(crate) fn map_text(&self, change: impl Fn(&str) -> String) -> Self {
        self.pairs().map(|(name, value)| (change(name), change(value))).collect()
    }

    /// Reads the JSON text of a `matdesc` header.
    pub fn from_json(text: &[u8]) -> Result<Self, MaterialDescriptionError> {
        if text.len() > MAX_JSON {
            return Err(MaterialDescriptionError);
        }
        serde_json::from_slice::<UniquePairs>(text)
            .map(|pairs| MaterialDescription(pairs.0))
            .map_err(|_| MaterialDescriptionError)
    }

    /// The canonical JSON: sorted names, no white space, ASCII only with `\uXXXX` in lower-case hex.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(&mut out, name);
            out.push(':');
            write_string(&mut out, value);
        }
        out.push('}');
        out
    }
}

impl fmt::Display for MaterialDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for MaterialDescription {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        MaterialDescription(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// A JSON object of strings in which no name stands twice.
struct UniquePairs(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for UniquePairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = UniquePairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniquePairs, A::Error> {
                let mut pairs = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if pairs.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("repeated name"));
                    }
                }
                Ok(UniquePairs(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
