//! Storage classes (`x-oss-storage-class`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that names none of the values that a header may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of {0}")]
pub struct UnknownName(pub(crate) &'static str);

/// Storage classes, dearest to keep first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum StorageClass {
    /// Read often.
    #[default]
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

impl StorageClass {
    /// All of them.
    pub const ALL: [StorageClass; 5] = [
        StorageClass::Standard,
        StorageClass::Ia,
        StorageClass::Archive,
        StorageClass::ColdArchive,
        StorageClass::DeepColdArchive,
    ];

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

    /// Whether an object of the class has to be restored before it is read.
    pub const fn is_archived(self) -> bool {
        !matches!(self, StorageClass::Standard | StorageClass::Ia)
    }
}

impl FromStr for StorageClass {
    type Err = UnknownName;

    /// Reads the service's name in any case.
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
