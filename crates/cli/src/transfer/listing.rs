//! Objects below a prefix, page after page.

use std::future::ready;

use futures_util::stream::{self, Stream, TryStreamExt};
use osseal::{EncryptedBucket, ListOptions, ListedObject};

use crate::target::ObjectUrl;
use crate::transfer::filter::Filter;
use crate::ui::error::{Exit, Failure};

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

/// The selected objects below a prefix, each with its relative name. A prefix without a trailing slash is treated as a folder.
/// Skips folder markers of other tools: empty objects whose keys end in a slash.
pub(crate) fn named<'a>(
    bucket: &'a EncryptedBucket,
    folder: ObjectUrl,
    selection: &'a Filter,
) -> impl Stream<Item = Result<(ListedObject, String), Failure>> + use<'a> {
    let prefix = folder.into_folder().key;
    let start = prefix.len();
    below(bucket, &prefix).try_filter_map(move |object| {
        let name = object.key[start..].to_owned();
        let is_folder = object.stored_size == 0 && (name.is_empty() || name.ends_with('/'));
        ready(Ok((!is_folder && selection.takes(&name)).then_some((object, name))))
    })
}

/// Fails when nothing at all is below a folder, which was asked for as `source`.
pub(crate) async fn expect_some(
    bucket: &EncryptedBucket,
    folder: &ObjectUrl,
    source: &ObjectUrl,
) -> Result<(), Failure> {
    let one = ListOptions { prefix: folder.key.clone(), max_keys: Some(1), ..ListOptions::default() };
    if bucket.list(&one).await?.objects.is_empty() {
        return Err(Failure::new(Exit::NotFound, format!("nothing is below {source}")));
    }
    Ok(())
}

/// All of them at once.
pub(crate) async fn everything(bucket: &EncryptedBucket, prefix: &str) -> Result<Vec<ListedObject>, Failure> {
    below(bucket, prefix).try_collect().await
}
