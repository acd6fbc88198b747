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
mod provided;
mod shared;
mod source;
mod token_service;
mod uri;

pub use chain::{CredentialChain, CredentialSource, Outcome, SourceReport, UnknownSource};
pub use environment::Environment;
pub use error::{CredentialsError, CredentialsErrorKind};
pub use osseal_wire::session_credentials::SessionCredentials;
pub use provided::{ProvideCredentials, Provided};
pub use shared::SharedCredentials;
