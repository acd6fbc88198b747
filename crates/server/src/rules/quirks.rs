//! What no page of the vendor settles, in one place: numbers we guess, and switches for behaviour that its sources contradict
//! each other about.

use http::StatusCode;
use osseal_wire::oss::ServiceError;

use crate::rules::cse_rules;
use crate::rules::error_reply::refuse;

/// Error numbers that no page states. They have the shape of the known ones; do not rely on them.
pub mod ec {
    /// `part-size` not a multiple of 16. The rule is on the vendor's page about status 400, its number is not; 409 is the
    /// number of the other rule about the same header.
    pub const PART_SIZE_NOT_BLOCKS: &str = "0005-00000409";
    /// "The partId must less or equal to expectedPartNumber." The text is on the vendor's page, the number is the next one that no
    /// page uses.
    pub const PART_NUMBER_TOO_LARGE: &str = "0005-00000422";
}

/// The refusal of [`EncryptedAppend::Refused`]. No page has it; its text is modelled on that of part copies.
pub(crate) fn no_encrypted_append() -> ServiceError {
    let message = "Client encryption doesn't support append object.";
    refuse(StatusCode::BAD_REQUEST, cse_rules::CODE, message, "")
}

/// The refusal of [`AppendableSource::Refused`]. No page gives its code; it is that of other operations which an object's type
/// does not allow.
pub(crate) fn no_copy_of_appendable() -> ServiceError {
    let message = "The operation is not supported for this resource.";
    refuse(StatusCode::BAD_REQUEST, "OperationNotSupported", message, "")
}

/// How the service behaves where its sources leave a choice. The default is the better supported or, where nothing supports
/// either, the stricter one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// A copy of an encrypted object onto itself with other ordinary metadata.
    pub self_copy: SelfCopy,
    /// A copy that repeats the envelope its source has already.
    pub repeated_envelope: RepeatedEnvelope,
    /// A body that is appended to an encrypted object, or with an envelope.
    pub encrypted_append: EncryptedAppend,
    /// A copy of an object that `AppendObject` made to another place.
    pub appendable_source: AppendableSource,
    /// What the ETag of an object or part is made of.
    pub etag: Etag,
    /// Most bytes of a `PutObject`, an `UploadPart` and the source of a `CopyObject`. The service's is 5 GiB; tests lower it.
    pub largest_body: u64,
    /// Fewest bytes of every part but the last, asked at `CompleteMultipartUpload`. The service's is 100 KiB.
    pub smallest_part: u64,
}

impl Default for Quirks {
    fn default() -> Self {
        Quirks {
            self_copy: SelfCopy::KeepsEnvelope,
            repeated_envelope: RepeatedEnvelope::Accepted,
            encrypted_append: EncryptedAppend::Refused,
            appendable_source: AppendableSource::Refused,
            etag: Etag::Md5,
            largest_body: 5 << 30,
            smallest_part: 100 << 10,
        }
    }
}

/// See [`Quirks::self_copy`]. The SDK's live test of a copy between buckets keeps the envelope; the page on EC 0005-00000421 says
/// that a copy of an object onto itself may not even add an ordinary header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfCopy {
    /// The ordinary metadata is replaced, the envelope stays.
    KeepsEnvelope,
    /// Refused with EC 0005-00000421.
    Refused,
}

/// See [`Quirks::repeated_envelope`]. No source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedEnvelope {
    /// Nothing changes, so nothing is refused.
    Accepted,
    /// Refused with EC 0005-00000421, "allowed to be set once".
    Refused,
}

/// See [`Quirks::encrypted_append`]. No source has a rule; the SDKs do not let their users try. Two bodies under one envelope repeat
/// its key stream unless the writer goes on where the first one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptedAppend {
    /// Stored like any other.
    Accepted,
    /// Refused with `InvalidEncryptionRequest`.
    Refused,
}

/// See [`Quirks::appendable_source`]. The pages on AppendObject and the SDKs say that such objects cannot be copied, only given other
/// headers in their place; the later pages on CopyObject and UploadPartCopy do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendableSource {
    /// The copy is an ordinary object.
    Copied,
    /// Refused with `OperationNotSupported`.
    Refused,
}

/// See [`Quirks::etag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etag {
    /// MD5 of its bytes, as the service does.
    Md5,
    /// Its length and CRC64: for embedded stores and measurements, where MD5 would cost more than everything else together. MD5 is
    /// computed all the same where a request has `Content-MD5`.
    Crc64,
}
