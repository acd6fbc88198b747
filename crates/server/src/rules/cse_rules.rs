//! The service's rules about client-side encryption headers: one table, [`RULES`].
//!
//! The service treats the values as opaque text: it counts, compares and divides, and never asks whether an envelope opens. The
//! rules are the vendor's pages on EC 0005-000004NN (`help.aliyun.com/en/oss/user-guide/0005-00000401` and so on) and the
//! § InvalidEncryptionRequest of its page on status 400; every one answers 400 `InvalidEncryptionRequest` and is told apart by
//! its EC. Numbers that no page gives are in [`quirks`](crate::quirks).

use http::StatusCode;
use osseal_wire::oss::ServiceError;

use crate::rules::error_reply::refuse;
use crate::rules::quirks::ec;

/// Prefix of all headers of the family.
pub const PREFIX: &str = "x-oss-meta-client-side-encryption-";

/// The error code of every rule.
pub const CODE: &str = "InvalidEncryptionRequest";

/// The operations that rules apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `PutObject`.
    Put,
    /// `InitiateMultipartUpload`.
    Initiate,
    /// `UploadPart`.
    Part,
    /// `CompleteMultipartUpload`.
    Complete,
}

/// The headers that the rules know, of one request. Others of the family, such as the material description, are not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared<'a> {
    /// `…-key`.
    pub key: Option<&'a [u8]>,
    /// `…-start`.
    pub start: Option<&'a [u8]>,
    /// `…-cek-alg`.
    pub cek_alg: Option<&'a [u8]>,
    /// `…-wrap-alg`.
    pub wrap_alg: Option<&'a [u8]>,
    /// `…-magic-number-hmac`.
    pub magic: Option<&'a [u8]>,
    /// `…-data-size`.
    pub data_size: Option<&'a [u8]>,
    /// `…-part-size`.
    pub part_size: Option<&'a [u8]>,
}

impl<'a> Declared<'a> {
    /// Picks the headers out of pairs of full lower-case names and raw values.
    pub fn of(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut declared = Declared::default();
        for (name, value) in pairs {
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            let slot = match name {
                "key" => &mut declared.key,
                "start" => &mut declared.start,
                "cek-alg" => &mut declared.cek_alg,
                "wrap-alg" => &mut declared.wrap_alg,
                "magic-number-hmac" => &mut declared.magic,
                "data-size" => &mut declared.data_size,
                "part-size" => &mut declared.part_size,
                _ => continue,
            };
            *slot = Some(value);
        }
        declared
    }

    /// Whether any of the headers is there, which is what makes a request one of client-side encryption.
    pub fn any(&self) -> bool {
        *self != Declared::default()
    }

    /// The declared sizes of an upload, stored bytes, where both are sound.
    pub fn plan(&self) -> Option<Plan> {
        let data_size = integer(self.data_size?)?;
        let part_size = integer(self.part_size?).filter(|size| *size > 0)?;
        Some(Plan { data_size, part_size })
    }

    fn wraps_by_rsa(&self) -> bool {
        self.wrap_alg == Some(b"rsa")
    }
}

/// The sizes that an encrypted upload declared when it was initiated, stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Of all parts together.
    pub data_size: u64,
    /// Of every part but the last.
    pub part_size: u64,
}

impl Plan {
    /// How many parts that makes.
    pub fn count(self) -> u64 {
        self.data_size.div_ceil(self.part_size)
    }

    /// Offset of a part's first byte in the object.
    pub fn offset(self, number: u32) -> u64 {
        u64::from(number).saturating_sub(1).saturating_mul(self.part_size)
    }
}

/// Everything a rule may look at.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The operation.
    pub stage: Stage,
    /// Headers of the request.
    pub request: Declared<'a>,
    /// Headers that the upload was initiated with; empty where there is no upload.
    pub upload: Declared<'a>,
    /// Number of the part, of `UploadPart`.
    pub number: Option<u32>,
    /// Length of the part's body, as soon as it is known.
    pub length: Option<u64>,
    /// How many parts `CompleteMultipartUpload` lists.
    pub listed: Option<u64>,
}

/// One rule.
pub struct Rule {
    /// The vendor's number for it.
    pub ec: &'static str,
    /// The operations it applies to.
    pub stages: &'static [Stage],
    /// The text of its refusal.
    pub message: &'static str,
    /// Whether a request breaks it. Asked in the order of the table; the first broken rule answers.
    pub broken: fn(&Case<'_>) -> bool,
}

/// Refuses a request that breaks a rule.
pub fn check(case: &Case<'_>) -> Result<(), ServiceError> {
    match RULES.iter().find(|rule| rule.stages.contains(&case.stage) && (rule.broken)(case)) {
        None => Ok(()),
        Some(rule) => Err(rule.refusal()),
    }
}

impl Rule {
    fn refusal(&self) -> ServiceError {
        refuse(StatusCode::BAD_REQUEST, CODE, self.message, self.ec)
    }
}

/// The refusal of a copy that would change an envelope.
pub(crate) fn set_once() -> ServiceError {
    refuse(
        StatusCode::BAD_REQUEST,
        CODE,
        "The parameters of client encryption are allowed to be set once.",
        "0005-00000421",
    )
}

/// The refusal of a part copy whose source is encrypted.
pub(crate) fn no_part_copy() -> ServiceError {
    refuse(
        StatusCode::BAD_REQUEST,
        CODE,
        "Client encryption doesn't support upload part copy.",
        "0042-00000309",
    )
}

const MISSING: &str = "Miss some necessary client encryption meta parameters.";
const INVALID_SIZE: &str = "The client encryption meta data_size or part_size is invalid.";
const TOO_MANY: &str = "The parts count calculated by client encryption meta is too large.";
const INCONSISTENT: &str = "The client encryption meta is inconsistent with init_multipart setted.";
const UNEXPECTED_LIST: &str = "The client encryption part list is unexpected with init_multipart setted.";
const PART_NUMBER: &str = "The partId must less or equal to expectedPartNumber.";
const PART_SIZE: &str = "The partSize must same with init_multipart setted except last part.";
const LAST_SIZE: &str = "The last partSize must same with init_multipart setted.";

/// Stored parts end at a multiple of the cipher's block.
const BLOCK: u64 = 16;
const MOST_PARTS: u64 = 10_000;

const PIU: &[Stage] = &[Stage::Put, Stage::Initiate, Stage::Part];
const IU: &[Stage] = &[Stage::Initiate, Stage::Part];
const IUC: &[Stage] = &[Stage::Initiate, Stage::Part, Stage::Complete];
const U: &[Stage] = &[Stage::Part];
const C: &[Stage] = &[Stage::Complete];

/// The rules, in the order in which they are asked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    // A request with one of the headers has all that its operation needs.
    Rule { ec: "0005-00000401", stages: PIU, message: MISSING, broken: |c| c.request.any() && c.request.key.is_none() },
    Rule { ec: "0005-00000402", stages: PIU, message: MISSING, broken: |c| c.request.any() && c.request.start.is_none() },
    Rule { ec: "0005-00000403", stages: PIU, message: MISSING, broken: |c| c.request.any() && c.request.cek_alg.is_none() },
    Rule { ec: "0005-00000404", stages: PIU, message: MISSING, broken: |c| c.request.any() && c.request.wrap_alg.is_none() },
    Rule { ec: "0005-00000405", stages: PIU, message: MISSING, broken: |c| c.request.wraps_by_rsa() && c.request.magic.is_none() },
    Rule { ec: "0005-00000406", stages: IU, message: MISSING, broken: |c| c.request.any() && c.request.data_size.is_none() },
    Rule { ec: "0005-00000407", stages: IU, message: MISSING, broken: |c| c.request.any() && c.request.part_size.is_none() },
    // The sizes are decimal integers that make a possible upload.
    Rule { ec: "0005-00000408", stages: IUC, message: INVALID_SIZE, broken: |c| c.request.data_size.is_some_and(|size| integer(size).is_none()) },
    Rule { ec: "0005-00000409", stages: IUC, message: INVALID_SIZE, broken: |c| c.request.part_size.is_some_and(|size| integer(size).is_none_or(|size| size == 0)) },
    Rule { ec: ec::PART_SIZE_NOT_BLOCKS, stages: IU, message: INVALID_SIZE, broken: |c| c.request.part_size.and_then(integer).is_some_and(|size| !size.is_multiple_of(BLOCK)) },
    Rule { ec: "0005-00000410", stages: IU, message: TOO_MANY, broken: |c| c.request.plan().is_some_and(|plan| plan.count() > MOST_PARTS) },
    // A part that repeats the headers repeats those of its upload.
    Rule { ec: "0005-00000412", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.key != c.upload.key },
    Rule { ec: "0005-00000413", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.start != c.upload.start },
    Rule { ec: "0005-00000414", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.cek_alg != c.upload.cek_alg },
    Rule { ec: "0005-00000415", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.wrap_alg != c.upload.wrap_alg },
    Rule { ec: "0005-00000416", stages: U, message: INCONSISTENT, broken: |c| c.request.wraps_by_rsa() && c.request.magic != c.upload.magic },
    Rule { ec: "0005-00000417", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.data_size != c.upload.data_size },
    Rule { ec: "0005-00000418", stages: U, message: INCONSISTENT, broken: |c| c.request.any() && c.request.part_size != c.upload.part_size },
    // Parts are those that the sizes foretell, whether or not they repeat the headers.
    Rule { ec: ec::PART_NUMBER_TOO_LARGE, stages: U, message: PART_NUMBER, broken: |c| part(c).is_some_and(|(plan, number)| u64::from(number) > plan.count()) },
    Rule { ec: "0005-00000419", stages: U, message: PART_SIZE, broken: |c| part(c).is_some_and(|(plan, number)| u64::from(number) < plan.count() && c.length.is_some_and(|length| length != plan.part_size)) },
    Rule { ec: "0005-00000420", stages: U, message: LAST_SIZE, broken: |c| part(c).is_some_and(|(plan, number)| u64::from(number) == plan.count() && c.length.is_some_and(|length| length != plan.data_size - plan.offset(number))) },
    Rule { ec: "0005-00000411", stages: C, message: UNEXPECTED_LIST, broken: |c| c.upload.plan().zip(c.listed).is_some_and(|(plan, listed)| listed != plan.count()) },
];

fn part(case: &Case<'_>) -> Option<(Plan, u32)> {
    case.upload.plan().zip(case.number)
}

/// A decimal integer, digits only.
fn integer(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
