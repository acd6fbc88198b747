//! B27: temporary credentials end in the middle of the work. Time is virtual.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use http::Response;
use http_body_util::{BodyExt, Full};
use jiff::{SignedDuration, Timestamp};
use osseal::credentials::{
    CredentialsError, CredentialsErrorKind, ProvideCredentials, SessionCredentials, SharedCredentials,
};
use osseal::transport::{Body, BoxError, InProcess};
use osseal::{
    Credentials, EncryptedBucket, Endpoint, ErrorKind, GetOptions, PresignOptions, PutBody, PutOptions, Store,
};
use osseal_server::fault::Faults;
use osseal_server::ledger::Ledger;
use osseal_server::{Operation, Service};
use tokio::time::{Instant, advance, sleep};

use super::cloud::{SECRET, assert_tight};
use crate::support::{PART, keyring, keystream, ramp};

/// Most credentials that a test uses.
const MOST: u32 = 2000;

/// Virtual time, for the service and, with a difference, for the client.
#[derive(Clone, Copy)]
struct Time(Instant);

impl Time {
    fn now(self) -> Timestamp {
        let base: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        base + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }

    fn clock(self, ahead: i64) -> osseal::Clock {
        Arc::new(move || self.now() + SignedDuration::from_secs(ahead))
    }
}

/// Gives credentials with a number each, which the service takes until their end.
#[derive(Clone)]
struct Issuer(Arc<Issued>);

struct Issued {
    time: Time,
    life: Duration,
    /// Whether the end is said.
    is_open: bool,
    asked: AtomicU32,
    ends: Mutex<Vec<Timestamp>>,
    /// What goes wrong, before anything goes right.
    mishaps: Mutex<VecDeque<Mishap>>,
}

enum Mishap {
    Fails(CredentialsErrorKind),
    GivesExpired,
}

impl Issuer {
    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn goes_wrong(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.0.mishaps.lock().unwrap().extend(mishaps);
    }
}

fn credentials(number: u32) -> Credentials {
    Credentials::new(format!("STS.{number}"), format!("{SECRET}-{number}"))
        .with_token(format!("hunter2-{number}"))
}

impl ProvideCredentials for Issuer {
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>> {
        async {
            self.0.asked.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(100)).await;
            let now = self.0.time.now();
            let mishap = self.0.mishaps.lock().unwrap().pop_front();
            if let Some(Mishap::Fails(kind)) = mishap {
                return Err(CredentialsError::new(kind, "the issuer fails"));
            }
            let mut ends = self.0.ends.lock().unwrap();
            let number = u32::try_from(ends.len()).unwrap();
            assert!(number < MOST);
            let end = match mishap {
                Some(_) => now - SignedDuration::from_secs(1),
                None => now + SignedDuration::try_from(self.0.life).unwrap(),
            };
            ends.push(end);
            let is_said = self.0.is_open || mishap.is_some();
            Ok(SessionCredentials::new(credentials(number), is_said.then_some(end)))
        }
        .boxed()
    }
}

/// The server, whose requests each take some time, and what was sent to it.
struct ExpiringStore {
    time: Time,
    issuer: Issuer,
    shared: SharedCredentials,
    service: Service,
    faults: Faults,
    ledger: Ledger,
    /// The number of the credentials of each request, and whether they were good.
    used: Arc<Mutex<Vec<(usize, bool)>>>,
    step: Duration,
}

impl ExpiringStore {
    fn new(life: u64, is_open: bool, step: Duration) -> ExpiringStore {
        ExpiringStore::ahead(life, is_open, step, 0)
    }

    /// A world in which the client's clock is some seconds ahead.
    fn ahead(life: u64, is_open: bool, step: Duration, ahead: i64) -> ExpiringStore {
        let time = Time(Instant::now());
        let issuer = Issuer(Arc::new(Issued {
            time,
            life: Duration::from_secs(life),
            is_open,
            asked: AtomicU32::new(0),
            ends: Mutex::default(),
            mishaps: Mutex::default(),
        }));
        let (faults, ledger) = (Faults::new(), Ledger::new());
        let mut known: Vec<Credentials> = (0..MOST).map(credentials).collect();
        known.push(Credentials::new("ak", "sk"));
        let service = Service::builder()
            .credentials(known)
            .clock(time.clock(0))
            .faults(faults.clone())
            .ledger(ledger.clone())
            .build();
        let shared = SharedCredentials::with_clock(issuer.clone(), time.clock(ahead));
        ExpiringStore { time, issuer, shared, service, faults, ledger, used: Arc::default(), step }
    }

    fn transport(&self) -> InProcess {
        let (service, issuer, used, step) =
            (self.service.clone(), self.issuer.clone(), self.used.clone(), self.step);
        InProcess::new(move |request: http::Request<Body>| {
            let (service, issuer, used) = (service.clone(), issuer.clone(), used.clone());
            async move {
                let token =
                    request.headers().get("x-oss-security-token").map(|token| token.to_str().unwrap());
                if let Some(number) =
                    token.map(|token| token.rsplit('-').next().unwrap().parse::<usize>().unwrap())
                {
                    let is_good = issuer.0.time.now() < issuer.0.ends.lock().unwrap()[number];
                    used.lock().unwrap().push((number, is_good));
                    if !is_good {
                        // Long enough for everybody to be on the way.
                        sleep(Duration::from_millis(10)).await;
                        let text = "<Error><Code>SecurityTokenExpired</Code><Message>The security token you provided has expired.</Message></Error>";
                        let body =
                            Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
                        return Ok(Response::builder().status(403).body(body)?);
                    }
                }
                advance(step).await;
                service.call(request).await.map_err(BoxError::from)
            }
        })
    }

    fn store(&self, ahead: i64) -> Store {
        Store::builder(Endpoint::parse("http://127.0.0.1").unwrap(), "cn-hangzhou")
            .credentials(self.shared.clone())
            .transport(Arc::new(self.transport()))
            .clock(self.time.clock(ahead))
            .build()
            .unwrap()
    }

    async fn bucket(&self) -> EncryptedBucket {
        let fixed = Store::builder(Endpoint::parse("http://127.0.0.1").unwrap(), "cn-hangzhou")
            .credentials(Credentials::new("ak", "sk"))
            .transport(Arc::new(self.transport()))
            .clock(self.time.clock(0))
            .build()
            .unwrap();
        fixed.create_bucket("box").await.unwrap();
        ExpiringStore::bucket_of(self.store(0))
    }

    fn bucket_of(store: Store) -> EncryptedBucket {
        EncryptedBucket::builder(store, "box")
            .keyring(keyring(&["test"]))
            .multipart_threshold(2 * PART)
            .part_size(PART)
            // Parts that are sent at a time would each move the clock.
            .jobs(std::num::NonZeroU16::MIN)
            .build()
            .unwrap()
    }

    fn rejected(&self) -> usize {
        self.used.lock().unwrap().iter().filter(|(_, is_good)| !is_good).count()
    }
}

impl Drop for ExpiringStore {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            keystream::check(&self.ledger);
        }
    }
}

/// A hundred uploads of eight parts, of which each takes 20 s, with tokens that live 50 s: all finish on the upload that they began.
#[tokio::test(start_paused = true)]
async fn uploads_outlive_their_tokens() {
    for is_open in [true, false] {
        let world = ExpiringStore::new(50, is_open, Duration::from_secs(20));
        let bucket = world.bucket().await;
        for number in 0..100 {
            let body = PutBody::from(ramp(8 * PART));
            bucket.put(&format!("k{number}"), body, PutOptions::default()).await.unwrap();
        }
        assert_eq!(world.faults.calls(Operation::InitiateMultipartUpload), 100);
        assert_eq!(world.faults.calls(Operation::AbortMultipartUpload), 0);
        let used = world.used.lock().unwrap().clone();
        assert!(used.is_sorted_by_key(|(number, _)| *number), "old credentials were used again");
        let (last, rejected) = (used.last().unwrap().0, world.rejected());
        assert!(last > 300, "{last}: the tokens did end");
        assert!(u32::try_from(last).unwrap() < world.issuer.asked() + 1);
        // When the end is known nobody runs into it; else each end is met once.
        assert_eq!(rejected, if is_open { 0 } else { last });
    }
}

/// 32 workers meet the same end and renew once.
#[tokio::test(start_paused = true)]
async fn one_renewal_for_all() {
    for is_open in [true, false] {
        let world = ExpiringStore::new(600, is_open, Duration::ZERO);
        let bucket = world.bucket().await;
        bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
        assert_eq!(world.issuer.asked(), 1);
        for renewals in 2..6 {
            advance(Duration::from_secs(601)).await;
            let reads = (0..32).map(|_| async {
                bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap()
            });
            for read in join_all(reads).await {
                assert_eq!(read, ramp(1000));
            }
            assert_eq!(world.issuer.asked(), renewals);
            assert_eq!(world.rejected(), if is_open { 0 } else { 32 * (renewals as usize - 1) });
        }
    }
}

/// The renewal begins early, in the background: nobody waits for it, and nobody fails with it.
#[tokio::test(start_paused = true)]
async fn renewed_before_the_end() {
    let world = ExpiringStore::new(3600, true, Duration::ZERO);
    let bucket = world.bucket().await;
    let read = async || {
        bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
    };
    read().await;
    advance(Duration::from_secs(3600 - 181)).await;
    read().await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.issuer.asked(), 1, "not yet due");
    // A source that fails now does no harm, and is left alone for a while.
    world.issuer.goes_wrong([Mishap::Fails(CredentialsErrorKind::Broken)]);
    let begun = Instant::now();
    for _ in 0..20 {
        read().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "somebody waited");
    sleep(Duration::from_secs(1)).await;
    for _ in 0..20 {
        read().await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.issuer.asked(), 2);
    sleep(Duration::from_secs(10)).await;
    read().await;
    sleep(Duration::from_secs(1)).await;
    read().await;
    assert_eq!(world.issuer.asked(), 3);
    let last = world.used.lock().unwrap().last().unwrap().0;
    assert_eq!((last, world.rejected()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_a_while() {
    let world = ExpiringStore::new(600, true, Duration::ZERO);
    let bucket = world.bucket().await;
    let put = async || bucket.put("k", ramp(10), PutOptions::default()).await;
    world.issuer.goes_wrong((0..3).map(|_| Mishap::Fails(CredentialsErrorKind::Unavailable)));
    put().await.unwrap();
    assert_eq!(world.issuer.asked(), 4, "asked again until it answered");

    for (mishaps, kind, words, times) in [
        (
            (0..4).map(|_| Mishap::Fails(CredentialsErrorKind::Unavailable)).collect::<Vec<_>>(),
            ErrorKind::Transient,
            "the issuer fails",
            4,
        ),
        (vec![Mishap::Fails(CredentialsErrorKind::Broken)], ErrorKind::Credentials, "the issuer fails", 1),
        (vec![Mishap::Fails(CredentialsErrorKind::Refused)], ErrorKind::Denied, "the issuer fails", 1),
        (
            (0..4).map(|_| Mishap::GivesExpired).collect(),
            ErrorKind::Transient,
            "credentials that ended at",
            4,
        ),
    ] {
        advance(Duration::from_secs(601)).await;
        world.issuer.goes_wrong(mishaps);
        let before = world.issuer.asked();
        // Those who wait share the failure.
        for failed in join_all((0..32).map(|_| put())).await {
            let error = failed.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert_tight(&format!("{error} {error:?}"));
        }
        assert_eq!(world.issuer.asked() - before, times);
        put().await.unwrap();
    }
    assert_eq!(world.rejected(), 0);
    assert_tight(&format!("{:?}", world.shared));
}

/// A clock that is slow does not see the end; one that is fast sees it early.
#[tokio::test(start_paused = true)]
async fn clocks_that_are_off() {
    for ahead in [-600, 600] {
        let world = ExpiringStore::ahead(3600, true, Duration::from_secs(20), ahead);
        world.bucket().await;
        let bucket = ExpiringStore::bucket_of(world.store(ahead));
        for number in 0..60 {
            let body = PutBody::from(ramp(8 * PART));
            bucket.put(&format!("k{number}"), body, PutOptions::default()).await.unwrap();
        }
        assert_eq!(world.faults.calls(Operation::InitiateMultipartUpload), 60);
        assert!(world.issuer.asked() <= 6, "{}", world.issuer.asked());
        assert_eq!(world.rejected() > 0, ahead < 0);
    }
}

/// What cannot be sent again fails, and those who come after it have good credentials.
#[tokio::test(start_paused = true)]
async fn streams_cannot_be_repeated() {
    let world = ExpiringStore::new(600, false, Duration::ZERO);
    let bucket = world.bucket().await;
    bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
    advance(Duration::from_secs(601)).await;
    let stream = || PutBody::unknown_length(std::io::Cursor::new(ramp(5 * PART)));
    let error = bucket.put("s", stream(), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "SecurityTokenExpired"));
    assert_tight(&format!("{error} {error:?}"));
    bucket.put("s", stream(), PutOptions::default()).await.unwrap();
    assert_eq!((world.issuer.asked(), world.rejected()), (2, 1));
}

/// Fixed credentials are not asked for again, and a call is repeated once at most.
#[tokio::test(start_paused = true)]
async fn what_stays_expired_is_the_services_refusal() {
    let world = ExpiringStore::new(0, false, Duration::ZERO);
    let bucket = world.bucket().await;
    let error = bucket.put("k", ramp(10), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "SecurityTokenExpired");
    assert_eq!((world.issuer.asked(), world.rejected()), (2, 2));

    let fixed = SharedCredentials::from(credentials(0));
    let store = Store::builder(Endpoint::parse("http://127.0.0.1").unwrap(), "cn-hangzhou")
        .credentials(fixed)
        .transport(Arc::new(world.transport()))
        .clock(world.time.clock(0))
        .build()
        .unwrap();
    let error = store.list_buckets().await.unwrap_err();
    assert!(error.hint().unwrap().contains("get new ones"), "{error}");
    assert_eq!((world.issuer.asked(), world.rejected()), (2, 3));
}

/// A caller that gives up does not stop the renewal for the others, nor begin another.
#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_stops_nobody() {
    let world = ExpiringStore::new(600, true, Duration::ZERO);
    let bucket = world.bucket().await;
    let hasty =
        tokio::time::timeout(Duration::from_millis(50), bucket.put("k", ramp(10), PutOptions::default()));
    let (hasty, patient) = tokio::join!(hasty, bucket.put("l", ramp(10), PutOptions::default()));
    assert!(hasty.is_err());
    patient.unwrap();
    assert_eq!(world.issuer.asked(), 1);
}

/// A source that panics fails one call; the next asks again.
#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_unavailable() {
    struct Panics(AtomicU32);
    impl ProvideCredentials for Panics {
        fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>> {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
            async { Ok(SessionCredentials::permanent(Credentials::new("ak", "sk"))) }.boxed()
        }
    }
    let world = ExpiringStore::new(600, true, Duration::ZERO);
    world.bucket().await;
    let store = Store::builder(Endpoint::parse("http://127.0.0.1").unwrap(), "cn-hangzhou")
        .credentials(SharedCredentials::new(Panics(AtomicU32::new(0))))
        .transport(Arc::new(world.transport()))
        .clock(world.time.clock(0))
        .build()
        .unwrap();
    let error = store.list_buckets().await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("cut off"), "{error}");
    assert_eq!(store.list_buckets().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn presigned_urls_end_with_their_credentials() {
    let world = ExpiringStore::new(600, true, Duration::ZERO);
    let bucket = world.bucket().await;
    let of = async |seconds: u64| {
        let options = PresignOptions { lifetime: Duration::from_secs(seconds), ..PresignOptions::default() };
        let made = bucket.presign("k", &options).await.unwrap();
        let shown = format!("x-oss-expires={}", made.expires.duration_since(world.time.now()).as_secs());
        assert!(made.url.contains(&shown), "{shown} is not in {}", made.url);
        assert_tight(&format!("{made:?}"));
        made.expires.duration_since(world.time.now()).as_secs()
    };
    assert_eq!(of(60).await, 60);
    assert_eq!(of(3600).await, 600);
    advance(Duration::from_secs(300)).await;
    assert_eq!((of(60).await, of(3600).await), (60, 300));
    let lasting = ExpiringStore::new(600, false, Duration::ZERO);
    let bucket = lasting.bucket().await;
    let options = PresignOptions { lifetime: Duration::from_secs(3600), ..PresignOptions::default() };
    let made = bucket.presign("k", &options).await.unwrap();
    assert_eq!(made.expires.duration_since(lasting.time.now()).as_secs(), 3600);
}
