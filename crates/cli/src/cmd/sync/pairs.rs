//! Files and objects by name: both sides come in the order of their names, so that neither is held as a whole.

use std::cmp::Ordering;

use futures_util::stream::{self, Peekable, Stream, StreamExt};
use osseal::ListedObject;

use crate::transfer::walk::LocalFile;
use crate::ui::error::{Exit, Failure};

/// File and object of one name; at least one of them exists.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) file: Option<LocalFile>,
    pub(super) object: Option<ListedObject>,
}

type Files<'a> = Peekable<stream::BoxStream<'a, Result<LocalFile, Failure>>>;
type Objects<'a> = Peekable<stream::BoxStream<'a, Result<(ListedObject, String), Failure>>>;

/// All names of both sides, in order. A file that cannot be looked at is an error between the others; a listing that fails ends everything, because
/// nobody knows any more which files have no object.
pub(super) fn pairs<'a>(
    files: impl Stream<Item = Result<LocalFile, Failure>> + Send + 'a,
    objects: impl Stream<Item = Result<(ListedObject, String), Failure>> + Send + 'a,
) -> impl Stream<Item = Result<Pair, Failure>> + Send + 'a {
    let sides = Sides { files: files.boxed().peekable(), objects: objects.boxed().peekable(), last: None };
    stream::unfold(Some(sides), |sides| async move {
        let mut sides = sides?;
        match sides.next().await? {
            Next::Pair(pair) => Some((Ok(pair), Some(sides))),
            Next::Unreadable(failure) => Some((Err(failure), Some(sides))),
            Next::Unlisted(failure) => Some((Err(failure), None)),
        }
    })
}

struct Sides<'a> {
    files: Files<'a>,
    objects: Objects<'a>,
    /// The name of the last object.
    last: Option<String>,
}

enum Next {
    Pair(Pair),
    Unreadable(Failure),
    Unlisted(Failure),
}

impl Sides<'_> {
    async fn next(&mut self) -> Option<Next> {
        let (mut files, mut objects) =
            (std::pin::Pin::new(&mut self.files), std::pin::Pin::new(&mut self.objects));
        if let Some(Err(failure)) = files.as_mut().next_if(Result::is_err).await {
            return Some(Next::Unreadable(failure));
        }
        if let Some(Err(failure)) = objects.as_mut().next_if(Result::is_err).await {
            return Some(Next::Unlisted(failure));
        }
        let file = files.as_mut().peek().await.and_then(|file| file.as_ref().ok()).map(|file| &file.name);
        let object =
            objects.as_mut().peek().await.and_then(|object| object.as_ref().ok()).map(|(_, name)| name);
        let order = match (file, object) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(file), Some(object)) => file.cmp(object),
        };
        let file = if order.is_le() { files.next().await.and_then(Result::ok) } else { None };
        let object = if order.is_ge() { objects.next().await.and_then(Result::ok) } else { None };
        let (object, listed) = object.unzip();
        if let Some(name) = &listed {
            if self.last.as_ref().is_some_and(|last| last >= name) {
                let text = format!("the store lists {name:?} out of order");
                return Some(Next::Unlisted(Failure::new(Exit::Mismatch, text)));
            }
            self.last = Some(name.clone());
        }
        let name = listed.or_else(|| file.as_ref().map(|file| file.name.clone()))?;
        Some(Next::Pair(Pair { name, file, object }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type File = Result<LocalFile, Failure>;
    type Object = Result<(ListedObject, String), Failure>;

    fn file(name: &str) -> File {
        (!name.is_empty()).then(|| LocalFile { path: name.into(), name: name.to_owned() }).ok_or_else(lost)
    }

    fn object(name: &str) -> Object {
        let mut object = ListedObject::default();
        object.key = format!("below/{name}");
        (!name.is_empty()).then(|| (object, name.to_owned())).ok_or_else(lost)
    }

    fn lost() -> Failure {
        Failure::new(Exit::Unavailable, "lost")
    }

    async fn merged(files: Vec<File>, objects: Vec<Object>) -> Vec<String> {
        let pairs = pairs(stream::iter(files), stream::iter(objects));
        let shown = pairs.map(|pair| match pair {
            Ok(Pair { name, file, object }) => {
                format!(
                    "{name}{}{}",
                    if file.is_some() { "<" } else { "" },
                    if object.is_some() { ">" } else { "" }
                )
            }
            Err(failure) => format!("{failure}"),
        });
        shown.collect().await
    }

    #[tokio::test]
    async fn names_meet_in_order() {
        let files = vec![file("a"), file("b-c"), file("b/c"), file("d")];
        let objects = vec![object("a"), object("b/a"), object("b/c"), object("e"), object("f")];
        assert_eq!(merged(files, objects).await, ["a<>", "b-c<", "b/a>", "b/c<>", "d<", "e>", "f>"]);
        assert_eq!(merged(vec![file("a")], Vec::new()).await, ["a<"]);
        assert_eq!(merged(Vec::new(), vec![object("a")]).await, ["a>"]);
    }

    #[tokio::test]
    async fn a_lost_file_is_one_failure_and_a_lost_listing_the_end() {
        let files = || vec![file("a"), file(""), file("c"), file("d")];
        assert_eq!(merged(files(), vec![object("b")]).await, ["a<", "lost", "b>", "c<", "d<"]);
        assert_eq!(merged(files(), vec![object("a"), object("")]).await, ["a<>", "lost", "lost"]);
        let disorder = vec![object("b"), object("a")];
        assert_eq!(merged(vec![file("z")], disorder).await, ["b>", "the store lists \"a\" out of order"]);
    }
}
