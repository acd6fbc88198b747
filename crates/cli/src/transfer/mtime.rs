//! Modification times for `--update`. A missing file or object counts as older than everything.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use osseal::{EncryptedBucket, ListOptions, ListedObject};

use crate::transfer::listing;
use crate::ui::error::{Exit, Failure};

pub(crate) fn file(path: &Path) -> Result<Option<Timestamp>, Failure> {
    let failed = |error| Failure::local(format!("cannot read the time of {}", path.display()), error);
    match path.metadata().and_then(|found| found.modified()) {
        Ok(time) => Timestamp::try_from(time)
            .map(Some)
            .map_err(|error| Failure::local(format!("{} has a time out of bounds", path.display()), error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

pub(crate) async fn object(bucket: &EncryptedBucket, key: &str) -> Result<Option<Timestamp>, Failure> {
    let options = ListOptions { prefix: key.to_owned(), max_keys: Some(1), ..ListOptions::default() };
    let page = bucket.list(&options).await?;
    // The key itself comes before everything that is longer.
    page.objects.iter().find(|found| found.key == key).map(listed).transpose()
}

/// All objects below a prefix.
pub(crate) async fn objects(
    bucket: &EncryptedBucket,
    prefix: &str,
) -> Result<BTreeMap<String, Timestamp>, Failure> {
    let found = listing::everything(bucket, prefix).await?;
    found.into_iter().map(|object| Ok((object.key.clone(), listed(&object)?))).collect()
}

pub(crate) fn listed(object: &ListedObject) -> Result<Timestamp, Failure> {
    object.last_modified.parse().map_err(|error| {
        let text = format!("the store gives no time for {:?}", object.key);
        Failure::new(Exit::Mismatch, text).caused_by(&error)
    })
}
