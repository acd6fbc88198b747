//! The source of an object's bytes: a key of the bucket, or a presigned URL.

use http::Uri;
use osseal_core::Place;
use osseal_wire::oss::{Addressing, Endpoint, bucket_of_host, escape};

/// Where an object is read from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// The bucket, by signed requests.
    Key { key: String, version_id: Option<String> },
    /// A signed address, and the part of it that may be shown: the signature is a credential.
    Presigned { address: Uri, shown: String, place: UrlLocation },
}

impl Origin {
    pub(crate) fn name(&self) -> &str {
        match self {
            Origin::Key { key, .. } => key,
            Origin::Presigned { shown, .. } => shown,
        }
    }

    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Origin::Key { version_id, .. } => version_id.as_deref(),
            Origin::Presigned { .. } => None,
        }
    }

    /// Restricts later requests to the version of the first reply, whatever is written meanwhile.
    pub(crate) fn pinned(self, version: Option<&str>) -> Origin {
        match self {
            Origin::Key { key, version_id } => {
                Origin::Key { key, version_id: version.map(str::to_owned).or(version_id) }
            }
            presigned @ Origin::Presigned { .. } => presigned,
        }
    }
}

/// The location of a URL's object, as far as the URL shows it. The query is ignored, and the path is decoded once; `+`
/// stays `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlLocation {
    bucket: Option<String>,
    key: Option<String>,
}

impl UrlLocation {
    pub(crate) fn of(address: &Uri, endpoint: &Endpoint) -> UrlLocation {
        let decode = |text: &str| escape::decode(text).filter(|text| !text.is_empty());
        let path = address.path().strip_prefix('/').unwrap_or_default();
        if endpoint.addressing() == Addressing::Path {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            return UrlLocation { bucket: decode(bucket), key: decode(key) };
        }
        // A domain of its own does not say which bucket it leads to.
        let bucket = address.host().and_then(bucket_of_host).map(str::to_owned);
        UrlLocation { bucket, key: decode(path) }
    }

    pub(crate) fn as_place(&self) -> Place<'_> {
        match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => Place::object(bucket, key),
            (None, Some(key)) => Place::key(key),
            _ => Place::unknown(),
        }
    }
}
