//! PutBucketVersioning, GetBucketVersioning, ListObjectVersions, DeleteMultipleObjects, and what versions change in other operations.

use http::StatusCode;
use osseal_wire::oss::request::{DeleteMultipleObjects, ListObjectVersions, Versioning};
use osseal_wire::oss::xml::{
    CommonPrefix, DeleteError, DeleteResult, DeletedEntry, ListVersionsResult, MarkerEntry, ObjectName,
    VersionEntry, VersioningConfiguration, VersionsEntry,
};
use osseal_wire::oss::{DeleteReply, PutReply, ServiceError};

use crate::backend::{
    BackendError, Cursor, ListedVersion, NewMarker, Object, Place, Removed, VersionCursor, VersionKind,
};
use crate::ops::buckets::{iso, owner};
use crate::ops::listing::{BATCH, DEFAULT_PAGE, encoder, encoding, group_of};
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::error_reply;
use crate::rules::error_reply::marked;
use crate::rules::random;

impl Inner {
    pub(crate) async fn put_versioning(&self, bucket: &str, state: Versioning) -> Outcome {
        self.backend.set_versioning(bucket, state).await.map_err(refusal_of)?;
        Ok(Answer::empty(StatusCode::OK))
    }

    pub(crate) async fn get_versioning(&self, bucket: &str) -> Outcome {
        let state = self.backend.versioning(bucket).await.map_err(refusal_of)?;
        let status = state.map(|state| state.wire_name().to_owned()).unwrap_or_default();
        Ok(Answer::xml(VersioningConfiguration { status }.to_xml()))
    }

    /// The version of an object as replies name it: none in a bucket that never had versions.
    pub(crate) async fn version_of(
        &self,
        bucket: &str,
        object: &Object,
    ) -> Result<Option<String>, ServiceError> {
        let versioned = !object.version.is_null() || self.has_versions(bucket).await?;
        Ok(versioned.then(|| object.version.as_str().to_owned()))
    }

    /// A reply about an object that says its version and nothing else.
    pub(crate) async fn named(&self, bucket: &str, object: &Object) -> Result<PutReply, ServiceError> {
        Ok(PutReply { version_id: self.version_of(bucket, object).await?, ..PutReply::default() })
    }

    pub(crate) async fn has_versions(&self, bucket: &str) -> Result<bool, ServiceError> {
        Ok(self.backend.versioning(bucket).await.map_err(refusal_of)?.is_some())
    }

    /// Removes an object or a version. What is not there is no refusal.
    pub(crate) async fn remove(
        &self,
        place: Place<'_>,
        version: Option<&str>,
    ) -> Result<DeleteReply, ServiceError> {
        let removed = if let Some(version) = version {
            self.backend.delete_version(place, version).await
        } else {
            let marker = NewMarker { id: random::id(), modified: self.now() };
            self.backend.delete(place, marker).await
        };
        let (made, is_marker) = match removed {
            Ok(Removed::Marked(made)) => (Some(made.as_str().to_owned()), true),
            Ok(Removed::Unmarked) => (None, true),
            Ok(Removed::Gone) | Err(BackendError::NoSuchKey | BackendError::NoSuchVersion) => (None, false),
            Err(error) => return Err(refusal_of(error)),
        };
        Ok(DeleteReply { version_id: made.or_else(|| version.map(str::to_owned)), is_marker })
    }

    pub(crate) async fn delete_many(&self, bucket: &str, many: &DeleteMultipleObjects) -> Outcome {
        self.backend.versioning(bucket).await.map_err(refusal_of)?;
        let encode = encoder(many.url_encoding);
        let mut result =
            DeleteResult { encoding_type: encoding(many.url_encoding), ..DeleteResult::default() };
        for ObjectName { key, version_id } in &many.delete.objects {
            let place = Place { bucket, key: key.as_deref().unwrap_or_default() };
            let (key, asked) = (encode(place.key), version_id.clone().unwrap_or_default());
            match self.remove(place, version_id.as_deref()).await {
                Ok(_) if many.delete.quiet => {}
                Ok(reply) => result.deleted.push(DeletedEntry {
                    key,
                    version_id: asked,
                    delete_marker: reply.is_marker,
                    delete_marker_version_id: reply
                        .version_id
                        .filter(|_| reply.is_marker)
                        .unwrap_or_default(),
                }),
                Err(refused) => result.errors.push(DeleteError {
                    key,
                    version_id: asked,
                    code: refused.code.to_string(),
                    message: refused.message,
                }),
            }
        }
        Ok(Answer::xml(result.to_xml()))
    }

    pub(crate) async fn list_versions(&self, bucket: &str, list: &ListObjectVersions) -> Outcome {
        let limit = list.max_keys.unwrap_or(DEFAULT_PAGE);
        let page = self.collect_versions(bucket, list, limit as usize).await?;
        let encode = encoder(list.url_encoding);
        let (next_key_marker, next_version_id_marker) = page.next.clone().unwrap_or_default();
        let result = ListVersionsResult {
            name: bucket.to_owned(),
            prefix: encode(&list.prefix),
            key_marker: encode(&list.key_marker),
            version_id_marker: list.version_id_marker.clone(),
            max_keys: limit,
            delimiter: encode(&list.delimiter),
            encoding_type: encoding(list.url_encoding),
            is_truncated: page.next.is_some(),
            next_key_marker: encode(&next_key_marker),
            next_version_id_marker,
            entries: page.entries.iter().map(|row| row.entry(&encode)).collect(),
        };
        Ok(Answer::xml(result.to_xml()))
    }

    async fn collect_versions(
        &self,
        bucket: &str,
        list: &ListObjectVersions,
        limit: usize,
    ) -> Result<Rows, ServiceError> {
        let mut rows = Rows::default();
        // The last row that was looked at, and the last one that the page has.
        let mut from = (list.key_marker.clone(), list.version_id_marker.clone());
        let mut last = None;
        loop {
            let cursor = match (from.0.as_str(), from.1.as_str()) {
                ("", _) => VersionCursor::Key(Cursor::First),
                (key, "") => VersionCursor::Key(Cursor::After(key)),
                (key, version) => VersionCursor::After { key, version },
            };
            let batch = self.backend.scan_versions(bucket, &list.prefix, cursor, BATCH).await;
            let batch = batch.map_err(refusal_of)?;
            let ended = batch.len() < BATCH;
            if let Some(row) = batch.last() {
                from = (row.key.clone(), row.id().to_owned());
            }
            for row in batch {
                let group = group_of(&row.key, &list.prefix, &list.delimiter);
                // A page that ended with a group goes on behind all of it.
                let known = |group: &str| group == list.key_marker || rows.group.as_deref() == Some(group);
                if group.is_some_and(known) {
                    continue;
                }
                if rows.entries.len() == limit {
                    rows.next = last;
                    return Ok(rows);
                }
                if let Some(group) = group {
                    last = Some((group.to_owned(), String::new()));
                    rows.group = Some(group.to_owned());
                    rows.entries.push(Row::Group(group.to_owned()));
                } else {
                    last = Some((row.key.clone(), row.id().to_owned()));
                    rows.entries.push(Row::Version(row));
                }
            }
            if ended {
                return Ok(rows);
            }
        }
    }
}

#[derive(Default)]
struct Rows {
    entries: Vec<Row>,
    /// The last group.
    group: Option<String>,
    /// Key and version after which the next page begins.
    next: Option<(String, String)>,
}

enum Row {
    Version(ListedVersion),
    Group(String),
}

impl Row {
    fn entry(&self, encode: &impl Fn(&str) -> String) -> VersionsEntry {
        let row = match self {
            Row::Group(group) => {
                return VersionsEntry::CommonPrefixes(CommonPrefix { prefix: encode(group) });
            }
            Row::Version(row) => row,
        };
        match &row.kind {
            VersionKind::Object(object) => VersionsEntry::Version(VersionEntry {
                key: encode(&row.key),
                version_id: object.version.as_str().to_owned(),
                is_latest: row.is_latest,
                last_modified: iso(object.modified),
                etag: object.etag.clone(),
                object_type: object.kind.wire_name().to_owned(),
                size: object.size.to_string(),
                storage_class: object.attributes.storage_class.wire_name().to_owned(),
                owner: owner(),
            }),
            VersionKind::Marker(marker) => VersionsEntry::DeleteMarker(MarkerEntry {
                key: encode(&row.key),
                version_id: marker.version.as_str().to_owned(),
                is_latest: row.is_latest,
                last_modified: iso(marker.modified),
                owner: owner(),
            }),
        }
    }
}

impl ListedVersion {
    pub(crate) fn id(&self) -> &str {
        match &self.kind {
            VersionKind::Object(object) => object.version.as_str(),
            VersionKind::Marker(marker) => marker.version.as_str(),
        }
    }
}

/// The refusal of a delete marker as the source of a copy.
pub(crate) fn source_refusal(error: BackendError) -> ServiceError {
    match error {
        BackendError::IsMarker { marker } => marked(error_reply::marker_source(), marker.as_str()),
        other => refusal_of(other),
    }
}
