//! Where content is read from: an object of a bucket, or a presigned URL.

use osseal::{Download, EncryptedBucket, GetOptions, PresignedReader};

use crate::args::Opening;
use crate::args::Tuning;
use crate::client::session::{BucketUse, Context};
use crate::target::{ObjectUrl, SignedUrl};
use crate::ui::error::Failure;

/// Something that can be read, with the keys for it.
pub(crate) enum Source {
    Object { bucket: EncryptedBucket, key: String },
    Url { reader: PresignedReader, url: SignedUrl },
}

impl Source {
    /// An object of the store.
    pub(crate) fn object(
        context: &Context,
        url: &ObjectUrl,
        opening: &Opening,
        tuning: Tuning,
    ) -> Result<Source, Failure> {
        let bucket = context.session()?.bucket(&url.bucket, BucketUse::Read(opening, tuning))?;
        Ok(Source::Object { bucket, key: url.key.clone() })
    }

    /// The object behind a presigned URL.
    pub(crate) fn url(context: &Context, url: SignedUrl, opening: &Opening) -> Result<Source, Failure> {
        url.warn_if_visible();
        Ok(Source::Url { reader: context.presigned_reader(opening)?, url })
    }

    /// Begins to read, by several requests at a time where that is possible.
    pub(crate) async fn download(&self, options: GetOptions) -> Result<Download, Failure> {
        Ok(match self {
            Source::Object { bucket, key } => bucket.download(key, options).await?,
            Source::Url { reader, url } => reader.get(url.expose(), options).await?.into(),
        })
    }
}
