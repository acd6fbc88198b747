//! Access control of buckets (`x-oss-acl`) and objects (`x-oss-object-acl`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::storage_class::UnknownName;

/// Access control. Whoever may read an encrypted object gets ciphertext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum Acl {
    /// That of the bucket. Buckets do not have it.
    #[default]
    Default,
    /// For the bucket's owner and those that were authorised.
    Private,
    /// For everybody to read.
    PublicRead,
    /// For everybody to read and to replace.
    PublicReadWrite,
}

impl Acl {
    const ALL: [Acl; 4] = [Acl::Default, Acl::Private, Acl::PublicRead, Acl::PublicReadWrite];

    /// As the service writes it.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Acl::Default => "default",
            Acl::Private => "private",
            Acl::PublicRead => "public-read",
            Acl::PublicReadWrite => "public-read-write",
        }
    }

    /// Whether requests without a signature may read.
    pub const fn allows_public_read(self) -> bool {
        matches!(self, Acl::PublicRead | Acl::PublicReadWrite)
    }
}

impl FromStr for Acl {
    type Err = UnknownName;

    /// Reads the service's name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Acl::ALL
            .into_iter()
            .find(|acl| acl.wire_name().eq_ignore_ascii_case(text))
            .ok_or(UnknownName("default, private, public-read, public-read-write"))
    }
}

impl TryFrom<String> for Acl {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Acl> for &'static str {
    fn from(acl: Acl) -> Self {
        acl.wire_name()
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}
