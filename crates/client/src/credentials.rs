//! Where credentials come from, and how they stay good.
//!
//! ```text
//!   StoreBuilder ──► SharedCredentials ──► ProvideCredentials    the joint
//!                    one renewal at a time      ▲
//!                                        CredentialChain ──► environment, oidc, aliyun, ossutil, ecs, uri
//! ```
//! Nothing here knows what is signed with them. Nothing reads the environment or a file unless a [`CredentialChain`] was made for it.
//!
//! A source that is *absent* is passed over: no variable, no file, no answer from the metadata service of ECS. A source that is *there but broken*
//! ends the search, so that a misspelt file does not silently hand the work to another account. No error repeats a secret, the content of a file, a
//! reply or the output of a command.

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

/// The joint for credentials: what gets them, afresh each time it is asked.
///
/// [`SharedCredentials`] asks one question at a time and keeps the answer; an implementation caches nothing and repeats nothing.
pub trait ProvideCredentials: Send + Sync {
    /// Gets credentials.
    ///
    /// # Errors
    /// [`CredentialsError`], whose kind says whether asking again may help.
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>>;
}
