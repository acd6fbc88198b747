//! Access control lists of buckets (`x-oss-acl`) and objects (`x-oss-object-acl`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::storage_class::UnknownName;

/// Access control list of a bucket or an object. Default: [`Acl::Default`]. Public readers of an
/// encrypted object get ciphertext.
///
/// Source: <https://www.alibabacloud.com/help/en/oss/user-guide/object-acl>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum Acl {
    /// The object inherits the list of its bucket. Not valid for buckets.
    #[default]
    Default,
    /// Access for the owner and authorized accounts only.
    Private,
    /// Public read access.
    PublicRead,
    /// Public read and write access.
    PublicReadWrite,
}

impl Acl {
    const ALL: [Acl; 4] = [Acl::Default, Acl::Private, Acl::PublicRead, Acl::PublicReadWrite];

    /// Name on the wire.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Acl::Default => "default",
            Acl::Private => "private",
            Acl::PublicRead => "public-read",
            Acl::PublicReadWrite => "public-read-write",
        }
    }

    /// Whether unsigned requests may read.
    pub const fn allows_public_read(self) -> bool {
        matches!(self, Acl::PublicRead | Acl::PublicReadWrite)
    }
}

impl FromStr for Acl {
    type Err = UnknownName;

    /// Parses the name on the wire, ignoring case.
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
