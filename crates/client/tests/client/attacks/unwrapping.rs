//! Unwrapping that fails looks the same whatever the cause: kind, text and number of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use data_encoding::BASE64;
use http::HeaderValue;
use osseal::{
    AesKey, ByteRange, ErrorKind, GetOptions, Keyring, MaterialDescription, NamedKey, PutOptions, RsaKey,
    RsaPadding, Secret, Suite, UnwrapKey, WrapKey,
};

use super::malicious_store::{CHUNK, Object, lying};
use crate::support::{TestStore, ramp};

const OURS: &[u8] = include_bytes!("../../../../../vectors/official/keys/rsaA_private_pkcs8.pem");
const THEIRS: &[u8] = include_bytes!("../../../../../vectors/official/keys/rsaB_private_pkcs8.pem");

/// A key that wraps and unwraps.
trait Wrapping: WrapKey + UnwrapKey + 'static {}
impl<T: WrapKey + UnwrapKey + 'static> Wrapping for T {}

fn keyring<K: Wrapping>(key: Arc<K>) -> Keyring {
    let named = NamedKey::new("k", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key);
    Keyring::new(vec![named]).unwrap()
}

/// Six causes, of which the last three are no wrapped keys at all.
async fn causes(ours: &impl Wrapping, theirs: &impl Wrapping, good: &[u8]) -> [Vec<u8>; 6] {
    let wrap = async |key: &dyn WrapKey, length| key.wrap(&Secret::new(vec![1; length])).await.unwrap().0;
    let mut flipped = good.to_vec();
    flipped[good.len() / 2] ^= 1;
    [
        wrap(theirs, 32).await,
        wrap(ours, 16).await,
        wrap(ours, 64).await,
        flipped,
        good[1..].to_vec(),
        vec![0xff; good.len()],
    ]
}

/// Kind and text of every failure, with the number of requests.
async fn failures<K: Wrapping>(
    world: &TestStore,
    ours: Arc<K>,
    theirs: &K,
) -> Vec<(ErrorKind, String, usize)> {
    let mut failures = Vec::new();
    for suite in [Suite::Sealed, Suite::AesCtr] {
        let bucket = world.builder().suite(suite).keyring(keyring(ours.clone())).build().unwrap();
        bucket.put("k", ramp(2 * CHUNK + 5), PutOptions::default()).await.unwrap();
        let object = Object::stored(world, "k", None).await;
        let good = BASE64.decode(object.value("key").as_bytes()).unwrap();
        let mut served: Vec<_> =
            causes(&*ours, theirs, &good).await.iter().map(|wrapped| BASE64.encode(wrapped)).collect();
        served.push(BASE64.encode(&good));
        for (number, wrapped) in served.into_iter().enumerate() {
            let lie = object.with("key", Some(HeaderValue::try_from(wrapped).unwrap()));
            for range in [ByteRange::Whole, ByteRange::from(CHUNK + 5..CHUNK + 10)] {
                let requests = Arc::new(AtomicUsize::new(0));
                let (counted, lie) = (requests.clone(), lie.clone());
                let reader = lying(move |_, range| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    lie.answer(range)
                });
                let reader = reader.suite(suite).keyring(keyring(ours.clone())).build().unwrap();
                match reader.get("k", GetOptions { range, ..GetOptions::default() }).await {
                    Ok(_) => assert_eq!(number, 6, "the control alone opens"),
                    Err(error) => {
                        failures.push((error.kind(), error.to_string(), requests.load(Ordering::Relaxed)));
                    }
                }
            }
        }
    }
    failures
}

#[tokio::test]
async fn every_cause_looks_the_same() {
    let world = TestStore::of(Suite::Sealed).await;
    let aes = |byte| AesKey::from_file_content(&[byte; 32]).unwrap();
    let rsa = |pem| RsaKey::from_pem(pem, RsaPadding::OaepSha256).unwrap();
    let mut all = failures(&world, Arc::new(aes(1)), &aes(2)).await;
    all.extend(failures(&world, Arc::new(rsa(OURS)), &rsa(THEIRS)).await);
    assert_eq!(all.len(), 2 * 2 * 6 * 2);
    let (kind, text, requests) = &all[0];
    assert_eq!((*kind, *requests), (ErrorKind::UnwrapFailed, 1));
    assert!(all.iter().all(|one| *one == (*kind, text.clone(), *requests)), "{all:#?}");
}
