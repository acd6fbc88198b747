//! One measured transfer in a process of its own, so that its peak of memory is its own too. Prints one JSON object: `seconds` on the wall,
//! `cpu_seconds` of this process, `peak_bytes` of memory, and `rate` where things are counted.
//!
//! ```text
//! transfer '{"work": "put", "endpoint": "http://127.0.0.1:9000", "bucket": "box", "key": "file", "file": "/tmp/file", …}'
//! ```
//! The fields are those of `Plan`. Credentials are `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET`.

use std::error::Error;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use osseal::dangerous::AllowPlaintextObjects;
use osseal::{
    AesKey, Credentials, EncryptedBucket, Endpoint, GetOptions, Keyring, MaterialDescription, MemoryBudget,
    NamedKey, PutBody, PutOptions, ReadPolicy, RsaKey, RsaPadding, SealedContext, Secret, Store, Suite,
};
use osseal_core::{ContentRandom, Place, SALT};
use serde::Deserialize;

/// What is to be measured.
#[derive(Deserialize)]
struct Plan {
    work: Work,
    endpoint: String,
    bucket: String,
    /// The object, or what the names of many begin with.
    key: String,
    /// `sealed`, `aes-ctr`, or `none` for no encryption at all.
    suite: String,
    /// PEM of an RSA key, or 64 hex digits of an AES key.
    key_file: PathBuf,
    /// The source or the target.
    #[serde(default)]
    file: PathBuf,
    /// Of many: how many, and bytes of each.
    #[serde(default)]
    count: u32,
    #[serde(default)]
    size: usize,
    /// Parts, or small objects, on their way at a time.
    jobs: NonZeroU16,
    /// Stored bytes.
    part_size: u64,
    /// Bytes that may be held.
    memory: u64,
    /// Whether nothing is done before: of a store that cannot be written, or not be read.
    #[serde(default)]
    cold: bool,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Work {
    Put,
    Get,
    PutMany,
    GetMany,
    /// Unwraps as often as `count` says with `jobs` threads: what reading costs without anything to read.
    Unwrap,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let plan = std::env::args().nth(1).ok_or("usage: transfer JSON")?;
    let plan: Plan = serde_json::from_str(&plan)?;
    let bucket = bucket(&plan)?;
    if !plan.cold {
        // The first connection and the first use of the libraries are not what is measured.
        let key = format!("{}warm", plan.key);
        bucket.put(&key, vec![1; 16], PutOptions::default()).await?;
        bucket.get(&key, GetOptions::default()).await?.bytes().await?;
    }
    let (begin, cpu) = (Instant::now(), cpu_seconds()?);
    match plan.work {
        Work::Put => {
            let file = std::fs::File::open(&plan.file)?;
            let length = file.metadata()?.len();
            bucket.put(&plan.key, PutBody::file(file, length), PutOptions::default()).await?;
        }
        Work::Get => get(&bucket, &plan).await?,
        Work::PutMany | Work::GetMany => many(&bucket, &plan).await?,
        Work::Unwrap => unwrap(&plan)?,
    }
    let seconds = begin.elapsed().as_secs_f64();
    let report = serde_json::json!({
        "seconds": seconds,
        "cpu_seconds": cpu_seconds()? - cpu,
        "peak_bytes": peak_bytes()?,
        "rate": f64::from(plan.count) / seconds,
    });
    println!("{report}");
    Ok(())
}

fn bucket(plan: &Plan) -> Result<EncryptedBucket, Box<dyn Error>> {
    let credentials =
        Credentials::new(std::env::var("OSS_ACCESS_KEY_ID")?, std::env::var("OSS_ACCESS_KEY_SECRET")?);
    let store =
        Store::builder(Endpoint::parse(&plan.endpoint)?, "cn-hangzhou").credentials(credentials).build()?;
    let builder = EncryptedBucket::builder(store, &plan.bucket)
        .part_size(plan.part_size)
        .jobs(plan.jobs)
        .memory(MemoryBudget::new(plan.memory));
    Ok(match suite(plan)? {
        None => builder.without_encryption(AllowPlaintextObjects),
        Some(suite) => builder.suite(suite).keyring(keyring(plan, suite)?),
    }
    .build()?)
}

/// None for no encryption.
fn suite(plan: &Plan) -> Result<Option<Suite>, Box<dyn Error>> {
    if plan.suite == "none" {
        return Ok(None);
    }
    let suite = Suite::ALL.into_iter().find(|known| known.name() == plan.suite);
    Ok(Some(suite.ok_or("the suite is sealed, aes-ctr or none")?))
}

fn keyring(plan: &Plan, suite: Suite) -> Result<Keyring, Box<dyn Error>> {
    let content = std::fs::read(&plan.key_file)?;
    let key = NamedKey::new("bench", MaterialDescription::empty());
    let key = if content.starts_with(b"-----") {
        let padding = if suite.is_authenticated() { RsaPadding::OaepSha256 } else { RsaPadding::Pkcs1 };
        let rsa = Arc::new(RsaKey::from_pem(&content, padding)?);
        key.wrapping(rsa.clone()).unwrapping(rsa)
    } else {
        let aes = Arc::new(AesKey::from_file_content(&content)?);
        key.wrapping(aes.clone()).unwrapping(aes)
    };
    Ok(Keyring::new(vec![key])?)
}

/// Into a file that is there, whose pages stay.
async fn get(bucket: &EncryptedBucket, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let file = std::fs::OpenOptions::new().write(true).open(&plan.file)?;
    bucket.download(&plan.key, GetOptions::default()).await?.write_to(file).await?;
    Ok(())
}

/// Every object has content of its own.
async fn many(bucket: &EncryptedBucket, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let (size, is_put) = (plan.size, plan.work == Work::PutMany);
    let work = (0..plan.count as usize).map(|i| {
        let (bucket, key) = (bucket.clone(), format!("{}{i}", plan.key));
        // A task each: what is computed for one does not keep the others waiting.
        tokio::spawn(async move {
            if is_put {
                let content: Vec<u8> = (i..i + size).map(|at| (at % 251).to_le_bytes()[0]).collect();
                bucket.put(&key, content, PutOptions::default()).await.map(|_| size)
            } else {
                let got: Bytes = bucket.get(&key, GetOptions::default()).await?.bytes().await?;
                Ok(got.len())
            }
        })
    });
    let mut done = stream::iter(work).buffer_unordered(usize::from(plan.jobs.get()));
    while let Some(outcome) = done.next().await {
        if outcome?? != size {
            return Err("an object of another length".into());
        }
    }
    Ok(())
}

/// Unwraps one data key again and again, on threads of its own.
fn unwrap(plan: &Plan) -> Result<(), Box<dyn Error>> {
    let suite = suite(plan)?.ok_or("without encryption nothing is unwrapped")?;
    let keyring = keyring(plan, suite)?;
    let random = ContentRandom { data_key: Secret::new(vec![7; 32]), start: [9; SALT] };
    let made = keyring.new_content(suite, &SealedContext::default(), random, None).now_or_never();
    let (_, envelope) = made.ok_or("the key did not wrap at once")??;
    let (threads, policy) = (usize::from(plan.jobs.get()), ReadPolicy::for_writer_of(suite));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..plan.count as usize / threads {
                    let opened = keyring.open(&policy, Place::object("box", "key"), &envelope).now_or_never();
                    assert!(matches!(opened, Some(Ok(_))), "the key does not unwrap what it wrapped");
                }
            });
        }
    });
    Ok(())
}

fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    Ok(cpu_time::ProcessTime::try_now()?.as_duration().as_secs_f64())
}

fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the system says no peak")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes << 10)
}
