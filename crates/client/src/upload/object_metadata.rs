//! The headers of a new object: the caller's, and the envelope.

use osseal_core::{Envelope, PartPlan};
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::Attributes;

use crate::error::{ErrorKind, OpError};
use crate::object::headers;
use crate::object::options::PutOptions;

/// The caller's headers, checked.
pub(crate) fn metadata_from_options(options: &PutOptions) -> Result<Metadata, OpError> {
    let mut metadata = options.headers.to_metadata()?;
    let tags = headers::tags(&options.tags)?;
    Attributes { storage_class: options.storage_class, acl: options.acl, tags }.push_to(&mut metadata);
    Ok(metadata)
}

/// All headers of an object, within the service's 8 KB.
pub(crate) fn with_envelope(
    mut metadata: Metadata,
    envelope: Option<&Envelope>,
    parts: Option<PartPlan>,
) -> Result<Metadata, OpError> {
    for (name, value) in envelope.map(|envelope| envelope.to_metadata(parts)).unwrap_or_default() {
        metadata.push(name, value);
    }
    let too_much = |_| {
        let size = metadata.user_size();
        let message = format!(
            "metadata and envelope have {size} bytes together, and the service takes 8192; shorten metadata or description"
        );
        OpError::new(ErrorKind::Usage, message)
    };
    metadata.check().map_err(too_much)?;
    Ok(metadata)
}
