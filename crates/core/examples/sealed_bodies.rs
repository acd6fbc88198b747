//! Seals every object of `vectors/sealed/vectors.json` and writes its body to `FOLDER/<plaintext bytes>.bin`, for other implementations to open.
#![expect(clippy::disallowed_methods, reason = "an example works on files")]

use std::error::Error;
use std::path::PathBuf;

use data_encoding::BASE64;
use osseal_core::SALT;
use osseal_core::dangerous::fixed_sealed_key;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("usage: sealed_bodies FOLDER")?.into();
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/sealed/vectors.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(vectors)?)?;
    for vector in vectors.as_array().ok_or("the vectors are no list")? {
        let bytes = |name: &str| -> Result<Vec<u8>, Box<dyn Error>> {
            Ok(BASE64.decode(vector[name].as_str().ok_or("a field is missing")?.as_bytes())?)
        };
        let data_key = bytes("data_key")?.try_into().map_err(|_| "a data key has 32 bytes")?;
        let salt: [u8; SALT] = bytes("salt")?.try_into().map_err(|_| "a salt has 24 bytes")?;
        let (key, _) = fixed_sealed_key(data_key, salt, &bytes("context")?)?;
        let length = vector["plaintext_len"].as_u64().ok_or("a length is missing")?;
        let plain = (0..=250_u8).cycle().take(usize::try_from(length)?).collect();
        let part = key.sealer(Some(length)).reserve_last(length)?.seal(plain)?;
        std::fs::write(folder.join(format!("{length}.bin")), &part.bytes)?;
    }
    Ok(())
}
