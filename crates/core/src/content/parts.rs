//! The parts of one object, in any order, each once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::resume::PartDigest;
use super::seal::{Slot, SlotPlace};
use super::{ContentError, ContentKey};
use crate::layout::PartPlan;

/// Hands out the parts of an object in any order, each once.
///
/// Part `p`, from 1, holds the plaintext from `(p − 1) ×` [`Layout::part_plain`](crate::Layout::part_plain) on; the last one what is left, of a sealed object
/// possibly nothing.
#[derive(Debug)]
pub struct PartSlots {
    key: Arc<ContentKey>,
    plan: PartPlan,
    parts: u32,
    part_plain: u64,
    plain_total: u64,
    /// A bit for each part.
    taken: Vec<u64>,
    /// What a former process recorded of parts that the service may not have.
    recorded: BTreeMap<u32, PartDigest>,
}

/// What became of a part in a former process, for [`dangerous::resumed_parts`](crate::dangerous::resumed_parts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastPart {
    /// The service has it.
    Acknowledged,
    /// It was sealed, and may have left; it can be sealed again from what gives this digest alone.
    Recorded(PartDigest),
}

impl PartSlots {
    pub(super) fn new(key: Arc<ContentKey>, plan: PartPlan) -> Result<PartSlots, ContentError> {
        let layout = key.suite.layout();
        let plain_total = layout.plain_len(plan.data_size)?;
        let parts = layout.check_plan(&plan)?;
        let part_plain = layout.part_plain(&plan);
        let taken = vec![0; (parts as usize).div_ceil(64)];
        Ok(PartSlots { key, plan, parts, part_plain, plain_total, taken, recorded: BTreeMap::new() })
    }

    /// See [`dangerous::resumed_parts`](crate::dangerous::resumed_parts).
    pub(crate) fn resumed(
        key: ContentKey,
        plan: PartPlan,
        past: impl IntoIterator<Item = (u32, PastPart)>,
    ) -> Result<PartSlots, ContentError> {
        if key.resume.is_none() {
            return Err(ContentError::NotResumable);
        }
        let mut slots = PartSlots::new(Arc::new(key), plan)?;
        for (number, part) in past {
            match part {
                PastPart::Acknowledged => slots.mark(number)?,
                PastPart::Recorded(digest) => {
                    slots.plain_range(number)?;
                    if slots.recorded.insert(number, digest).is_some() {
                        return Err(ContentError::PartTaken { number });
                    }
                }
            }
        }
        Ok(slots)
    }

    /// How many parts there are; at least one.
    pub const fn parts(&self) -> u32 {
        self.parts
    }

    /// How the object is cut, in stored bytes.
    pub const fn plan(&self) -> &PartPlan {
        &self.plan
    }

    /// Plaintext bytes of the object.
    pub const fn plain_total(&self) -> u64 {
        self.plain_total
    }

    /// Where the plaintext of a part lies in the object's.
    ///
    /// # Errors
    /// [`ContentError::NoSuchPart`].
    pub fn plain_range(&self, number: u32) -> Result<Range<u64>, ContentError> {
        let index = number.checked_sub(1).filter(|_| number <= self.parts);
        let index = index.ok_or(ContentError::NoSuchPart { number, parts: self.parts })?;
        // Within the plan, so within the object.
        let start = u64::from(index) * self.part_plain;
        Ok(start..if number == self.parts { self.plain_total } else { start + self.part_plain })
    }

    /// Whether a part has been taken, here or in a former process.
    pub fn is_taken(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.taken.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Reserves a part.
    ///
    /// # Errors
    /// [`ContentError::NoSuchPart`], and [`ContentError::PartTaken`] the second time.
    pub fn take(&mut self, number: u32) -> Result<Slot, ContentError> {
        let plain = self.plain_range(number)?;
        self.mark(number)?;
        let offset = u64::from(number - 1) * self.plan.part_size;
        let end = if number == self.parts { self.plan.data_size } else { offset + self.plan.part_size };
        let (plain_len, stored_len) = (plain.end - plain.start, end - offset);
        let place = SlotPlace { number, offset, plain_len, stored_len };
        Ok(Slot::new(Arc::clone(&self.key), place, self.recorded.remove(&number)))
    }

    fn mark(&mut self, number: u32) -> Result<(), ContentError> {
        let (word, bit) = place(number);
        let word = self.taken.get_mut(word).filter(|_| (1..=self.parts).contains(&number));
        let word = word.ok_or(ContentError::NoSuchPart { number, parts: self.parts })?;
        if *word & bit != 0 {
            return Err(ContentError::PartTaken { number });
        }
        *word |= bit;
        Ok(())
    }
}

/// Word and bit of a part; part 0 has none.
const fn place(number: u32) -> (usize, u64) {
    match number.checked_sub(1) {
        Some(index) => ((index / 64) as usize, 1 << (index % 64)),
        None => (usize::MAX, 0),
    }
}
