//! Storage classes (`x-oss-storage-class`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Error of parsing a name that is none of the known values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of {0}")]
pub struct UnknownName(pub(crate) &'static str);

/// Storage class of an object, in descending order of storage price. Default:
/// [`StorageClass::Standard`].
///
/// Source: <https://www.alibabacloud.com/help/en/oss/user-guide/overview-53>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum StorageClass {
    /// For frequent access.
    #[default]
    Standard,
    /// Infrequent access (IA).
    Ia,
    /// Must be restored before reading; takes about a minute.
    Archive,
    /// Must be restored before reading; takes hours.
    ColdArchive,
    /// Must be restored before reading; takes up to days.
    DeepColdArchive,
}

impl StorageClass {
    /// All classes.
    pub const ALL: [StorageClass; 5] = [
        StorageClass::Standard,
        StorageClass::Ia,
        StorageClass::Archive,
        StorageClass::ColdArchive,
        StorageClass::DeepColdArchive,
    ];

    /// Name on the wire.
    pub const fn wire_name(self) -> &'static str {
        match self {
            StorageClass::Standard => "Standard",
            StorageClass::Ia => "IA",
            StorageClass::Archive => "Archive",
            StorageClass::ColdArchive => "ColdArchive",
            StorageClass::DeepColdArchive => "DeepColdArchive",
        }
    }

    /// Whether an object must be restored before reading.
    pub const fn is_archived(self) -> bool {
        !matches!(self, StorageClass::Standard | StorageClass::Ia)
    }
}

impl FromStr for StorageClass {
    type Err = UnknownName;

    /// Parses the name on the wire, ignoring case.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        StorageClass::ALL
            .into_iter()
            .find(|class| class.wire_name().eq_ignore_ascii_case(text))
            .ok_or(UnknownName("Standard, IA, Archive, ColdArchive, DeepColdArchive"))
    }
}

impl TryFrom<String> for StorageClass {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<StorageClass> for &'static str {
    fn from(class: StorageClass) -> Self {
        class.wire_name()
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}
