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

/// Transfers at the same time, unless said.
const JOBS: u16 = 4;
/// The profile that is used when none is named.
const DEFAULT: &str = "default";

/// What a command runs in.
pub(crate) struct Context {
    globals: Globals,
    /// The store that was opened: it may have something to clean up when the command has ended.
    opened: OnceLock<Store>,
    /// Where transfers of large objects keep what has come.
    unfinished: Mutex<Vec<PathBuf>>,
    /// Where they are remembered, once somebody has asked for it.
    state: OnceLock<Option<StateDir>>,
}

/// An open store, the keys for it, and what holds in it unless a command says otherwise.
pub(crate) struct Session {
    store: Store,
    keys: KeySource,
    /// What all transfers of the command may hold together.
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

    /// Where transfers are remembered; none, with one warning, when they cannot be.
    pub(crate) fn state(&self) -> Option<&StateDir> {
        self.state.get_or_init(dirs::state).as_ref()
    }

    /// Remembers a file that may stay if the command does not come to its end.
    pub(crate) fn register_resumable(&self, path: &Path) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Says of a failure how to go on, if something is left to go on with.
    pub(crate) fn with_resume_hint(&self, failure: Failure) -> Failure {
        let unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if unfinished.iter().any(|path| path.exists()) {
            return failure.hint(
                "what was transferred is kept: the same command goes on from there, and --no-resume starts over",
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
        // A command opens one store: there is nothing to replace.
        drop(self.opened.set(session.store.clone()));
        Ok(session)
    }

    /// What presigned URLs are read with: the profile's keys and no credentials.
    pub(crate) fn presigned_reader(&self, opening: &Opening) -> Result<PresignedReader, Failure> {
        if self.globals.local.is_some() {
            return Err(Failure::usage("no URL leads to the store of --local").hint("leave --local out"));
        }
        let (config, profile) = self.config()?;
        let rules = opening.over(&profile.rules(None))?;
        let policy = moving(rules.policy()?, opening).requiring_bind(rules.bind());
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

    /// How many transfers may be under way: as was said, or as the profile says.
    pub(crate) fn jobs(&self, said: Option<u16>) -> Result<u16, Failure> {
        let profile =
            if said.is_some() || self.globals.local.is_some() { None } else { self.config()?.1.jobs };
        Ok(said.or(profile.map(NonZeroU8::get).map(u16::from)).unwrap_or(JOBS))
    }

    fn memory(&self, profile: Option<u64>) -> MemoryBudget {
        self.globals.limits.memory.or(profile).map_or_else(MemoryBudget::default, MemoryBudget::new)
    }

    /// Who signs, for the store and the key service alike, and the way to them. Sources are not asked yet. Somebody at the terminal is, if anything is
    /// signed: later, bars are drawn and calls have deadlines.
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

/// What an account is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Requests are signed.
    Sign,
    /// Keys are shown.
    Show,
}

impl Purpose {
    /// That of a keyring without a store: a key service is asked, if a key of the keyring has one that this account signs for.
    pub(crate) fn of_keyring(config: &Config, profile: &Profile) -> Purpose {
        let mut keys = profile.keyring.iter().filter_map(|name| config.keys.get(name));
        if keys.any(KeyEntry::is_signed_for) { Purpose::Sign } else { Purpose::Show }
    }
}

impl Session {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A bucket without keys, for what moves no content through this process.
    pub(crate) fn closed_bucket(&self, name: &str) -> Result<EncryptedBucket, Failure> {
        Ok(self.builder(name, &self.rules(name))?.build()?)
    }

    /// The same, for copies of what may be read.
    pub(crate) fn copied_bucket(&self, name: &str, opening: &Opening) -> Result<EncryptedBucket, Failure> {
        Ok(self.builder(name, &opening.over(&self.rules(name))?)?.build()?)
    }

    /// A bucket with whatever keys there are, to say which one fits.
    pub(crate) fn labelled_bucket(&self, name: &str) -> Result<EncryptedBucket, Failure> {
        match &self.keys {
            KeySource::Config(_, profile, _) if profile.keyring.is_empty() => self.closed_bucket(name),
            _ => self.reading_bucket(name, &Opening::default()),
        }
    }

    /// A bucket with the keyring, for reading content.
    pub(crate) fn reading_bucket(&self, name: &str, opening: &Opening) -> Result<EncryptedBucket, Failure> {
        self.tuned_bucket(name, opening, Tuning::default())
    }

    /// The same with other sizes.
    pub(crate) fn tuned_bucket(
        &self,
        name: &str,
        opening: &Opening,
        tuning: Tuning,
    ) -> Result<EncryptedBucket, Failure> {
        let rules = opening.over(&self.rules(name))?;
        let policy = moving(rules.policy()?, opening);
        let keyring = self.keys.keyring(rules.suite(), None)?;
        let builder = tuning.of(self.builder(name, &rules)?.keyring(keyring));
        Ok(builder.read_policy(policy).build()?)
    }

    /// A bucket with the keyring, for writing content.
    pub(crate) fn writing_bucket(
        &self,
        name: &str,
        sealing: &Sealing,
        tuning: Tuning,
    ) -> Result<EncryptedBucket, Failure> {
        let rules = sealing.over(&self.rules(name))?;
        let keyring = self.keys.keyring(rules.suite(), sealing.key.as_deref())?;
        Ok(tuning.of(self.builder(name, &rules)?.keyring(keyring)).build()?)
    }

    /// A bucket with the keyring, for writing content and reading it back.
    pub(crate) fn compared_bucket(
        &self,
        name: &str,
        sealing: &Sealing,
        opening: &Opening,
        tuning: Tuning,
    ) -> Result<EncryptedBucket, Failure> {
        let rules = opening.over(&sealing.over(&self.rules(name))?)?;
        let keyring = self.keys.keyring(rules.suite(), sealing.key.as_deref())?;
        let policy = moving(rules.policy()?, opening);
        Ok(tuning.of(self.builder(name, &rules)?.keyring(keyring).read_policy(policy)).build()?)
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

fn moving(policy: ReadPolicy, opening: &Opening) -> ReadPolicy {
    if opening.allow_moved { policy.with_moved() } else { policy }
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
                return Err(Failure::usage(format!("there is no key {writer:?} in the keyring"))
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
