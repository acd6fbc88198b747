//! Arguments of transfers: sizes, headers and filters.

use std::num::NonZeroU16;

use clap::builder::TypedValueParser as _;
use osseal::{
    Acl, CopyOptions, EncryptedBucketBuilder, HeaderChange, ObjectHeaders, PutOptions, StorageClass,
};

use super::sealing::{Opening, Sealing};
use crate::units::{self, Pair};

/// Options of transfers.
#[derive(Debug, clap::Args)]
pub(crate) struct Transfer {
    /// Bytes of a part of a multipart upload or of a large download, such as 8MiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) part_size: Option<u64>,
    /// Upload in parts above this size, such as 100MiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) multipart_threshold: Option<u64>,
    #[command(flatten)]
    pub(crate) headers: Headers,
    #[command(flatten)]
    pub(crate) sealing: Sealing,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Neither resume a transfer nor leave anything to resume
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

impl Transfer {
    /// Sizes of transfers, with so many parts of one object at a time.
    pub(crate) fn tuning(&self, jobs: u16) -> Tuning {
        Tuning {
            part_size: self.part_size,
            multipart_threshold: self.multipart_threshold,
            jobs: NonZeroU16::new(jobs),
        }
    }
}

/// Overrides the library's transfer sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tuning {
    pub(crate) part_size: Option<u64>,
    pub(crate) multipart_threshold: Option<u64>,
    /// Parts of one object at a time.
    pub(crate) jobs: Option<NonZeroU16>,
}

impl Tuning {
    pub(crate) fn of(self, mut builder: EncryptedBucketBuilder) -> EncryptedBucketBuilder {
        if let Some(size) = self.part_size {
            builder = builder.part_size(size);
        }
        if let Some(size) = self.multipart_threshold {
            builder = builder.multipart_threshold(size);
        }
        if let Some(jobs) = self.jobs {
            builder = builder.jobs(jobs);
        }
        builder
    }
}

/// Which of many objects, and how many at once.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Many {
    /// Parts of one object, or transfers of -r, at the same time [default: the profile's, then 4]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Of -r, only names that match, such as '*.txt'; may be repeated
    #[arg(long, value_name = "PATTERN", requires = "recursive")]
    pub(crate) include: Vec<String>,
    /// Of -r, no names that match; may be repeated; goes before --include
    #[arg(long, value_name = "PATTERN", requires = "recursive")]
    pub(crate) exclude: Vec<String>,
}

/// Headers and metadata, stored in the clear.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Stored in the clear")]
pub(crate) struct Headers {
    /// Content type of the object
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    /// Cache-Control of the object
    #[arg(long, value_name = "TEXT")]
    pub(crate) cache_control: Option<String>,
    /// Content-Disposition of the object
    #[arg(long, value_name = "TEXT")]
    pub(crate) content_disposition: Option<String>,
    /// Content-Encoding of the plaintext
    #[arg(long, value_name = "TEXT")]
    pub(crate) content_encoding: Option<String>,
    /// Content-Language of the plaintext
    #[arg(long, value_name = "TEXT")]
    pub(crate) content_language: Option<String>,
    /// Expires, an HTTP date
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,
    /// A pair of metadata; may be repeated
    #[arg(long, visible_alias = "metadata", value_name = "NAME=VALUE", value_parser = units::pair)]
    pub(crate) meta: Vec<Pair>,
    /// A tag; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = units::pair)]
    pub(crate) tags: Vec<Pair>,
    /// Storage class: Standard, IA, Archive, ColdArchive, DeepColdArchive
    #[arg(long, value_name = "CLASS", value_parser = clap::builder::StringValueParser::new().try_map(|text| text.parse::<StorageClass>()))]
    pub(crate) storage_class: Option<StorageClass>,
    /// Access to the ciphertext: default, private, public-read, public-read-write
    #[arg(long, value_name = "ACL", value_parser = clap::builder::StringValueParser::new().try_map(|text| text.parse::<Acl>()))]
    pub(crate) acl: Option<Acl>,
}

impl Headers {
    /// Whether any of these options is given.
    pub(crate) fn is_given(&self) -> bool {
        self.object() != ObjectHeaders::default()
            || !self.tags.is_empty()
            || self.storage_class.is_some()
            || self.acl.is_some()
    }

    pub(crate) fn object(&self) -> ObjectHeaders {
        ObjectHeaders {
            content_type: self.content_type.clone(),
            cache_control: self.cache_control.clone(),
            content_disposition: self.content_disposition.clone(),
            content_encoding: self.content_encoding.clone(),
            content_language: self.content_language.clone(),
            expires: self.expires.clone(),
            metadata: self.meta.clone(),
        }
    }

    /// For a put.
    pub(crate) fn put(&self) -> PutOptions {
        PutOptions {
            headers: self.object(),
            storage_class: self.storage_class,
            acl: self.acl,
            tags: self.tags.clone(),
            ..PutOptions::default()
        }
    }

    /// For a copy by the service: given headers are set, others are kept.
    pub(crate) fn copy(&self) -> CopyOptions {
        let set = self.object();
        let headers = if set == ObjectHeaders::default() {
            HeaderChange::Keep
        } else {
            HeaderChange::Edit { set, remove: Vec::new() }
        };
        CopyOptions { headers, storage_class: self.storage_class, acl: self.acl, ..CopyOptions::default() }
    }
}
