//! Errors of the service and of its protocol: kind, outcome and hint of each.

use osseal_wire::oss::request::BuildError;
use osseal_wire::oss::{ErrorDetail, ReplyError, ServiceCode, ServiceError};

use super::{ErrorKind, OpError, Outcome};

impl From<ServiceError> for OpError {
    fn from(error: ServiceError) -> OpError {
        let (kind, hint) = match error.detail.as_deref() {
            Some(ErrorDetail::DeleteMarker(_)) if matches!(error.status, 404 | 405) => (
                ErrorKind::NotFound,
                "the latest version is a delete marker: read an earlier version by its id, or remove the marker",
            ),
            _ => classify(error.status, &error.code),
        };
        // A reply without a code is not the service's own, and a proxy may have passed the request on.
        let is_throttling = matches!(error.status, 429 | 503) && !error.code.is_none();
        let message = if error.code.is_none() {
            format!("HTTP {}: {}", error.status, error.message)
        } else {
            error.to_string()
        };
        let failure = OpError {
            code: error.code.clone(),
            outcome: Outcome::unknown_if(kind == ErrorKind::Transient && !is_throttling),
            status: Some(error.status),
            request_id: (!error.request_id.is_empty()).then(|| error.request_id.as_str().into()),
            ..OpError::new(kind, message)
        };
        let failure = if hint.is_empty() { failure } else { failure.with_hint(hint) };
        if error.code.is_none() { failure } else { failure.with_source(error) }
    }
}

/// The kind of a refusal and what to do about it.
fn classify(status: u16, code: &ServiceCode) -> (ErrorKind, &'static str) {
    use ServiceCode as Code;
    match (status, code) {
        (_, Code::InvalidObjectState) => {
            (ErrorKind::Denied, "the object is archived: restore it, then try again")
        }
        (_, Code::FileImmutable) => {
            (ErrorKind::Denied, "the bucket's retention policy protects its objects from changes")
        }
        (_, Code::RequestTimeTooSkewed) => (ErrorKind::Denied, "set this machine's clock"),
        (_, Code::FileAlreadyExists | Code::ObjectAlreadyExists | Code::BucketAlreadyExists) => {
            (ErrorKind::Exists, "")
        }
        (_, Code::BucketNotEmpty) => {
            (ErrorKind::Exists, "delete its objects, their versions and unfinished uploads first")
        }
        (404, Code::NoSuchBucket) => {
            (ErrorKind::NotFound, "create the bucket, or check its name and the region")
        }
        (404, _) => (ErrorKind::NotFound, ""),
        (_, Code::SignatureDoesNotMatch) => (ErrorKind::Denied, "check the access key secret and the region"),
        (_, Code::InvalidAccessKeyId) => (ErrorKind::Denied, "check the access key id"),
        (_, Code::SecurityTokenExpired | Code::InvalidSecurityToken) => {
            (ErrorKind::Denied, "the temporary credentials have expired: get new ones")
        }
        (_, Code::SecondLevelDomainForbidden) => (
            ErrorKind::Usage,
            "the service expects the bucket in the host name: give its endpoint as a host name",
        ),
        (401 | 403, _) => (ErrorKind::Denied, "check the credentials and their permissions"),
        (412, _) => (ErrorKind::Changed, "the object was overwritten: read it again"),
        (416, _) => (ErrorKind::Range, "the range has no byte in the object"),
        (_, Code::NotImplemented) => (ErrorKind::Service, ""),
        (408 | 429 | 500..=599, _) => (ErrorKind::Transient, "try again later"),
        _ => (ErrorKind::Service, ""),
    }
}

impl From<ReplyError> for OpError {
    /// A reply that cannot be understood does not say what was done.
    fn from(error: ReplyError) -> OpError {
        OpError::caused_by(ErrorKind::Protocol, error).with_unknown_outcome()
    }
}

impl From<BuildError> for OpError {
    fn from(error: BuildError) -> OpError {
        OpError::caused_by(ErrorKind::Usage, error)
    }
}
