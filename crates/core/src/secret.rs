//! Bytes that must not outlive their use or leave by accident.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Secret bytes: a data key, an unwrapped counter, a private key file.
///
/// Wiped on drop. It has no `Clone`, no serialisation, and no content in `Debug`. [`Secret::expose`] is the only access, so
/// that every use can be found by searching for that name.
#[derive(ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes over `bytes`. The allocation itself is kept, so that no copy stays behind.
    pub fn new(bytes: Vec<u8>) -> Self {
        Secret(bytes)
    }

    /// Copies `bytes` and wipes the original.
    pub fn take_from(bytes: &mut [u8]) -> Self {
        let copy = Secret(bytes.to_vec());
        bytes.zeroize();
        copy
    }

    /// The secret bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Bytes of stack that are wiped: more than the calls of the cipher libraries take.
const STRETCH: usize = 16 << 10;

/// Runs `work` on stack memory that is wiped afterwards.
///
/// Key schedules and digests of cipher libraries are values. Each move, also inside of the libraries, leaves a copy on the
/// stack. The result of `work` is moved, too: return a box, or nothing secret.
pub fn on_wiped_stack<T>(work: impl FnOnce() -> T) -> T {
    let outcome = below(work);
    wipe_below();
    outcome
}

#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Overwrites the stack frames that earlier calls at this depth have left.
#[inline(never)]
fn wipe_below() {
    // Words rather than bytes: each is one volatile write that the compiler must keep.
    let mut stretch = [0_u64; STRETCH / size_of::<u64>()];
    stretch.zeroize();
    std::hint::black_box(&stretch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(7 bytes)");
    }

    #[test]
    fn taking_wipes_the_source() {
        let mut source = *b"hunter2";
        assert_eq!(Secret::take_from(&mut source).expose(), b"hunter2");
        assert_eq!(source, [0; 7]);
    }
}
