//! Content in memory: chunks as they came in, content that is made when it is read, and content that was only counted.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::backend::ContentStream;
use crate::body::ingest::{BodyFailure, Incoming};
use osseal_wire::oss::Crc64;

/// Chunks below this size are copied out of the buffers they arrived in, which may be far larger.
const WORTH_KEEPING: usize = 4 << 10;
/// Longest piece that is handed out at once: what a reader does with it stays in the processor's cache.
const PIECE: usize = 256 << 10;

/// The stretches of a body, in order.
pub(super) type Content = Arc<[Stretch]>;

/// Some consecutive bytes of a body.
#[derive(Clone)]
pub(super) enum Stretch {
    Kept(Bytes),
    Made(Pattern, Range<u64>),
    Discarded(u64),
}

/// Content of any size that takes no memory: one run of bytes, repeated, or what a function makes.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Origin,
    size: u64,
    crc64: u64,
}

#[derive(Clone)]
enum Origin {
    /// A whole number of runs.
    Run(Bytes),
    Function(Arc<dyn Fn(u64, usize) -> Bytes + Send + Sync>),
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Run(run) => write!(f, "a run of {} bytes", run.len()),
            Origin::Function(_) => f.write_str("a function"),
        }
    }
}

impl Pattern {
    /// `run` again and again, the last time as far as `size` bytes reach. `None` for an empty run.
    pub fn repeated(run: &[u8], size: u64) -> Option<Pattern> {
        if run.is_empty() {
            return None;
        }
        // Short runs are joined, so that pieces are not short.
        let run = Bytes::from(run.repeat(PIECE.div_ceil(run.len())));
        let length = run.len() as u64;
        let rest = usize::try_from(size % length).ok()?;
        let whole = sum_of_runs(Crc64::of(&run), length, size / length);
        let crc64 = Crc64::combine(whole, Crc64::of(run.get(..rest)?), rest as u64);
        Some(Pattern { source: Origin::Run(run), size, crc64 })
    }

    /// What a function makes: given an offset and a length it returns bytes from that offset on, at least one and at most so many, the same whenever
    /// it is asked. `crc64` is the CRC-64/XZ of all `size` bytes.
    pub fn computed(
        size: u64,
        crc64: u64,
        bytes: impl Fn(u64, usize) -> Bytes + Send + Sync + 'static,
    ) -> Pattern {
        Pattern { source: Origin::Function(Arc::new(bytes)), size, crc64 }
    }

    /// Byte i is i modulo 251.
    pub fn ramp(size: u64) -> Pattern {
        let run: Vec<u8> = (0..251).collect();
        Pattern::repeated(&run, size).expect("a run that is not empty")
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// CRC-64/XZ.
    pub fn crc64(&self) -> u64 {
        self.crc64
    }

    /// Some of the bytes from an offset on.
    fn from(&self, offset: u64, limit: usize) -> Bytes {
        match &self.source {
            Origin::Run(run) => {
                let at =
                    usize::try_from(offset % run.len() as u64).expect("an offset within a run in memory");
                run.slice(at..run.len().min(at.saturating_add(limit)))
            }
            Origin::Function(bytes) => {
                let mut piece = bytes(offset, limit);
                piece.truncate(limit);
                piece
            }
        }
    }
}

/// The sum of a run that is repeated: doubled as often as it takes.
fn sum_of_runs(mut sum: u64, mut length: u64, mut count: u64) -> u64 {
    let mut total = Crc64::of(b"");
    while count > 0 {
        if count % 2 == 1 {
            total = Crc64::combine(total, sum, length);
        }
        count /= 2;
        if count > 0 {
            sum = Crc64::combine(sum, sum, length);
            length *= 2;
        }
    }
    total
}

impl Stretch {
    fn len(&self) -> u64 {
        match self {
            Stretch::Kept(bytes) => bytes.len() as u64,
            Stretch::Made(_, range) => range.end - range.start,
            Stretch::Discarded(length) => *length,
        }
    }

    /// The bytes of a range that lies within it.
    fn cut(&self, range: Range<u64>) -> Stretch {
        match self {
            Stretch::Kept(bytes) => {
                let within =
                    |offset: u64| usize::try_from(offset).expect("an offset within a chunk in memory");
                Stretch::Kept(bytes.slice(within(range.start)..within(range.end)))
            }
            Stretch::Made(pattern, all) => {
                Stretch::Made(pattern.clone(), all.start + range.start..all.start + range.end)
            }
            Stretch::Discarded(_) => Stretch::Discarded(range.end - range.start),
        }
    }

    /// Takes the next piece off; `None` when nothing is left.
    fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        match self {
            _ if self.len() == 0 => None,
            Stretch::Kept(bytes) => Some(Ok(bytes.split_to(bytes.len().min(PIECE)))),
            Stretch::Made(pattern, range) => {
                let limit = usize::try_from(range.end - range.start).unwrap_or(PIECE).min(PIECE);
                let piece = pattern.from(range.start, limit);
                if piece.is_empty() {
                    return Some(Err(std::io::Error::other("the function that makes the content made none")));
                }
                range.start += piece.len() as u64;
                Some(Ok(piece))
            }
            Stretch::Discarded(_) => Some(Err(std::io::Error::other("the content was discarded"))),
        }
    }
}

/// Whether the content can be read back.
pub(super) fn is_kept(content: &Content) -> bool {
    !content.iter().any(|stretch| matches!(stretch, Stretch::Discarded(_)))
}

/// A body as it arrives.
pub(super) async fn collect(body: &mut Incoming, discard: bool) -> Result<Content, BodyFailure> {
    let (mut stretches, mut discarded) = (Vec::new(), 0);
    while let Some(chunk) = body.next().await? {
        if discard {
            discarded += chunk.len() as u64;
        } else {
            let small = chunk.len() < WORTH_KEEPING;
            stretches.push(Stretch::Kept(if small { Bytes::copy_from_slice(&chunk) } else { chunk }));
        }
    }
    if discarded > 0 {
        stretches.push(Stretch::Discarded(discarded));
    }
    Ok(stretches.into())
}

/// Two bodies as one.
pub(super) fn joined<'a>(contents: impl IntoIterator<Item = &'a Content>) -> Content {
    contents.into_iter().flat_map(|content| content.iter().cloned()).collect()
}

/// The pieces that make up a range.
pub(super) fn slices(content: &Content, range: Range<u64>) -> ContentStream {
    let mut start = 0;
    let mut stretches = Vec::new();
    for stretch in content.iter() {
        let end = start + stretch.len();
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            stretches.push(stretch.cut(from - start..to - start));
        }
        start = end;
    }
    stretches.reverse();
    let pieces = std::iter::from_fn(move || {
        loop {
            match stretches.last_mut()?.next() {
                Some(piece) => return Some(piece),
                None => drop(stretches.pop()),
            }
        }
    });
    stream::iter(pieces).boxed()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;
    use proptest::prelude::*;

    fn whole(pattern: &Pattern) -> Vec<u8> {
        let content: Content = [Stretch::Made(pattern.clone(), 0..pattern.size())].into();
        read(&content, 0..pattern.size())
    }

    fn read(content: &Content, range: Range<u64>) -> Vec<u8> {
        let pieces =
            futures_util::FutureExt::now_or_never(slices(content, range).collect::<Vec<_>>()).unwrap();
        pieces.into_iter().flat_map(|piece| piece.unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_pattern_is_its_run_repeated(
            run in prop::collection::vec(any::<u8>(), 1..700),
            size in 0..1_000_000_u64,
            cut in any::<[prop::sample::Index; 2]>(),
        ) {
            let pattern = Pattern::repeated(&run, size).unwrap();
            let expected: Vec<u8> = run.iter().copied().cycle().take(usize::try_from(size).unwrap()).collect();
            prop_assert!(whole(&pattern) == expected);
            prop_assert_eq!(pattern.crc64(), Crc64::of(&expected));
            let [a, b] = cut.map(|cut| cut.index(expected.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            let content: Content = [Stretch::Made(pattern, 0..size)].into();
            prop_assert!(read(&content, from as u64..to as u64) == expected[from..to]);
        }
    }

    #[test]
    fn a_pattern_of_any_size_takes_no_time_to_sum() {
        let ramp = Pattern::ramp(10 << 30);
        assert_eq!(
            (ramp.size(), Pattern::ramp(1000).crc64()),
            (10 << 30, Crc64::of(&whole(&Pattern::ramp(1000))))
        );
        let halves = Pattern::ramp(251 << 20);
        assert_eq!(
            Pattern::ramp(251 << 21).crc64(),
            Crc64::combine(halves.crc64(), halves.crc64(), 251 << 20),
            "a ramp of whole runs, twice"
        );
        assert!(Pattern::repeated(b"", 1).is_none());
    }

    #[test]
    fn content_may_be_made_by_a_function() {
        let squares = |offset: u64, limit: usize| -> Bytes {
            // In pieces that end where they like.
            let end = (offset / 100 + 1) * 100;
            (offset..end).take(limit).map(|i| (i * i % 251).to_le_bytes()[0]).collect()
        };
        let expected: Vec<u8> = (0..777_u64).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
        let content: Content =
            [Stretch::Made(Pattern::computed(777, Crc64::of(&expected), squares), 0..777)].into();
        assert_eq!(read(&content, 0..777), expected);
        assert_eq!(read(&content, 150..151), expected[150..151]);
        let nothing: Content = [Stretch::Made(Pattern::computed(1, 0, |_, _| Bytes::new()), 0..1)].into();
        let mut pieces = slices(&nothing, 0..1);
        assert!(futures_util::FutureExt::now_or_never(pieces.next()).unwrap().unwrap().is_err());
    }

    #[test]
    fn discarded_content_is_not_handed_out() {
        let content: Content = [Stretch::Kept(Bytes::from_static(b"ab")), Stretch::Discarded(3)].into();
        assert!(!is_kept(&content) && is_kept(&joined([&[Stretch::Kept(Bytes::new())].into()])));
        let pieces =
            futures_util::FutureExt::now_or_never(slices(&content, 1..4).take(2).collect::<Vec<_>>());
        let pieces = pieces.unwrap();
        assert_eq!(pieces[0].as_ref().unwrap(), &b"b"[..]);
        assert!(pieces[1].is_err());
    }
}
