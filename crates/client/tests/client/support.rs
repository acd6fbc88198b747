//! The shared test helpers under one name.

pub(crate) use osseal_testkit::{
    ClosedPort, PART, TestStore, aes, credentials, detached_store, keyring, keystream, named, ramp,
};
