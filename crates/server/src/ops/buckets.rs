//! PutBucket, DeleteBucket, ListBuckets.

use http::StatusCode;
use osseal_wire::oss::names::check_bucket;
use osseal_wire::oss::request::{ListBuckets, PutBucket};
use osseal_wire::oss::xml::{Bucket, Buckets, ListBucketsResult, Owner};

use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::error_reply;

/// Most buckets in a page.
const PAGE: u32 = 1000;

impl Inner {
    pub(crate) async fn put_bucket(&self, bucket: &str, put: &PutBucket) -> Outcome {
        check_bucket(bucket).map_err(|_| error_reply::bucket_name())?;
        self.backend.create_bucket(bucket, self.now()).await.map_err(refusal_of)?;
        if let Some(acl) = put.acl {
            self.backend.set_bucket_acl(bucket, acl).await.map_err(refusal_of)?;
        }
        Ok(Answer::empty(StatusCode::OK))
    }

    pub(crate) async fn delete_bucket(&self, bucket: &str) -> Outcome {
        self.backend.delete_bucket(bucket).await.map_err(refusal_of)?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    pub(crate) async fn list_buckets(&self, list: &ListBuckets) -> Outcome {
        let limit = list.max_keys.unwrap_or(100).clamp(1, PAGE);
        let all = self.backend.buckets().await.map_err(refusal_of)?;
        let mut rest = all
            .into_iter()
            .filter(|bucket| bucket.name.starts_with(&list.prefix) && bucket.name > list.marker);
        let page: Vec<Bucket> = rest
            .by_ref()
            .take(limit as usize)
            .map(|bucket| self.entry(bucket.name, bucket.created))
            .collect();
        let is_truncated = rest.next().is_some();
        let next = page.last().filter(|_| is_truncated).map(|bucket| bucket.name.clone());
        let result = ListBucketsResult {
            prefix: list.prefix.clone(),
            marker: list.marker.clone(),
            max_keys: limit,
            is_truncated,
            next_marker: next.unwrap_or_default(),
            owner: owner(),
            buckets: Buckets { bucket: page },
        };
        Ok(Answer::xml(result.to_xml()))
    }

    pub(crate) fn entry(&self, name: String, created: jiff::Timestamp) -> Bucket {
        let region = &self.region;
        Bucket {
            name,
            location: format!("oss-{region}"),
            creation_date: iso(created),
            storage_class: "Standard".into(),
            extranet_endpoint: format!("oss-{region}.aliyuncs.com"),
            intranet_endpoint: format!("oss-{region}-internal.aliyuncs.com"),
            region: region.clone(),
        }
    }
}

/// Whose everything is.
pub(crate) fn owner() -> Owner {
    Owner { id: "0".into(), display_name: "owner".into() }
}

/// `2023-12-16T16:20:57.000Z`: whole seconds all the same, which is all that one of the official SDKs reads.
pub(crate) fn iso(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
