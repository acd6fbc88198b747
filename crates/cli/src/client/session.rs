//! From flags, environment and file to a store and a keyring.

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use osseal::transport::{Https, Throttled, Transport};
use osseal::{
    EncryptedBucket, EncryptedBucketBuilder, Keyring, KeyringError, MemoryBudget, PresignedReader,
    ReadPolicy, SharedCredentials, StateDir, Store, Suite,
};

use crate::account::credentials::chain;
use crate::account::{Account, KmsClients};
use crate::args::{Globals, Opening, Sealing, Signing, Tuning};
use crate::client::embedded::Local;
use crate::config::endpoint::{self, ResolvedEndpoint};
use crate::config::{Config, Profile};
use crate::environment;
use crate::fs::dirs;
use crate::keys::{KeyEntry, LoadedKey};
use crate::rules::Rules;
use crate::ui::error::Failure;
use crate::ui::output::Output;

/// Default number of concurrent transfers.
const JOBS: u16 = 4;
/// The default profile.
const DEFAULT: &str = "default";

/// Global options and shared state of one command.
pub(crate) struct Context {
    globals: Globals,
    /// The store that was opened: it may have something to clean up when the command has ended.
    opened: OnceLock<Store>,
    /// Files that resumable transfers leave behind.
    unfinished: Mutex<Vec<PathBuf>>,
    /// The checkpoint folder, opened on first use.
    state: OnceLock<Option<StateDir>>,
}

/// An open store with its keys and rules.
pub(crate) struct Session {
    store: Store,
    keys: KeySource,
    /// Memory limit of all transfers together.
    memory: MemoryBudget,
}

enum KeySource {
    Local(Local),
    Config(Config, Box<Profile>, Account),
}

impl Context {
    pub(crate) fn new(globals: Globals) -> Context {
        Context { globals, opened: OnceLock::new(), unfinished: Mutex::default(), state: OnceLock::new() }
    }

    pub(crate) fn output(&self) -> Output {
        Output { is_json: self.globals.printing.json, is_quiet: self.globals.printing.quiet }
    }

    /// The store, once [`Context::session`] has opened it.
    pub(crate) fn opened(&self) -> Option<&Store> {
        self.opened.get()
    }

    /// The checkpoint folder. `None`, with one warning, if it cannot be opened.
    pub(crate) fn state(&self) -> Option<&StateDir> {
        self.state.get_or_init(dirs::state).as_ref()
    }

    /// Registers a file that remains if the command is interrupted.
    pub(crate) fn register_resumable(&self, path: &Path) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Adds the hint to resume if a resumable file remains.
    pub(crate) fn with_resume_hint(&self, failure: Failure) -> Failure {
        let unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if unfinished.iter().any(|path| path.exists()) {
            return failure.hint(
                "the transferred bytes are kept: run the same command again to resume, or with --no-resume to start over",
            );
        }
        failure
    }

    /// The folder of `--local`, if that was asked for.
    pub(crate) fn local(&self) -> Result<Option<Local>, Failure> {
        self.globals.local.as_ref().map(|folder| Local::new(folder.as_deref())).transpose()
    }

    /// The configuration and the profile that is in use.
    pub(crate) fn config(&self) -> Result<(Config, Profile), Failure> {
        let config = Config::load(self.globals.config.as_deref())?;
        let named = self.named_profile()?;
        let profile = config.profile(named.as_deref().unwrap_or(DEFAULT), named.is_some())?;
        Ok((config, profile))
    }

    /// The name of the profile that is in use.
    pub(crate) fn profile_name(&self) -> Result<String, Failure> {
        Ok(self.named_profile()?.unwrap_or_else(|| DEFAULT.to_owned()))
    }

    fn named_profile(&self) -> Result<Option<String>, Failure> {
        match &self.globals.profile {
            Some(name) => Ok(Some(name.clone())),
            None => environment::text(environment::PROFILE),
        }
    }

    /// Opens the store. Keys are read only when a command needs them.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        let session = match self.local()? {
            Some(local) => {
                Session { store: local.store()?, keys: KeySource::Local(local), memory: self.memory(None) }
            }
            None => self.remote()?,
        };
        // A command opens one store, so this never replaces another.
        drop(self.opened.set(session.store.clone()));
        Ok(session)
    }

    /// A reader of presigned URLs with the profile's keys, without credentials.
    pub(crate) fn presigned_reader(&self, opening: &Opening) -> Result<PresignedReader, Failure> {
        if self.globals.local.is_some() {
            return Err(Failure::usage("no URL leads to the store of --local").hint("leave --local out"));
        }
        let (config, profile) = self.config()?;
        let rules = opening.over(&profile.rules(None))?;
        let policy = read_policy(&rules, opening)?.requiring_bind(rules.bind());
        let account = self.account(&profile, Purpose::of_keyring(&config, &profile))?;
        let transport = account.transport.clone();
        let keyring = KeySource::Config(config, Box::new(profile), account).keyring(rules.suite(), None)?;
        let reader = PresignedReader::new(keyring, rules.suite()).read_policy(policy).transport(transport);
        Ok(if self.globals.allow_plain_http { reader.allow_plain_http() } else { reader })
    }

    fn remote(&self) -> Result<Session, Failure> {
        let (config, profile) = self.config()?;
        let place = ResolvedEndpoint::resolve(&self.globals, &config, &profile)?;
        let account = self.account(&profile, Purpose::Sign)?;
        let mut builder = Store::builder(place.endpoint.value, place.region.value)
            .credentials(account.credentials.clone())
            .transport(account.transport.clone());
        if self.globals.allow_plain_http {
            builder = builder.allow_plain_http();
        }
        let memory = self.memory(profile.memory);
        let keys = KeySource::Config(config, Box::new(profile), account);
        Ok(Session { store: builder.build()?, keys, memory })
    }

    /// Number of concurrent transfers: the flag, then the profile, then the default.
    pub(crate) fn jobs(&self, said: Option<u16>) -> Result<u16, Failure> {
        let profile =
            if said.is_some() || self.globals.local.is_some() { None } else { self.config()?.1.jobs };
        Ok(said.or(profile.map(NonZeroU8::get).map(u16::from)).unwrap_or(JOBS))
    }

    fn memory(&self, profile: Option<u64>) -> MemoryBudget {
        self.globals.limits.memory.or(profile).map_or_else(MemoryBudget::default, MemoryBudget::new)
    }

    /// Credentials and transport for the store and the key service. Does not query credential sources yet. If requests are
    /// signed, asks for a secret at the terminal first: later, progress bars are drawn and calls have deadlines.
    pub(crate) fn account(&self, profile: &Profile, purpose: Purpose) -> Result<Account, Failure> {
        let https = Https::new().map_err(|error| Failure::local("TLS cannot be set up", error))?;
        let https: Arc<dyn Transport> = Arc::new(https);
        let bandwidth = self.globals.limits.bandwidth.or(profile.bandwidth);
        let throttled = bandwidth.map(|rate| Arc::new(Throttled::new(https.clone(), rate)));
        let transport = throttled.clone().map_or(https, |throttled| throttled);
        let credentials: SharedCredentials = match self.globals.signer.signing()? {
            Some(Signing::Known(credentials)) => credentials.into(),
            Some(Signing::Prompted(typist)) if purpose == Purpose::Sign => typist.ask()?.into(),
            Some(Signing::Prompted(typist)) => SharedCredentials::new(typist),
            None => SharedCredentials::new(chain(profile.credentials, transport.clone())),
        };
        Ok(Account {
            region: endpoint::region(&self.globals, profile)?,
            network: profile.network.unwrap_or_default(),
            credentials,
            transport,
            throttled,
            allow_plain_http: self.globals.allow_plain_http,
            may_ask: true,
            services: KmsClients::default(),
        })
    }

    /// The flags of all commands.
    pub(crate) fn globals(&self) -> &Globals {
        &self.globals
    }
}

/// Purpose of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Requests are signed.
    Sign,
    /// Keys are shown.
    Show,
}

impl Purpose {
    /// The purpose for a keyring without a store: requests are signed only if a key calls KMS with these credentials.
    pub(crate) fn of_keyring(config: &Config, profile: &Profile) -> Purpose {
        let mut keys = profile.keyring.iter().filter_map(|name| config.keys.get(name));
        if keys.any(KeyEntry::is_signed_for) { Purpose::Sign } else { Purpose::Show }
    }
}

/// How a command uses a bucket. Decides which keys are read and which objects may be read.
#[derive(Clone, Copy)]
pub(crate) enum BucketUse<'a> {
    /// Listings, headers and deletions: no keys.
    Metadata,
    /// Copies by the service of objects that the options admit: no keys.
    CopyTarget(&'a Opening),
    /// Headers, with the keyring if the profile has one, to name the key that fits an object.
    Inspect,
    /// Content is read.
    Read(&'a Opening, Tuning),
    /// Content is written.
    Write(&'a Sealing, Tuning),
    /// Content is written, and read to compare it.
    WriteAndCompare(&'a Sealing, &'a Opening, Tuning),
}

impl Session {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Opens a bucket. Reads key files only if the use needs keys.
    pub(crate) fn bucket(&self, name: &str, usage: BucketUse<'_>) -> Result<EncryptedBucket, Failure> {
        let rules = self.rules(name);
        match usage {
            BucketUse::Metadata => Ok(self.builder(name, &rules)?.build()?),
            BucketUse::CopyTarget(opening) => Ok(self.builder(name, &opening.over(&rules)?)?.build()?),
            BucketUse::Inspect if self.has_no_keyring() => self.bucket(name, BucketUse::Metadata),
            BucketUse::Inspect => self.bucket(name, BucketUse::Read(&Opening::default(), Tuning::default())),
            BucketUse::Read(opening, tuning) => {
                let rules = opening.over(&rules)?;
                let policy = read_policy(&rules, opening)?;
                let keyring = self.keys.keyring(rules.suite(), None)?;
                let builder = tuning.of(self.builder(name, &rules)?.keyring(keyring));
                Ok(builder.read_policy(policy).build()?)
            }
            BucketUse::Write(sealing, tuning) => {
                let rules = sealing.over(&rules)?;
                let keyring = self.keys.keyring(rules.suite(), sealing.key.as_deref())?;
                Ok(tuning.of(self.builder(name, &rules)?.keyring(keyring)).build()?)
            }
            BucketUse::WriteAndCompare(sealing, opening, tuning) => {
                let rules = opening.over(&sealing.over(&rules)?)?;
                let keyring = self.keys.keyring(rules.suite(), sealing.key.as_deref())?;
                let policy = read_policy(&rules, opening)?;
                Ok(tuning.of(self.builder(name, &rules)?.keyring(keyring).read_policy(policy)).build()?)
            }
        }
    }

    fn has_no_keyring(&self) -> bool {
        matches!(&self.keys, KeySource::Config(_, profile, _) if profile.keyring.is_empty())
    }

    /// The suite that a bucket's objects are written with.
    pub(crate) fn written_suite(&self, name: &str, sealing: &Sealing) -> Result<Suite, Failure> {
        Ok(sealing.over(&self.rules(name))?.suite())
    }

    /// The suites that a bucket's objects may be read with.
    pub(crate) fn readable_suites(&self, name: &str, opening: &Opening) -> Result<Vec<Suite>, Failure> {
        Ok(opening.over(&self.rules(name))?.policy()?.suites().collect())
    }

    fn rules(&self, bucket: &str) -> Rules {
        match &self.keys {
            KeySource::Local(_) => Rules::default(),
            KeySource::Config(_, profile, _) => profile.rules(Some(bucket)),
        }
    }

    fn builder(&self, name: &str, rules: &Rules) -> Result<EncryptedBucketBuilder, Failure> {
        Ok(EncryptedBucket::builder(self.store.clone(), name)
            .memory(self.memory.clone())
            .suite(rules.suite())
            .bind(rules.bind())
            .encryption_context(rules.context()?)
            .read_policy(rules.policy()?))
    }
}

/// The read policy of the rules; `--allow-moved` relaxes it.
fn read_policy(rules: &Rules, opening: &Opening) -> Result<ReadPolicy, Failure> {
    let policy = rules.policy()?;
    Ok(if opening.allow_moved { policy.with_moved() } else { policy })
}

impl KeySource {
    /// All keys; the one that is named writes, or else the first.
    fn keyring(&self, suite: Suite, writer: Option<&str>) -> Result<Keyring, Failure> {
        let mut keys = match self {
            KeySource::Local(local) => local.keys(suite)?,
            KeySource::Config(config, profile, account) => {
                config.keyring(&profile.keyring, suite, account)?
            }
        };
        if let Some(writer) = writer {
            let Some(at) = keys.iter().position(|key| key.name == writer) else {
                let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
                return Err(Failure::usage(format!("the keyring has no key {writer:?}"))
                    .hint(format!("there are: {}", names.join(", "))));
            };
            keys[..=at].rotate_right(1);
        }
        Keyring::new(keys.iter().map(LoadedKey::named).collect()).map_err(|error| match (&error, self) {
            (KeyringError::Empty, KeySource::Config(config, ..)) => {
                Failure::usage(format!("the profile has no keyring in {}", config.shown()))
                    .hint("make a key with `osseal keys new`, give it a section [key.NAME], and name it in keyring = [\"NAME\"]")
            }
            _ => Failure::usage("the keyring cannot be used").caused_by(&error),
        })
    }
}
