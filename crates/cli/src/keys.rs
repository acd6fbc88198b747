//! Wrapping keys: how they are made, found and read.

pub(crate) mod generate;
mod key_section;
mod kms_section;
mod loaded_key;
pub(crate) mod passphrase;

pub(crate) use key_section::{Base, KeyEntry, Kind};
pub(crate) use loaded_key::{LoadedKey, Material, Unlocking, padding_of, rsa};
