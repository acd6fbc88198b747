//! AppendObject.

use http::Method;

use super::build::{self, Query};
use super::parse;
use super::{Attributes, Call, PutObject};
use crate::oss::error::ServiceError;
use crate::oss::meta::InvalidHeader;

/// AppendObject: makes an object that can grow, or makes it grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendObject {
    /// Bytes that the object has before; 0 makes it.
    pub position: u64,
    /// The body, and the headers of an object that is made.
    pub object: PutObject,
}

impl AppendObject {
    pub(super) fn fill(
        &self,
        query: &mut Query,
        headers: &mut build::Headers,
    ) -> Result<Method, InvalidHeader> {
        query.flag("append");
        query.long("position", self.position);
        self.object.fill(headers)?;
        Ok(Method::POST)
    }

    pub(super) fn parse(headers: &parse::Headers<'_>, query: &parse::Query) -> Result<Call, ServiceError> {
        if query.flag("versionId") {
            let ec = "0016-00000504".into();
            return Err(ServiceError { ec, ..parse::argument("versionId", "does not go with append") });
        }
        let missing = || ServiceError { ec: "0016-00000501".into(), ..parse::missing("position") };
        let position = query.number("position")?.ok_or_else(missing)?;
        // What is said about an object after it was made has no effect, not even when it is wrong.
        let attributes = match Attributes::parse(headers) {
            Err(_) if position > 0 => Attributes::default(),
            attributes => attributes?,
        };
        let object = PutObject { attributes, ..parse::body_of(headers)? };
        Ok(Call::AppendObject(AppendObject { position, object }))
    }
}
