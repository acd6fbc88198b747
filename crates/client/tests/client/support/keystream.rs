//! Asks with the tests' keys of everything the server ever received whether one stretch of a key stream hid two texts.

use futures_util::FutureExt;
use osseal_core::{Envelope, UnwrapKey, UnwrapRequest, Wrapped, WrappedContent};
use osseal_server::ledger::Ledger;

mod texts;

pub(crate) use texts::violations_with;

/// Panics when a position of a key stream carried two texts, or a body came without an envelope that the test's keys open.
pub(crate) fn check(ledger: &Ledger) {
    let found = violations(ledger);
    assert!(found.is_empty(), "{found:#?}");
}

/// What [`check`] complains about.
pub(crate) fn violations(ledger: &Ledger) -> Vec<String> {
    violations_with(ledger, |envelope, wrapped, content| {
        ["test", "old", "other"].into_iter().find_map(|name| unwrap(name, envelope, wrapped, content))
    })
}

fn unwrap(name: &str, envelope: &Envelope, wrapped: &Wrapped, content: WrappedContent) -> Option<Vec<u8>> {
    let key = super::aes(name);
    let request = UnwrapRequest::new(envelope.wrap, wrapped, content);
    key.unwrap(request).now_or_never()?.ok().map(|secret| secret.expose().to_vec())
}
