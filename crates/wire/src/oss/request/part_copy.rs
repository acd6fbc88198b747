//! UploadPartCopy.

use super::Conditions;
use super::read::{HeaderReader, QueryReader, argument};
use super::write::{HeaderWriter, QueryWriter};
use crate::oss::error::ServiceError;
use crate::oss::escape;
use crate::oss::header::{COPY_CONDITIONS, COPY_SOURCE, InvalidHeader};
use crate::oss::range::RangeSpec;

const COPY_SOURCE_RANGE: &str = "x-oss-copy-source-range";

/// Arguments of UploadPartCopy, which stores a range of another object as a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPartCopy {
    /// Identifier of the upload.
    pub upload_id: String,
    /// 1 to 10,000.
    pub part_number: u32,
    /// Source bucket.
    pub source_bucket: String,
    /// Source key, decoded.
    pub source_key: String,
    /// Source version; `None` for the latest.
    pub source_version: Option<String>,
    /// Range of the source; `None` for all of it.
    pub range: Option<RangeSpec>,
    /// Conditions on the source.
    pub conditions: Conditions,
}

impl UploadPartCopy {
    pub(super) fn write(
        &self,
        query: &mut QueryWriter,
        headers: &mut HeaderWriter,
    ) -> Result<(), InvalidHeader> {
        query.number("partNumber", u64::from(self.part_number));
        query.text("uploadId", &self.upload_id);
        let source = write_source(&self.source_bucket, &self.source_key, self.source_version.as_deref());
        headers.set(COPY_SOURCE, &source)?;
        headers.maybe(COPY_SOURCE_RANGE, self.range.as_ref().map(ToString::to_string).as_deref())?;
        headers.conditions(&self.conditions, COPY_CONDITIONS)
    }

    pub(super) fn read(
        headers: &HeaderReader<'_>,
        query: &QueryReader,
    ) -> Result<UploadPartCopy, ServiceError> {
        let part_number = query.part_number()?;
        let source = headers.text(COPY_SOURCE).unwrap_or_default();
        if !source.starts_with('/') {
            return Err(ServiceError { ec: "0042-00000301".into(), ..bad_source() });
        }
        let (source_bucket, source_key, source_version) = read_source(source)?;
        let bad = || argument(COPY_SOURCE_RANGE, "must be bytes=FIRST-LAST, bytes=FIRST- or bytes=-COUNT");
        let range = headers.text(COPY_SOURCE_RANGE);
        let range = range.map(|text| RangeSpec::parse(text).ok_or_else(bad)).transpose()?;
        Ok(UploadPartCopy {
            upload_id: query.text("uploadId"),
            part_number,
            source_bucket,
            source_key,
            source_version,
            range,
            conditions: headers.conditions(COPY_CONDITIONS),
        })
    }
}

/// Writes the header `x-oss-copy-source`.
pub(super) fn write_source(bucket: &str, key: &str, version: Option<&str>) -> String {
    let path = format!("/{bucket}/{}", escape::path(key));
    version.map_or(path.clone(), |version| format!("{path}?versionId={}", escape::query(version)))
}

/// Reads bucket, key and version from the header `x-oss-copy-source`.
pub(super) fn read_source(source: &str) -> Result<(String, String, Option<String>), ServiceError> {
    let (path, query) = source.split_once('?').unwrap_or((source, ""));
    let path = escape::decode(path).ok_or_else(bad_source)?;
    let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(bad_source)?;
    if bucket.is_empty() || key.is_empty() {
        return Err(bad_source());
    }
    let version = query.strip_prefix("versionId=").and_then(escape::decode_query);
    Ok((bucket.to_owned(), key.to_owned(), version))
}

fn bad_source() -> ServiceError {
    argument(COPY_SOURCE, "must be /bucket/key")
}
