//! [`ProvideCredentials`]: the interface of a source, and the credentials that it provided.

use futures_util::future::BoxFuture;
use osseal_wire::session_credentials::SessionCredentials;

use crate::credentials::error::CredentialsError;

/// A source of credentials.
///
/// [`SharedCredentials`](crate::SharedCredentials) caches the result, retries, and makes one call at a time; an implementation does neither.
pub trait ProvideCredentials: Send + Sync {
    /// Gets credentials.
    ///
    /// # Errors
    /// [`CredentialsError`]; its kind says whether a retry may help.
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>>;
}

/// Credentials that a source provided.
#[derive(Clone, Debug)]
pub struct Provided {
    /// The credentials.
    pub grant: SessionCredentials,
    /// Where exactly they are from: a variable, a file with its profile, a role.
    pub detail: String,
}
