//! Objects below a prefix, page after page.

use futures_util::stream::{self, Stream, TryStreamExt};
use osseal::{EncryptedBucket, ListOptions, ListedObject};

use crate::exit::Failure;

/// The objects in the order of their keys, as they are needed. An error ends it.
pub(crate) fn below<'a>(
    bucket: &'a EncryptedBucket,
    prefix: &str,
) -> impl Stream<Item = Result<ListedObject, Failure>> + use<'a> {
    let first = ListOptions { prefix: prefix.to_owned(), ..ListOptions::default() };
    let pages = stream::try_unfold(Some(first), move |options| async move {
        let Some(mut options) = options else { return Ok::<_, Failure>(None) };
        let page = bucket.list(&options).await?;
        let next = page.next.map(|next| {
            options.continuation = Some(next);
            options
        });
        Ok(Some((stream::iter(page.objects.into_iter().map(Ok)), next)))
    });
    pages.try_flatten()
}

/// All of them at once.
pub(crate) async fn everything(bucket: &EncryptedBucket, prefix: &str) -> Result<Vec<ListedObject>, Failure> {
    below(bucket, prefix).try_collect().await
}
