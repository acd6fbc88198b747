//! Drawn histories of a source and of the record between attempts: every one ends with the object that the source is by then.

use std::collections::BTreeMap;

use osseal::Suite;

use super::Bench;
use super::sources::CHANGES;

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// The histories end as they must, each of them once and again.
async fn run(cases: u32, seed: u64) -> BTreeMap<(&'static str, &'static str), u32> {
    let (mut draw, mut seen) = (Draw(seed), BTreeMap::new());
    for case in 0..cases {
        let suite = Suite::ALL[usize::try_from(case).unwrap() % 2];
        let bench = Bench::new(suite).await;
        bench.broken(draw.below(4) as u64 + 1).await;
        let former = std::fs::read(bench.record()).unwrap();
        let (mut happened, mut left) = (("nothing", "nothing"), 0);
        let first = draw.below(CHANGES.len() + 1);
        if let Some((what, change)) = CHANGES.get(first) {
            change(&bench.source());
            happened.0 = what;
        }
        bench.broken(2).await;
        match draw.below(CHANGES.len() + 2) {
            0 => {}
            1 => {
                // A copy of before takes the record's place. What only the record tells of stays with the service.
                std::fs::write(bench.record(), &former).unwrap();
                happened.1 = "an older record";
                left = usize::from(first < CHANGES.len());
            }
            which => {
                let (what, change) = CHANGES[which - 2];
                change(&bench.source());
                happened.1 = what;
            }
        }
        let (outcome, took) = bench.run().await;
        outcome.unwrap_or_else(|error| panic!("seed {seed}, case {case}, {suite:?}, {happened:?}: {error}"));
        let goes_on = happened.1 == "nothing";
        assert_eq!(took.beginnings, u64::from(!goes_on), "seed {seed}, case {case}, {suite:?}, {happened:?}");
        bench.check(left).await;
        *seen.entry(happened).or_default() += 1;
    }
    seen
}

#[tokio::test]
async fn drawn_histories_end_with_the_source() {
    run(6, 11).await;
}

#[tokio::test]
#[ignore = "a minute long: scripts/soak-transfers.sh"]
async fn soak() {
    let number = |name, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let cases = u32::try_from(number("OSSEAL_SOAK_SOURCES", 200)).unwrap();
    let seen = run(cases, number("OSSEAL_SOAK_SEED", 1)).await;
    for ((first, second), times) in seen {
        println!("{times:4} × {first}, then {second}");
    }
    println!("{cases} histories, 0 failures");
}
