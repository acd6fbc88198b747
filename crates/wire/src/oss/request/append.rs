//! AppendObject.

use super::read::{HeaderReader, QueryReader, argument, missing};
use super::{Attributes, PutObject};
use crate::oss::error::ServiceError;

/// AppendObject: creates an object that can be appended to, or appends to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendObject {
    /// Stored bytes of the object before the request; 0 creates it.
    pub position: u64,
    /// The body, and the headers of an object that is created.
    pub object: PutObject,
}

impl AppendObject {
    pub(super) fn read(
        headers: &HeaderReader<'_>,
        query: &QueryReader,
    ) -> Result<AppendObject, ServiceError> {
        if query.flag("versionId") {
            let ec = "0016-00000504".into();
            return Err(ServiceError { ec, ..argument("versionId", "does not go with append") });
        }
        let missing = || ServiceError { ec: "0016-00000501".into(), ..missing("position") };
        let position = query.number("position")?.ok_or_else(missing)?;
        // Attributes are set by the request that creates the object; later ones are ignored even if
        // malformed.
        let attributes = match Attributes::read(headers) {
            Err(_) if position > 0 => Attributes::default(),
            attributes => attributes?,
        };
        let object = PutObject { attributes, ..PutObject::read_without_attributes(headers)? };
        Ok(AppendObject { position, object })
    }
}
