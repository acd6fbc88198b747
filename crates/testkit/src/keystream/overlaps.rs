//! Compares all recorded bodies that were encrypted with the same data key.

use osseal_core::{Envelope, Start, Wrapped, WrappedContent};
use osseal_server::ledger::{BodyRecord, Ledger, conflicts};

/// Key stream positions that encrypted two texts, and data keys with two starts. `open` unwraps a
/// value, or returns `None` if none of the test's keys fits; such a body is skipped.
pub fn violations_with(
    ledger: &Ledger,
    open: impl Fn(&Envelope, &Wrapped, WrappedContent) -> Option<Vec<u8>>,
) -> Vec<String> {
    let mut bodies: Vec<(Vec<u8>, Vec<u8>, BodyRecord)> = Vec::new();
    let mut found = Vec::new();
    for record in ledger.records() {
        if record.envelope.is_empty() {
            continue;
        }
        let pairs = record.envelope.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let Ok(envelope) = Envelope::from_metadata(pairs) else { continue };
        let (key, iv) = match &envelope.start {
            Start::WrappedIv(start) => (
                open(&envelope, &envelope.data_key, WrappedContent::DataKey),
                open(&envelope, start, WrappedContent::Iv),
            ),
            // The chunk key is derived from the data key and all that the start holds.
            Start::Sealed(_) => {
                let key = open(&envelope, &envelope.data_key, WrappedContent::SealedDataKey);
                let mut start = record.envelope.iter().filter(|(name, _)| name.ends_with("-start"));
                (key, start.next().map(|(_, value)| value.clone()))
            }
            _ => continue,
        };
        let (Some(key), Some(iv)) = (key, iv) else { continue };
        for (other_key, other_iv, other) in &bodies {
            if *other_key != key {
                continue;
            }
            if *other_iv != iv {
                found.push(format!("one data key with two starts: {} and {}", other.key, record.key));
            } else if let Some(offset) = conflicts(other, &record) {
                found.push(format!(
                    "two texts at byte {offset} of one key stream: {} and {}",
                    other.key, record.key
                ));
            }
        }
        bodies.push((key, iv, record));
    }
    found
}
