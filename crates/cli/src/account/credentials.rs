//! Sources of credentials.

use std::sync::Arc;

use osseal::SharedCredentials;
use osseal::credentials::{CredentialChain, CredentialSource, Environment};
use osseal::transport::Transport;

/// The sources of credentials, or the one that the profile names.
pub(crate) fn chain(named: Option<CredentialSource>, transport: Arc<dyn Transport>) -> CredentialChain {
    let chain = CredentialChain::new(Environment::of_process(), transport);
    match named {
        Some(source) => chain.only(source),
        None => chain,
    }
}

/// One source of credentials and no other.
pub(crate) fn only(source: CredentialSource, transport: Arc<dyn Transport>) -> SharedCredentials {
    SharedCredentials::new(CredentialChain::new(Environment::of_process(), transport).only(source))
}
