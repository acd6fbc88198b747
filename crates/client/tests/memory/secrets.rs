//! Secrets, the forms in which memory can hold them, and the search for them.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use data_encoding::{BASE64, HEXLOWER};

/// So many bytes in a row tell.
pub(crate) const WINDOW: usize = 12;

/// How memory holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// As it is, or backwards, as numbers of a cipher library are.
    Bytes,
    Hex,
    /// At any of the three places.
    Base64,
}

pub(crate) struct Secret {
    name: &'static str,
    bytes: Vec<u8>,
}

impl Secret {
    pub(crate) fn new(name: &'static str, bytes: &[u8]) -> Secret {
        Secret { name, bytes: bytes.to_vec() }
    }

    /// Every text that would tell it.
    pub(crate) fn texts(&self) -> Vec<(Form, Vec<Vec<u8>>)> {
        let backwards = self.bytes.iter().rev().copied().collect();
        let base64 = |skipped: usize| {
            let rest = &self.bytes[skipped..];
            BASE64.encode(&rest[..rest.len() / 3 * 3]).into_bytes()
        };
        vec![
            (Form::Bytes, vec![self.bytes.clone(), backwards]),
            (Form::Hex, vec![HEXLOWER.encode(&self.bytes).into_bytes()]),
            (Form::Base64, (0..3).map(base64).collect()),
        ]
    }
}

/// The secrets of which any window is in a process's memory, in the order in which they were given, each form once.
#[track_caller]
pub(crate) fn found(process: u32, secrets: &[Secret]) -> Vec<(&'static str, Form)> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut read = 0;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        // What nobody can write holds what was there before the secrets were.
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            read += bytes.len();
            found.extend(found_in(&bytes, secrets));
        }
    }
    assert!(read > 1 << 20, "only {read} bytes could be read");
    let order = |name: &str| secrets.iter().position(|secret| secret.name == name);
    found.sort_by_key(|(name, form)| (order(name), *form));
    found.dedup();
    found
}

/// The same in one stretch of memory.
pub(crate) fn found_in(memory: &[u8], secrets: &[Secret]) -> Vec<(&'static str, Form)> {
    let mut found = Vec::new();
    for secret in secrets {
        for (form, texts) in secret.texts() {
            let windows: HashSet<&[u8]> = texts.iter().flat_map(|text| text.windows(WINDOW)).collect();
            // Two bytes tell most places apart from all windows.
            let mut begins = vec![false; 1 << 16];
            for window in &windows {
                begins[usize::from(u16::from_le_bytes([window[0], window[1]]))] = true;
            }
            let is_window =
                |at: &[u8]| begins[usize::from(u16::from_le_bytes([at[0], at[1]]))] && windows.contains(at);
            if memory.windows(WINDOW).any(is_window) {
                found.push((secret.name, form));
            }
        }
    }
    found
}
