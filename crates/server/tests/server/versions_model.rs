//! A bucket under random puts, growth, tags, removals, changes of state and restarts, compared with a model of it.

use std::collections::BTreeMap;

use crate::support::Store;
use osseal_server::Service;
use osseal_wire::oss::Versioning;
use osseal_wire::oss::request::{Call, ListObjectVersions, Request};
use osseal_wire::oss::xml::{ListObjectsResult, ListVersionsResult};
use proptest::prelude::*;

const KEYS: [&str; 4] = ["a", "b", "d/1", "d/2"];

#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    Append(usize),
    /// The version at this position of the key's, or one that is not there.
    Tag(usize, usize),
    Delete(usize),
    /// The version at this position of the key's, or one that is not there.
    DeleteVersion(usize, usize),
    Versioning(Versioning),
    /// Pages of this size.
    Compare(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS.len();
    let step = prop_oneof![
        6 => key.clone().prop_map(Step::Put),
        4 => key.clone().prop_map(Step::Append),
        2 => (key.clone(), 0..4_usize).prop_map(|(key, position)| Step::Tag(key, position)),
        3 => key.clone().prop_map(Step::Delete),
        4 => (key, 0..4_usize).prop_map(|(key, position)| Step::DeleteVersion(key, position)),
        1 => Just(Step::Versioning(Versioning::Enabled)),
        1 => Just(Step::Versioning(Versioning::Suspended)),
        2 => (1..6_usize).prop_map(Step::Compare),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

/// A version or a delete marker.
#[derive(Clone, Default)]
struct Version {
    id: String,
    /// The bodies it is made of; none of a delete marker.
    content: Option<Vec<String>>,
    grows: bool,
    tag: String,
}

impl Version {
    fn text(&self) -> String {
        self.content.iter().flatten().map(String::as_str).collect()
    }
}

/// What the bucket should be: the versions of each key, the latest first.
#[derive(Default)]
struct Model {
    versioning: Option<Versioning>,
    keys: BTreeMap<&'static str, Vec<Version>>,
}

impl Model {
    /// What makes a version: a put, a first body or, with versions, a removal; `id` is what the service says.
    fn push(&mut self, key: &'static str, id: &str, version: Version) {
        let stack = self.keys.entry(key).or_default();
        let id = match self.versioning {
            Some(Versioning::Enabled) => {
                assert!(id != "null" && stack.iter().all(|known| known.id != id), "{id} is no fresh version");
                id
            }
            Some(Versioning::Suspended) => {
                assert_eq!(id, "null");
                id
            }
            None => {
                assert_eq!(id, "");
                "null"
            }
        };
        stack.retain(|known| known.id != id);
        stack.insert(0, Version { id: id.to_owned(), ..version });
    }

    fn remove(&mut self, key: &'static str, id: &str) -> Option<Version> {
        let stack = self.keys.get_mut(key)?;
        let position = stack.iter().position(|known| known.id == id)?;
        let gone = stack.remove(position);
        if stack.is_empty() {
            self.keys.remove(key);
        }
        Some(gone)
    }
}

async fn run(mut store: Store, reopen: impl AsyncFn(Store) -> Store, steps: Vec<Step>) -> Model {
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put(key) => {
                let content = number.to_string();
                let reply = store.ask(&format!("PUT /box/{}", KEYS[key]), &[], content.as_bytes()).await;
                assert_eq!(reply.status, 200);
                let version = Version { content: Some(vec![content]), ..Version::default() };
                model.push(KEYS[key], reply.header("x-oss-version-id"), version);
            }
            Step::Append(key) => {
                let body = number.to_string();
                let kept = model.versioning.is_some();
                let latest = model.keys.get_mut(KEYS[key]).and_then(|stack| stack.first_mut());
                let latest = latest.filter(|version| version.content.is_some());
                let length = latest.as_ref().map_or(0, |version| version.text().len());
                let line = format!("POST /box/{}?append&position={length}", KEYS[key]);
                let reply = store.ask(&line, &[], body.as_bytes()).await;
                match latest {
                    Some(latest) if latest.grows => {
                        assert_eq!(reply.header("x-oss-version-id"), if kept { &latest.id } else { "" });
                        latest.content.as_mut().unwrap().push(body);
                    }
                    Some(_) => assert_eq!(reply.refusal().1, "ObjectNotAppendable"),
                    None => {
                        let version =
                            Version { content: Some(vec![body]), grows: true, ..Version::default() };
                        model.push(KEYS[key], reply.header("x-oss-version-id"), version);
                    }
                }
            }
            Step::Tag(key, position) => {
                let known = model.keys.get_mut(KEYS[key]).and_then(|stack| stack.get_mut(position));
                let id = known.as_ref().map_or("none", |version| &version.id);
                let tag = format!(
                    "<Tagging><TagSet><Tag><Key>k</Key><Value>{number}</Value></Tag></TagSet></Tagging>"
                );
                let line = format!("PUT /box/{}?tagging&versionId={id}", KEYS[key]);
                let reply = store.ask(&line, &[], tag.as_bytes()).await;
                let expected = match known {
                    Some(version) if version.content.is_some() => {
                        version.tag = number.to_string();
                        200
                    }
                    Some(_) => 405,
                    None => 404,
                };
                assert_eq!(reply.status, expected);
            }
            Step::Delete(key) => {
                let reply = store.ask(&format!("DELETE /box/{}", KEYS[key]), &[], b"").await;
                assert_eq!(reply.status, 204);
                let id = reply.header("x-oss-version-id");
                if model.versioning.is_none() {
                    assert_eq!((id, reply.header("x-oss-delete-marker")), ("", ""));
                    model.keys.remove(KEYS[key]);
                } else {
                    assert_eq!(reply.header("x-oss-delete-marker"), "true");
                    model.push(KEYS[key], id, Version::default());
                }
            }
            Step::DeleteVersion(key, position) => {
                let known = model.keys.get(KEYS[key]).and_then(|stack| stack.get(position));
                let id = known.map_or("none", |version| &version.id).to_owned();
                let reply = store.ask(&format!("DELETE /box/{}?versionId={id}", KEYS[key]), &[], b"").await;
                let gone = model.remove(KEYS[key], &id);
                let was_marker = gone.is_some_and(|version| version.content.is_none());
                assert_eq!(reply.status, 204);
                assert_eq!(reply.header("x-oss-delete-marker") == "true", was_marker);
            }
            Step::Versioning(state) => {
                let call = Call::PutBucketVersioning(state);
                let body = Request { bucket: Some("box".into()), key: None, call }.body().unwrap();
                assert_eq!(store.ask("PUT /box?versioning", &[], &body).await.status, 200);
                model.versioning = Some(state);
            }
            Step::Compare(limit) => compare(&store, &model, limit).await,
            Step::Reopen => store = reopen(store).await,
        }
    }
    compare(&store, &model, 1000).await;
    model
}

async fn compare(store: &Store, model: &Model, limit: usize) {
    for key in KEYS {
        let stack = model.keys.get(key).map_or(&[][..], Vec::as_slice);
        let latest = store.ask(&format!("GET /box/{key}"), &[], b"").await;
        match stack.first() {
            Some(version) if version.content.is_some() => assert_eq!(latest.text(), version.text()),
            found => {
                assert_eq!(latest.status, 404);
                assert_eq!(latest.header("x-oss-delete-marker") == "true", found.is_some());
            }
        }
        for version in stack {
            let content = store.ask(&format!("GET /box/{key}?versionId={}", version.id), &[], b"").await;
            let tags = store.ask(&format!("GET /box/{key}?tagging&versionId={}", version.id), &[], b"").await;
            if version.content.is_some() {
                assert_eq!((content.text(), tags.element("Value")), (&*version.text(), &*version.tag));
            } else {
                assert_eq!((content.status.as_u16(), tags.status.as_u16()), (405, 405));
            }
        }
    }
    let listed = store.ask("GET /box?list-type=2", &[], b"").await;
    let listed = ListObjectsResult::from_xml(&listed.body).unwrap();
    let keys: Vec<_> = listed.contents.iter().map(|object| object.key.as_str()).collect();
    let wanted = model.keys.iter().filter(|(_, stack)| stack[0].content.is_some()).map(|(key, _)| *key);
    assert_eq!(keys, wanted.collect::<Vec<_>>());

    let mut list =
        ListObjectVersions { max_keys: u32::try_from(limit).ok(), ..ListObjectVersions::default() };
    let mut versions = Vec::new();
    loop {
        let query = format!(
            "versions&max-keys={limit}&key-marker={}&version-id-marker={}",
            list.key_marker, list.version_id_marker
        );
        let reply = store.ask(&format!("GET /box?{query}"), &[], b"").await;
        let page = ListVersionsResult::from_xml(&reply.body).unwrap().checked("box", &list).unwrap();
        assert!(page.versions.len() <= limit);
        versions.extend(page.versions);
        let Some(next) = page.next else { break };
        (list.key_marker, list.version_id_marker) = (next.key, next.version_id);
    }
    let found = versions.iter().map(|version| {
        (version.key.as_str(), version.version_id.as_str(), version.is_latest, version.stored.is_some())
    });
    let wanted = model.keys.iter().flat_map(|(key, stack)| {
        stack
            .iter()
            .enumerate()
            .map(|(position, version)| (*key, version.id.as_str(), position == 0, version.content.is_some()))
    });
    assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_bucket_in_memory_is_as_its_model(steps in steps()) {
        runtime().block_on(async {
            let store = Store::memory(|builder| builder);
            store.ask("PUT /box", &[], b"").await;
            run(store, async |store| store, steps).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_bucket_on_disk_is_as_its_model(steps in steps()) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store");
            let open = || Store::of(Service::builder().anonymous().disk(&path).unwrap().build());
            let store = open();
            store.ask("PUT /box", &[], b"").await;
            let model = run(store, async |store| { drop(store); open() }, steps).await;
            // Every body in the folder is one that a version names.
            let bodies = std::fs::read_dir(path.join("data")).unwrap().count();
            let named = model.keys.values().flatten().filter_map(|version| version.content.as_ref());
            assert_eq!(bodies, named.map(Vec::len).sum::<usize>());
        });
    }
}
