//! Credentials: their sources, and their renewal.
//!
//! ```text
//!   StoreBuilder ──► SharedCredentials ──► ProvideCredentials    the extension point
//!                    one renewal at a time      ▲
//!                                        CredentialChain ──► environment, oidc, aliyun, ossutil, ecs, uri
//! ```
//! Nothing reads the environment or a file unless the application creates a [`CredentialChain`].
//!
//! An *absent* source is skipped: no variable, no file, no answer from the ECS metadata service. A source that *exists but
//! is broken* ends the search, so that a misspelt file does not silently switch to another account. No error repeats a
//! secret, the content of a file, a reply, or the output of a command.

mod aliyun;
mod chain;
mod ecs;
mod environment;
mod error;
mod fetch;
mod file;
mod ossutil;
mod process;
mod shared;
mod token_service;
mod uri;
mod variables;

use futures_util::future::BoxFuture;

pub use chain::{CredentialChain, CredentialSource, Outcome, Provided, SourceReport, UnknownSource};
pub use environment::Environment;
pub use error::{CredentialsError, CredentialsErrorKind};
pub use osseal_wire::session_credentials::SessionCredentials;
pub use shared::SharedCredentials;

/// A source of credentials.
///
/// [`SharedCredentials`] caches the result, retries, and makes one call at a time; an implementation does neither.
pub trait ProvideCredentials: Send + Sync {
    /// Gets credentials.
    ///
    /// # Errors
    /// [`CredentialsError`]; its kind says whether a retry may help.
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>>;
}
