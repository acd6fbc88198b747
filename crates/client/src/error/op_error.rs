//! A failure inside the library, before it is known which operation failed on which object.

use std::time::Duration;

use osseal_wire::oss::{ServiceCode, ServiceError};

use super::{Cause, Error, ErrorKind, Inner, Outcome, operation};

/// The operation and the object, for errors and spans.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpContext<'a> {
    /// See [`Error::operation`].
    pub(crate) operation: &'static str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
}

/// A failure without the operation that it belongs to.
#[derive(Debug)]
pub(crate) struct OpError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) code: ServiceCode,
    /// HTTP status of the service's refusal.
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<Box<str>>,
    /// `Retry-After` of the service's refusal.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) hint: Option<&'static str>,
    pub(crate) source: Option<Cause>,
    /// Whether a request may have been executed. Throttling is reported before any work, so a
    /// throttled request leaves no doubt.
    pub(crate) outcome: Outcome,
}

impl OpError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> OpError {
        OpError {
            kind,
            message: message.into(),
            code: ServiceCode::None,
            status: None,
            request_id: None,
            retry_after: None,
            hint: None,
            source: None,
            outcome: Outcome::NotDone,
        }
    }

    /// The same with the typed cause, which also gives the message.
    pub(crate) fn caused_by(kind: ErrorKind, cause: impl Into<Cause>) -> OpError {
        let cause = cause.into();
        OpError::new(kind, cause.to_string()).with_source(cause)
    }

    /// An error document in the body of a reply with a status of success. The service sends the
    /// status before the work, so the work may be done.
    pub(crate) fn from_error_in_body(error: ServiceError) -> OpError {
        OpError::from(error).with_unknown_outcome()
    }

    /// The service stored other bytes than were sent, or says so.
    pub(crate) fn checksum_mismatch(object: &str) -> OpError {
        OpError::new(ErrorKind::Integrity, format!("the service's CRC64 of {object} differs from ours"))
            .with_hint("delete the object or put it again")
            .with_unknown_outcome()
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: &'static str) -> OpError {
        OpError { hint: Some(hint), ..self }
    }

    #[must_use]
    pub(crate) fn with_source(self, source: impl Into<Cause>) -> OpError {
        OpError { source: Some(source.into()), ..self }
    }

    #[must_use]
    pub(crate) fn with_outcome(self, outcome: Outcome) -> OpError {
        OpError { outcome, ..self }
    }

    #[must_use]
    pub(crate) fn with_unknown_outcome(self) -> OpError {
        self.with_outcome(Outcome::Unknown)
    }

    /// Adds the outcome of earlier attempts of the same call.
    #[must_use]
    pub(crate) fn after_attempts(self, earlier: Outcome) -> OpError {
        let outcome = self.outcome.or(earlier);
        self.with_outcome(outcome)
    }

    pub(crate) fn with_context(self, context: OpContext<'_>) -> Error {
        // A read that was executed changed nothing.
        let is_unknown = self.outcome.is_unknown() && operation::changes_state(context.operation);
        Error(Box::new(Inner {
            kind: self.kind,
            operation: context.operation,
            bucket: context.bucket.map(str::to_owned),
            key: context.key.map(str::to_owned),
            message: self.message,
            status: self.status,
            code: self.code,
            request_id: self.request_id,
            retry_after: self.retry_after,
            outcome: Outcome::unknown_if(is_unknown),
            hint: self.hint,
            source: self.source,
        }))
    }

    /// The same failure for another object of the same request. The source cannot be cloned and is
    /// left out.
    pub(crate) fn duplicate(&self) -> OpError {
        OpError {
            code: self.code.clone(),
            status: self.status,
            request_id: self.request_id.clone(),
            retry_after: self.retry_after,
            hint: self.hint,
            outcome: self.outcome,
            ..OpError::new(self.kind, self.message.clone())
        }
    }

    /// Whether sending the same bytes again may help. `InvalidCRC64` says that they were damaged on
    /// the way.
    pub(crate) fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Transient || self.code == ServiceCode::InvalidCrc64
    }

    /// Whether the service rejects the token of temporary credentials.
    pub(crate) fn is_token_expired(&self) -> bool {
        matches!(self.code, ServiceCode::SecurityTokenExpired | ServiceCode::InvalidSecurityToken)
    }

    /// Whether the service rejects the time of the signature.
    pub(crate) fn is_clock_skewed(&self) -> bool {
        self.code == ServiceCode::RequestTimeTooSkewed
    }
}
