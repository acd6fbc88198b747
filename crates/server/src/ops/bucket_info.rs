//! What is known about one bucket: description, region, access control, how much is in it, which uploads are unfinished.

use http::StatusCode;
use osseal_wire::oss::request::ListMultipartUploads;
use osseal_wire::oss::xml::{
    AccessControlList, BucketDescription, BucketInfo, BucketStat, CommonPrefix, ListMultipartUploadsResult,
    LocationConstraint, ServerSideEncryption, UploadEntry,
};
use osseal_wire::oss::{Acl, StorageClass};

use crate::backend::{Cursor, ListedVersion, Upload, VersionCursor, VersionKind};
use crate::ops::buckets::{iso, owner};
use crate::ops::listing::{BATCH, encoder, encoding, group_of};
use crate::ops::properties::policy;
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};

/// Most uploads in a page.
const PAGE: u32 = 1000;

impl Inner {
    pub(crate) async fn bucket_info(&self, bucket: &str) -> Outcome {
        let bucket = self.backend.bucket(bucket).await.map_err(refusal_of)?;
        let versioning = self.backend.versioning(&bucket.name).await.map_err(refusal_of)?;
        let listed = self.entry(bucket.name, bucket.created);
        let description = BucketDescription {
            name: listed.name,
            location: listed.location,
            creation_date: listed.creation_date,
            extranet_endpoint: listed.extranet_endpoint,
            intranet_endpoint: listed.intranet_endpoint,
            storage_class: listed.storage_class,
            data_redundancy_type: "LRS".into(),
            owner: owner(),
            list: AccessControlList { grant: bucket.acl.wire_name().to_owned() },
            versioning: versioning.map(|state| state.wire_name().to_owned()).unwrap_or_default(),
            server_side_encryption: ServerSideEncryption { algorithm: "None".into() },
            comment: String::new(),
        };
        Ok(Answer::xml(BucketInfo { bucket: description }.to_xml()))
    }

    pub(crate) async fn bucket_location(&self, bucket: &str) -> Outcome {
        self.backend.bucket(bucket).await.map_err(refusal_of)?;
        Ok(Answer::xml(LocationConstraint { location: format!("oss-{}", self.region) }.to_xml()))
    }

    pub(crate) async fn bucket_acl(&self, bucket: &str) -> Outcome {
        Ok(policy(self.backend.bucket(bucket).await.map_err(refusal_of)?.acl))
    }

    pub(crate) async fn put_bucket_acl(&self, bucket: &str, acl: Acl) -> Outcome {
        self.backend.set_bucket_acl(bucket, acl).await.map_err(refusal_of)?;
        Ok(Answer::empty(StatusCode::OK))
    }

    pub(crate) async fn bucket_stat(&self, bucket: &str) -> Outcome {
        let uploads = self.backend.uploads(bucket, "").await.map_err(refusal_of)?;
        let mut stat = BucketStat {
            multipart_upload_count: uploads.len() as u64,
            last_modified_time: self.now().as_second(),
            ..BucketStat::default()
        };
        let mut last: Option<ListedVersion> = None;
        loop {
            let from = last.as_ref().map_or(VersionCursor::Key(Cursor::First), |row| VersionCursor::After {
                key: &row.key,
                version: row.id(),
            });
            let batch = self.backend.scan_versions(bucket, "", from, BATCH).await.map_err(refusal_of)?;
            for row in &batch {
                match &row.kind {
                    VersionKind::Object(object) => {
                        count(&mut stat, object.attributes.storage_class, object.size);
                    }
                    VersionKind::Marker(_) => stat.delete_marker_count += 1,
                }
            }
            if batch.len() < BATCH {
                return Ok(Answer::xml(stat.to_xml()));
            }
            last = batch.into_iter().next_back();
        }
    }

    pub(crate) async fn list_uploads(&self, bucket: &str, list: &ListMultipartUploads) -> Outcome {
        let uploads = self.backend.uploads(bucket, &list.prefix).await.map_err(refusal_of)?;
        let limit = list.max_uploads.unwrap_or(PAGE);
        let encode = encoder(list.url_encoding);
        let (mut page, mut groups) = (Vec::new(), Vec::<String>::new());
        let (mut last, mut is_truncated) = ((String::new(), String::new()), false);
        for upload in uploads.iter().filter(|upload| is_after(upload, list)) {
            let group = group_of(&upload.key, &list.prefix, &list.delimiter);
            // A page that ended with a group goes on behind all of it.
            if group.is_some_and(|group| {
                group == list.key_marker || groups.last().is_some_and(|last| last == group)
            }) {
                continue;
            }
            if page.len() + groups.len() == limit as usize {
                is_truncated = true;
                break;
            }
            if let Some(group) = group {
                groups.push(group.to_owned());
                last = (group.to_owned(), String::new());
            } else {
                page.push(entry(upload, &encode));
                last = (upload.key.clone(), upload.id.clone());
            }
        }
        let (next_key, next_id) = if is_truncated { last } else { Default::default() };
        let result = ListMultipartUploadsResult {
            bucket: bucket.to_owned(),
            prefix: encode(&list.prefix),
            delimiter: encode(&list.delimiter),
            key_marker: encode(&list.key_marker),
            upload_id_marker: list.upload_id_marker.clone(),
            next_key_marker: encode(&next_key),
            next_upload_id_marker: next_id,
            max_uploads: limit,
            is_truncated,
            encoding_type: encoding(list.url_encoding),
            uploads: page,
            common_prefixes: groups.iter().map(|group| CommonPrefix { prefix: encode(group) }).collect(),
        };
        Ok(Answer::xml(result.to_xml()))
    }
}

/// Whether an upload comes after the markers. Without a key the identifier is ignored.
fn is_after(upload: &Upload, list: &ListMultipartUploads) -> bool {
    let same = upload.key == list.key_marker && !list.upload_id_marker.is_empty();
    list.key_marker.is_empty() || upload.key > list.key_marker || (same && upload.id > list.upload_id_marker)
}

fn entry(upload: &Upload, encode: &impl Fn(&str) -> String) -> UploadEntry {
    UploadEntry {
        key: encode(&upload.key),
        upload_id: upload.id.clone(),
        storage_class: upload.attributes.storage_class.wire_name().to_owned(),
        initiated: iso(upload.initiated),
    }
}

/// Small objects are not rounded up here: both sizes of a class are what is stored.
fn count(stat: &mut BucketStat, class: StorageClass, size: u64) {
    stat.storage += size;
    stat.object_count += 1;
    let (storage, real, objects) = match class {
        StorageClass::Standard => (&mut stat.standard_storage, None, &mut stat.standard_object_count),
        StorageClass::Ia => (
            &mut stat.infrequent_access_storage,
            Some(&mut stat.infrequent_access_real_storage),
            &mut stat.infrequent_access_object_count,
        ),
        StorageClass::Archive => {
            (&mut stat.archive_storage, Some(&mut stat.archive_real_storage), &mut stat.archive_object_count)
        }
        StorageClass::ColdArchive => (
            &mut stat.cold_archive_storage,
            Some(&mut stat.cold_archive_real_storage),
            &mut stat.cold_archive_object_count,
        ),
        _ => (
            &mut stat.deep_cold_archive_storage,
            Some(&mut stat.deep_cold_archive_real_storage),
            &mut stat.deep_cold_archive_object_count,
        ),
    };
    *storage += size;
    *objects += 1;
    if let Some(real) = real {
        *real += size;
    }
}
