//! What the records hold.
//!
//! A key without other versions than an object has the fields `key`, `object` and `blobs` alone, as in folders of the first layout.

use std::sync::Arc;

use osseal_wire::oss::{Acl, Versioning};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        BackendError, Marker, Object, Part,
        history::{Entry, History, Version},
    },
    state::Content,
};

#[derive(Serialize, Deserialize)]
pub(super) struct BucketRecord {
    pub(super) created: i64,
    #[serde(default = "private")]
    pub(super) acl: Acl,
    /// The word of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versioning: Option<String>,
}

impl BucketRecord {
    pub(super) fn new(created: jiff::Timestamp, acl: Acl, versioning: Option<Versioning>) -> BucketRecord {
        BucketRecord {
            created: created.as_millisecond(),
            acl,
            versioning: versioning.map(|state| state.wire_name().to_owned()),
        }
    }

    /// `Err` with a word that is no state.
    pub(super) fn versioning(&self) -> Result<Option<Versioning>, String> {
        let parse = |word: &String| Versioning::parse(word).ok_or_else(|| word.clone());
        self.versioning.as_ref().map(parse).transpose()
    }
}

/// Of buckets whose record does not say.
fn private() -> Acl {
    Acl::Private
}

/// All versions of a key.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub(super) key: String,
    #[serde(flatten)]
    latest: VersionRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<VersionRecord>,
}

/// One version and the bodies it is made of.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum VersionRecord {
    Object { object: Object, blobs: Vec<(String, u64)> },
    Marker { marker: Marker },
}

#[derive(Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) part: Part,
    pub(super) blobs: Vec<(String, u64)>,
}

impl KeyRecord {
    pub(super) fn of(key: &str, history: &History<Content>) -> KeyRecord {
        KeyRecord {
            key: key.to_owned(),
            latest: VersionRecord::of(&history.latest),
            earlier: history.earlier.iter().map(VersionRecord::of).collect(),
        }
    }

    /// The versions, with what `content` finds for the bodies that they name.
    pub(super) fn history(
        self,
        mut content: impl FnMut(&Object, &[(String, u64)]) -> Result<Content, BackendError>,
    ) -> Result<History<Content>, BackendError> {
        let mut version = |record| {
            Ok(match record {
                VersionRecord::Object { object, blobs } => {
                    let content = content(&object, &blobs)?;
                    Version::Object(Entry { object: Arc::new(object), content })
                }
                VersionRecord::Marker { marker } => Version::Marker(Arc::new(marker)),
            })
        };
        Ok(History {
            latest: version(self.latest)?,
            earlier: self.earlier.into_iter().map(version).collect::<Result<_, BackendError>>()?,
        })
    }
}

impl VersionRecord {
    fn of(version: &Version<Content>) -> VersionRecord {
        match version {
            Version::Object(entry) => {
                VersionRecord::Object { object: (*entry.object).clone(), blobs: names(&entry.content) }
            }
            Version::Marker(marker) => VersionRecord::Marker { marker: (**marker).clone() },
        }
    }
}

/// The bodies of a content, as records name them.
pub(super) fn names(content: &Content) -> Vec<(String, u64)> {
    content.iter().map(|blob| (blob.name.clone(), blob.size)).collect()
}
