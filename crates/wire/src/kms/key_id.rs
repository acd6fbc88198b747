//! Identifiers of keys and aliases.

use std::fmt;
use std::str::FromStr;

const ALIAS: &str = "alias/";
const ARN: &str = "acs:kms:";
/// Longest alias without its prefix, and longest other part of an identifier, in characters.
const MAX_NAME: usize = 244;

/// Identifier of a key or an alias, optionally with region and account (ARN).
///
/// ```text
///   key-hzz65f1cb66fa42qo****   1234abcd-12ab-34cd-56ef-12345678****   alias/backup
///   acs:kms:cn-hangzhou:123456789012****:key/1234abcd-…   acs:kms:cn-hangzhou:123456789012****:alias/backup
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

/// Error of parsing a [`KeyId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a KMS key is identified by its ID, by alias/NAME, or by acs:kms:REGION:ACCOUNT:key/ID or …:alias/NAME"
)]
pub struct KeyIdError;

impl KeyId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key ID as in replies; `None` for an alias, which can be moved to another key.
    pub fn key(&self) -> Option<&str> {
        let name = self.resource();
        if name.starts_with(ALIAS) { None } else { Some(name.strip_prefix("key/").unwrap_or(name)) }
    }

    /// The alias with its prefix, as in listings.
    pub fn alias(&self) -> Option<&str> {
        Some(self.resource()).filter(|name| name.starts_with(ALIAS))
    }

    /// The region, for names that have one.
    pub fn region(&self) -> Option<&str> {
        self.0.strip_prefix(ARN)?.split(':').next()
    }

    fn resource(&self) -> &str {
        self.0.strip_prefix(ARN).and_then(|rest| rest.splitn(3, ':').nth(2)).unwrap_or(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<KeyId, KeyIdError> {
        let resource = match text.strip_prefix(ARN) {
            None => text,
            Some(rest) => {
                let parts: Vec<&str> = rest.split(':').collect();
                let [region, account, resource] = parts[..] else { return Err(KeyIdError) };
                let is_one = resource.starts_with(ALIAS) || resource.starts_with("key/");
                if !is_one || !is_name(region, "-") || !is_name(account, "") {
                    return Err(KeyIdError);
                }
                resource.strip_prefix("key/").unwrap_or(resource)
            }
        };
        let legal = match resource.strip_prefix(ALIAS) {
            Some(name) => is_name(name, "-_/"),
            None => is_name(resource, "-"),
        };
        if legal { Ok(KeyId(text.to_owned())) } else { Err(KeyIdError) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(text: &str, besides: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || besides.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_and_aliases_are_parsed() {
        for (text, key, alias, region) in [
            ("key-hzz65f1cb66fa42qo1234", Some("key-hzz65f1cb66fa42qo1234"), None, None),
            (
                "1234abcd-12ab-34cd-56ef-123456789012",
                Some("1234abcd-12ab-34cd-56ef-123456789012"),
                None,
                None,
            ),
            ("alias/a/b_c-d", None, Some("alias/a/b_c-d"), None),
            ("acs:kms:cn-hangzhou:1234:key/key-1", Some("key-1"), None, Some("cn-hangzhou")),
            ("acs:kms:cn-hangzhou:1234:alias/x", None, Some("alias/x"), Some("cn-hangzhou")),
        ] {
            let id: KeyId = text.parse().expect(text);
            assert_eq!((id.key(), id.alias(), id.region()), (key, alias, region), "{text}");
            assert_eq!(id.to_string(), text);
        }
        for bad in [
            "",
            "alias/",
            "a b",
            "key/1",
            "a/b",
            "schlüssel",
            "a\r\nb",
            "acs:kms:cn-hangzhou:1234:key-1",
            "acs:kms:cn-hangzhou:key/key-1",
            "acs:kms:cn-hangzhou:1234:key/",
            "acs:kms:cn hangzhou:1234:key/k",
            "acs:ram::1234:role/r",
            &"k".repeat(245),
        ] {
            assert_eq!(bad.parse::<KeyId>(), Err(KeyIdError), "{bad:?}");
        }
    }
}
