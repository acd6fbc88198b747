//! Attacks by the operator of the store, and how reads detect them.

use osseal::{EncryptedBucket, GetOptions, PutOptions};

use crate::ui::error::Failure;

use super::demo_store::{DemoStore, Raw};
use super::plain::Plain;
use super::{BUCKET, say};

/// Most bytes of the file that are attacked: four chunks and a bit.
const MOST: u64 = 4 * 16_384 + 1000;
/// The object that is attacked, and another one.
const VICTIM: &str = "attacked";
const OTHER: &str = "another";

/// A change of stored bytes and metadata, given a second object.
type Attack = fn(Raw, &Raw) -> Raw;

/// Description and change of each attack.
const ATTACKS: [(&str, Attack); 4] = [
    ("one bit flipped", |mut victim, _| {
        if let Some(byte) = victim.bytes.last_mut() {
            *byte ^= 1;
        }
        victim
    }),
    ("cut short, as if it ended there", |mut victim, _| {
        let kept = (victim.bytes.len().saturating_sub(17) / 16_400) * 16_400 + 16;
        victim.bytes.truncate(kept.min(victim.bytes.len() - 1));
        victim
    }),
    ("another object's bytes in its place", |victim, other| Raw { bytes: other.bytes.clone(), ..victim }),
    ("another object, metadata and all, in its place", |_, other| other.clone()),
];

/// Shows every attack on the beginning of the file, and says whether each was noticed.
pub(super) async fn show(
    store: &DemoStore,
    bucket: &EncryptedBucket,
    plain: &mut Plain,
) -> Result<bool, Failure> {
    let length = usize::try_from(plain.len().min(MOST)).unwrap_or_default();
    let content = plain.at(0, length)?.to_vec();
    for key in [VICTIM, OTHER] {
        bucket.put(key, content.clone(), PutOptions::default()).await?;
    }
    let (victim, other) = (store.take(BUCKET, VICTIM).await?, store.take(BUCKET, OTHER).await?);
    say(format_args!("\nWhat the store could do to an object of {length} bytes, and what reading it says:"))?;
    let mut all_noticed = true;
    for (words, attack) in ATTACKS {
        store.replace(BUCKET, VICTIM, attack(victim.clone(), &other)).await?;
        let read = async { bucket.get(VICTIM, GetOptions::default()).await?.bytes().await };
        let refusal = read.await.err();
        all_noticed &= refusal.is_some();
        let said = refusal.map_or_else(|| "NOT NOTICED".to_owned(), |error| format!("refused: {error}"));
        say(format_args!("  {words}\n    {said}"))?;
    }
    store.replace(BUCKET, VICTIM, victim).await?;
    let whole = bucket.get(VICTIM, GetOptions::default()).await?.bytes().await?;
    say(format_args!("  put back as it was\n    opens: {} bytes", whole.len()))?;
    Ok(all_noticed && whole == content)
}
