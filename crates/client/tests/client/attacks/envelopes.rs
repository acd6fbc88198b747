//! Envelopes of other objects of the same key, in whole and in part.

use osseal::{Bind, PutOptions};

use super::malicious_store::{CHUNK, Object, another, lying, outcome, read_of, reads, row, sealed};
use crate::support::ramp;

const SIZE: u64 = 4 * CHUNK + 300;

#[tokio::test]
async fn envelopes_of_other_objects() {
    let (world, ours) = sealed(SIZE).await;
    let theirs = another(&world, SIZE).await;
    for (truth, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let mixed = |name| truth.with(name, Some(other.value(name)));
        for (what, lie, wanted) in [
            ("its own", truth.clone(), "============="),
            ("another body", truth.with_body(other.body.clone()), "IIIIIIII=IIII"),
            ("another envelope", other.with_body(truth.body.clone()), "IIIIIIII=ICCC"),
            // What the first reply said of the key is used to the end.
            ("another wrapped key", mixed("key"), "IIIIIIIIII==="),
            ("another start", mixed("start"), "IIIIIIIIIICCC"),
        ] {
            let found = row(truth, &ramp(SIZE), move |_, range| lie.answer(range)).await;
            assert_eq!(found, wanted, "{what}");
        }
    }
}

/// An object in another's place: bound, it is noticed, and otherwise it is what the store says is there.
#[tokio::test]
async fn another_object_as_a_whole() {
    let (world, _) = sealed(0).await;
    for (bind, wanted) in
        [(Bind::Key, "MMMMMMMMMM"), (Bind::BucketKey, "MMMMMMMMMM"), (Bind::None, "==========")]
    {
        let bucket = world.builder().bind(bind).build().unwrap();
        for key in ["k", "other"] {
            bucket.put(key, ramp(SIZE), PutOptions::default()).await.unwrap();
        }
        let (truth, other) =
            (Object::stored(&world, "k", None).await, Object::stored(&world, "other", None).await);
        for (lie, wanted) in [(truth, "=========="), (other, wanted)] {
            let reader = lying(move |_, range| lie.answer(range)).bind(bind).build().unwrap();
            let mut found = String::new();
            for read in reads(SIZE).into_iter().take(wanted.len()) {
                found.push(read_of(&reader, &ramp(SIZE), &read).await);
            }
            assert_eq!(found, wanted, "{bind}");
        }
    }
}

/// The end is proven by the object that was read: its second request takes no other.
#[tokio::test]
async fn the_end_of_another_object() {
    let (world, truth) = sealed(2 * CHUNK).await;
    let other = another(&world, 2 * CHUNK).await;
    let shorter = truth.with_body(truth.body.slice(..truth.body.len() - 16));
    let longer = truth.with_body([&truth.body[..], b"1"].concat());
    for (what, then, wanted) in [
        ("its own", truth.clone(), '='),
        ("another object's", other.clone(), 'C'),
        ("another object's body", truth.with_body(other.body.clone()), 'I'),
        ("of a longer object", longer, 'C'),
        ("none", shorter, 'P'),
        ("of an object without envelope", truth.without_envelope(), 'C'),
    ] {
        let first = truth.clone();
        let lie = move |request, range: Option<&_>| match request {
            0 => first.answer(range),
            _ => then.answer(range),
        };
        let whole_by_range = reads(2 * CHUNK)[5].clone();
        assert_eq!(outcome(&truth, &ramp(2 * CHUNK), lie, &whole_by_range).await, wanted, "{what}");
    }
}
