//! Connections that are cut, over real sockets, by the transport that programs use.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use osseal::transport::{Https, Transport};
use osseal::{ErrorKind, PresignOptions, PutOptions, Suite};
use tokio::time::Instant;

use super::clock::Quick;
use super::transfers::{Transfer, bucket, is_stored, keeps_nothing, uploads};
use crate::support::{TestStore, ramp};
use osseal_testkit::network::{Cut, CutKind, CutPoint, FaultyNetwork, RequestFilter, Side};

/// Cases that are under way at a time. They wait for most of theirs.
const AT_A_TIME: usize = 48;
/// The longest that one connection is put up with: 60 s, and 4 s for what a part has in buffers. And some ticks of the clock.
const LIMIT: Duration = Duration::from_secs(64 + 6);

const HOWS: [CutKind; 3] = [CutKind::Fin, CutKind::Rst, CutKind::Hang];

/// The calls of a transfer whose connections are cut: a name, their request lines, and kind many of those come before.
fn calls(transfer: Transfer) -> Vec<(&'static str, RequestFilter, u64)> {
    let get: RequestFilter = |line| line.starts_with("GET ");
    match transfer {
        Transfer::Put => vec![("put", |line| line.starts_with("PUT "), 0)],
        Transfer::PutParts | Transfer::PutKept => vec![
            ("initiate", |line| line.starts_with("POST ") && line.contains("uploads"), 0),
            ("part", |line| line.contains("partNumber=2"), 0),
            ("complete", |line| line.starts_with("POST ") && line.contains("uploadId="), 0),
        ],
        Transfer::Get | Transfer::GetRange => vec![("get", get, 0)],
        Transfer::Download | Transfer::DownloadKept => vec![("first", get, 0), ("second", get, 1)],
    }
}

/// The interesting bytes: of heads, about blocks, chunks and ends. Those that a message does not have are those of its end.
fn places() -> Vec<CutPoint> {
    let body = [1, 15, 16, 17, 16_399, 16_400, 16_401].map(CutPoint::Body);
    let heads =
        [CutPoint::Byte(0), CutPoint::Byte(1), CutPoint::Byte(100), CutPoint::Body(-1), CutPoint::Body(0)];
    heads.into_iter().chain(body).chain([CutPoint::ButLast(1), CutPoint::ButLast(0)]).collect()
}

/// One transfer with one cut, or with every connection of a call cut.
#[derive(Clone, Copy, Debug)]
struct Case {
    suite: Suite,
    transfer: Transfer,
    call: &'static str,
    cut: Cut,
    attempts: u32,
}

/// What came of a case: the transfer's error, and kind long it took. A transfer that leaves a record is gone on with when nothing is cut any more.
async fn run(case: Case, https: &Https) -> (Option<ErrorKind>, Duration) {
    let Case { suite, transfer, cut, attempts, .. } = case;
    let (world, size) = (TestStore::of(suite).await, transfer.size(suite));
    if !transfer.is_put() {
        bucket(&world.store(), suite).put("k", ramp(size), PutOptions::default()).await.unwrap();
    }
    let (wire, folder) = (FaultyNetwork::to(&world).await, tempfile::tempdir().unwrap());
    let store = wire.store(https, attempts);
    wire.cut(cut);
    let begin = Instant::now();
    let outcome = transfer.run(&bucket(&store, suite), suite, folder.path()).await;
    let took = begin.elapsed();
    if outcome.is_err() && transfer.is_kept() {
        wire.heal();
        let store = wire.store(https, attempts);
        let again = transfer.run(&bucket(&store, suite), suite, folder.path()).await;
        again.unwrap_or_else(|error| panic!("{case:?}: {error}"));
        assert!(!transfer.is_put() || is_stored(&world, size).await, "{case:?}");
    }
    assert!(keeps_nothing(folder.path()), "{case:?}");
    store.idle().await;
    assert!(wire.made() > 0, "{case:?}: nothing was cut");
    assert!(outcome.is_err() || is_stored(&world, size).await, "{case:?}");
    // Whole or not at all, after an error too.
    is_stored(&world, size).await;
    assert_eq!(uploads(&world).await, [], "{case:?}");
    drop(store);
    let mut patience = 1000;
    while wire.open() > 0 {
        patience -= 1;
        assert!(patience > 0, "{case:?}: {} connections are left", wire.open());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    (outcome.err().map(|error| error.kind()), took)
}

fn cases(times: u64, attempts: u32, is_wanted: impl Fn(Transfer, Side, CutPoint) -> bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in Suite::ALL {
        for transfer in Transfer::ALL {
            for (call, of, skip) in calls(transfer) {
                for side in [Side::Request, Side::Reply] {
                    for point in places().into_iter().filter(|point| is_wanted(transfer, side, *point)) {
                        for kind in HOWS {
                            let cut = Cut { of, skip, times, side, point, kind };
                            cases.push(Case { suite, transfer, call, cut, attempts });
                        }
                    }
                }
            }
        }
    }
    cases
}

async fn run_all(cases: Vec<Case>) -> Vec<(Case, Option<ErrorKind>, Duration)> {
    let (_quick, https) = (Quick::start(), Https::new().unwrap());
    let runs = cases.into_iter().map(async |case| {
        let (kind, took) = run(case, &https).await;
        (case, kind, took)
    });
    stream::iter(runs).buffer_unordered(AT_A_TIME).collect().await
}

#[tokio::test(start_paused = true)]
async fn connection_cut_at_any_byte_is_replaced() {
    let all = run_all(cases(1, 5, |_, _, _| true)).await;
    assert!(all.len() > 500, "{}", all.len());
    for (case, kind, took) in all {
        assert_eq!(kind, None, "{case:?}");
        expect_in_time(&case, took);
    }
}

fn expect_in_time(case: &Case, took: Duration) {
    // A record waits for the disk, which takes its time while the clock is quick.
    let disk = if case.transfer.is_kept() { Duration::from_secs(600) } else { Duration::ZERO };
    let limit = if case.cut.kind == CutKind::Hang { LIMIT } else { Duration::from_secs(20) };
    assert!(took < limit + disk, "{case:?}: {took:?}");
}

/// Anywhere else: cuts that are spread over whole messages, by the golden ratio.
#[tokio::test(start_paused = true)]
async fn random_cuts_are_retried() {
    let cases = (0..500_usize).map(|number| {
        let transfer = Transfer::ALL[number % Transfer::ALL.len()];
        let (suite, calls) = (Suite::ALL[number / 7 % 2], calls(transfer));
        let (call, of, skip) = calls[number / 14 % calls.len()];
        let side = if number / 42 % 2 == 0 { Side::Request } else { Side::Reply };
        let point = CutPoint::Millionths(number as u64 * 618_034 % 1_000_000);
        let cut = Cut { of, skip, times: 1, side, point, kind: HOWS[number % 3] };
        Case { suite, transfer, call, cut, attempts: 5 }
    });
    for (case, kind, took) in run_all(cases.collect()).await {
        assert_eq!(kind, None, "{case:?}");
        expect_in_time(&case, took);
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_cuts_end_in_a_transient_error_or_success() {
    let some = [
        CutPoint::Byte(0),
        CutPoint::Body(-1),
        CutPoint::Body(17),
        CutPoint::Body(16_401),
        CutPoint::ButLast(1),
        CutPoint::ButLast(0),
    ];
    let all = run_all(cases(u64::MAX, 3, |_, _, point| some.contains(&point))).await;
    let (mut failed, mut passed) = (0, 0);
    for (case, kind, _) in all {
        match kind {
            None => passed += 1,
            Some(kind) => {
                failed += 1;
                assert_eq!(kind, ErrorKind::Transient, "{case:?}");
            }
        }
    }
    assert!(failed > 100 && passed > 20, "{failed} failed, {passed} passed");
}

/// With one attempt a put does not outlive a cut, unless all of the reply had come, or a HEAD found that it was done.
#[tokio::test(start_paused = true)]
async fn control_put_with_one_attempt_fails_on_a_cut() {
    let all = cases(1, 1, |transfer, _, point| transfer.is_put() && point == CutPoint::Body(-1));
    for (case, kind, _) in run_all(all).await {
        let is_found = case.call == "complete" && case.cut.side == Side::Reply;
        assert_eq!(kind, (!is_found).then_some(ErrorKind::Transient), "{case:?}");
    }
}

/// Whoever does not ask again has not got all: the cuts are where they are said to be.
#[tokio::test(start_paused = true)]
async fn control_get_receives_exactly_the_bytes_before_the_cut() {
    let (_quick, https) = (Quick::start(), Https::new().unwrap());
    let world = TestStore::of(Suite::Sealed).await;
    bucket(&world.store(), Suite::Sealed).put("k", vec![7; 40_000], PutOptions::default()).await.unwrap();
    let wire = FaultyNetwork::to(&world).await;
    let options = PresignOptions { lifetime: Duration::from_secs(600), ..PresignOptions::default() };
    let address = bucket(&wire.store(&https, 1), Suite::Sealed).presign("k", &options).await.unwrap();
    for kind in [CutKind::Fin, CutKind::Rst] {
        for (point, bytes) in
            [(CutPoint::Body(0), 0), (CutPoint::Body(16_400), 16_400), (CutPoint::ButLast(1), 40_047)]
        {
            wire.cut(Cut { of: |_| true, skip: 0, times: 1, side: Side::Reply, point, kind });
            let request = http::Request::get(address.url.as_str()).body(empty()).unwrap();
            let mut body = https.send(request).await.unwrap().into_body();
            let (mut got, mut is_broken) = (0, false);
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    is_broken = true;
                    break;
                };
                got += frame.into_data().unwrap().len();
            }
            assert!(is_broken, "{kind:?} {point:?}");
            // What is on its way when a connection is reset may be lost.
            assert!(
                if kind == CutKind::Fin { got == bytes } else { got <= bytes },
                "{kind:?} {point:?}: {got}"
            );
        }
    }
}

fn empty() -> osseal::transport::Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
