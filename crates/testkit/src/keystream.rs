//! Checks the bodies that a server received: no position of a key stream may encrypt two texts.

use futures_util::FutureExt;
use osseal_core::{Envelope, UnwrapKey, UnwrapRequest, Wrapped, WrappedContent};
use osseal_server::ledger::Ledger;

mod overlaps;

pub use overlaps::violations_with;

/// # Panics
/// If a key stream position encrypted two texts, or if one data key was used with two starts.
pub fn check(ledger: &Ledger) {
    let found = violations(ledger);
    assert!(found.is_empty(), "{found:#?}");
}

/// The violations that [`check`] reports.
pub fn violations(ledger: &Ledger) -> Vec<String> {
    violations_with(ledger, |envelope, wrapped, content| {
        ["test", "old", "other"].into_iter().find_map(|name| unwrap(name, envelope, wrapped, content))
    })
}

fn unwrap(name: &str, envelope: &Envelope, wrapped: &Wrapped, content: WrappedContent) -> Option<Vec<u8>> {
    let key = crate::aes(name);
    let request = UnwrapRequest::new(envelope.wrap, wrapped, content);
    key.unwrap(request).now_or_never()?.ok().map(|secret| secret.expose().to_vec())
}
