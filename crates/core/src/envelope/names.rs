//! The headers of an envelope, under present and legacy names.

/// Start of every user metadata name of the service.
pub(super) const META: &str = "x-oss-meta-";
const PRESENT: &str = "x-oss-meta-client-side-encryption-";
/// What the names of S3's user metadata start with.
const S3_META: &str = "x-amz-meta-";
/// The envelope of S3's encryption clients, versions 1 to 3, without the prefix of user metadata.
const S3: [&str; 15] = [
    "x-amz-key",
    "x-amz-key-v2",
    "x-amz-iv",
    "x-amz-matdesc",
    "x-amz-cek-alg",
    "x-amz-wrap-alg",
    "x-amz-tag-len",
    "x-amz-unencrypted-content-length",
    "x-amz-c",
    "x-amz-3",
    "x-amz-w",
    "x-amz-d",
    "x-amz-i",
    "x-amz-m",
    "x-amz-t",
];
/// What the legacy writers called AES/CTR.
pub(super) const LEGACY_CEK_ALG: &str = "AES/GCM/NoPadding";

/// The headers of one family of names.
pub(super) struct Names {
    pub(super) key: &'static str,
    pub(super) start: &'static str,
    pub(super) cek_alg: &'static str,
    pub(super) wrap_alg: &'static str,
    pub(super) matdesc: &'static str,
    pub(super) plain_len: &'static str,
    pub(super) plain_md5: &'static str,
    pub(super) data_size: &'static str,
    pub(super) part_size: &'static str,
    pub(super) hmac: &'static str,
}

pub(super) const NOW: Names = Names {
    key: "x-oss-meta-client-side-encryption-key",
    start: "x-oss-meta-client-side-encryption-start",
    cek_alg: "x-oss-meta-client-side-encryption-cek-alg",
    wrap_alg: "x-oss-meta-client-side-encryption-wrap-alg",
    matdesc: "x-oss-meta-client-side-encryption-matdesc",
    plain_len: "x-oss-meta-client-side-encryption-unencrypted-content-length",
    plain_md5: "x-oss-meta-client-side-encryption-unencrypted-content-md5",
    data_size: "x-oss-meta-client-side-encryption-data-size",
    part_size: "x-oss-meta-client-side-encryption-part-size",
    hmac: "x-oss-meta-client-side-encryption-magic-number-hmac",
};

pub(super) const LEGACY: Names = Names {
    key: "x-oss-meta-oss-crypto-key",
    start: "x-oss-meta-oss-crypto-start",
    cek_alg: "x-oss-meta-oss-cek-alg",
    wrap_alg: "x-oss-meta-oss-wrap-alg",
    matdesc: "x-oss-meta-oss-crypto-matdesc",
    plain_len: "x-oss-meta-oss-crypto-unencrypted-content-length",
    plain_md5: "x-oss-meta-oss-crypto-unencrypted-content-md5",
    data_size: "x-oss-meta-oss-crypto-data-size",
    part_size: "x-oss-meta-oss-crypto-part-size",
    hmac: "x-oss-meta-oss-crypto-magic-number-hmac",
};

impl Names {
    pub(super) fn all(&self) -> [&'static str; 10] {
        [
            self.key,
            self.start,
            self.cek_alg,
            self.wrap_alg,
            self.matdesc,
            self.plain_len,
            self.plain_md5,
            self.data_size,
            self.part_size,
            self.hmac,
        ]
    }
}

/// Whether a header name belongs to an envelope, present or legacy, in any case. Callers' own metadata may not use it.
pub fn is_envelope_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(PRESENT) || LEGACY.all().contains(&name.as_str())
}

/// Whether a lower-case header name belongs to the envelope of S3's encryption clients, copied to a bucket here.
pub(super) fn is_foreign(name: &str) -> bool {
    [META, S3_META].into_iter().filter_map(|prefix| name.strip_prefix(prefix)).any(|rest| S3.contains(&rest))
}
