//! Keys and credentials that belong to one test process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use osseal::{AesKey, Credentials, Keyring, MaterialDescription, NamedKey};

/// A text that differs between test processes, even if a process id is reused.
fn process_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}-{}", std::process::id(), since.as_nanos())
    })
}

/// New credentials on every call. A request that reaches another test's server is refused, because
/// that server does not know the access key ID.
pub fn unique_credentials() -> Credentials {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Credentials::new(format!("ak-{}-{number}", process_name()), format!("sk-{}-{number}", process_name()))
}

/// The credentials of this test process, for tests without a [`TestStore`](crate::TestStore).
pub fn credentials() -> Credentials {
    static CREDENTIALS: OnceLock<Credentials> = OnceLock::new();
    CREDENTIALS.get_or_init(unique_credentials).clone()
}

/// The AES key with this name. Names give different keys, and so do test processes.
pub fn aes(name: &str) -> AesKey {
    let mut key = [0_u8; 32];
    let bytes = name.bytes().chain([0]).chain(process_name().bytes());
    for (i, byte) in bytes.enumerate() {
        let slot = &mut key[i % 32];
        *slot = slot.wrapping_mul(31).wrapping_add(byte).wrapping_add(7);
    }
    AesKey::from_file_content(&key).unwrap()
}

/// The key of [`aes`], described by its name.
pub fn named(name: &str) -> NamedKey {
    let mut description = MaterialDescription::empty();
    description.insert("name", name);
    let key = Arc::new(aes(name));
    NamedKey::new(name, description).wrapping(key.clone()).unwrapping(key)
}

/// A keyring of named keys. The first one wraps.
pub fn keyring(names: &[&str]) -> Keyring {
    Keyring::new(names.iter().map(|name| named(name)).collect()).unwrap()
}
