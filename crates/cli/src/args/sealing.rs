//! Encryption options of writes and read policy options.

use clap::builder::TypedValueParser as _;
use osseal::{Bind, Suite};

use crate::rules::{Read, Rules};
use crate::ui::error::Failure;
use crate::units::{self, Pair};

/// Overrides the profile for writes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Encryption")]
pub(crate) struct Sealing {
    /// Suite to write: sealed, or aes-ctr for readers that have only an official SDK [default: the profile's, then sealed]
    #[arg(long, value_name = "SUITE", value_parser = clap::builder::PossibleValuesParser::new(Suite::ALL.map(Suite::name)).map(|name| Suite::from_name(&name).unwrap_or(Suite::Sealed)))]
    pub(crate) suite: Option<Suite>,
    /// A pair to bind to the content, not secret; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = units::pair)]
    pub(crate) context: Vec<Pair>,
    /// Location bound to the content: none, key or bucket-key [default: the profile's, then none]
    #[arg(long, value_name = "HOW", value_parser = clap::builder::PossibleValuesParser::new(Bind::ALL.map(Bind::name)).map(|name| Bind::from_name(&name).unwrap_or_default()))]
    pub(crate) bind: Option<Bind>,
    /// Key of the keyring to write with [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<String>,
}

/// Overrides the profile for reads.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Decryption")]
pub(crate) struct Opening {
    /// Read only objects that have this pair bound to their content; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = units::pair)]
    pub(crate) require_context: Vec<Pair>,
    /// Also read AES-CTR objects, which are not authenticated
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,
    /// Also read objects that are not encrypted
    #[arg(long)]
    pub(crate) allow_plaintext: bool,
    /// Also read or copy objects that are bound to another bucket or key
    #[arg(long)]
    pub(crate) allow_moved: bool,
}

impl Sealing {
    /// Whether any of these options is given.
    pub(crate) fn is_given(&self) -> bool {
        self.suite.is_some() || !self.context.is_empty() || self.bind.is_some() || self.key.is_some()
    }

    /// The rules with these options applied. Pairs are added to the profile's.
    pub(crate) fn over(&self, rules: &Rules) -> Result<Rules, Failure> {
        let mut rules = rules.clone();
        rules.suite = self.suite.or(rules.suite);
        rules.bind = self.bind.or(rules.bind);
        if !self.context.is_empty() {
            add(rules.context.get_or_insert_default(), &self.context)?;
        }
        Ok(rules)
    }
}

impl Opening {
    /// Whether any of these options is given.
    pub(crate) fn is_given(&self) -> bool {
        !self.require_context.is_empty()
            || self.allow_unauthenticated
            || self.allow_plaintext
            || self.allow_moved
    }

    /// The rules with these options applied. Pairs are added to the profile's required pairs.
    pub(crate) fn over(&self, rules: &Rules) -> Result<Rules, Failure> {
        let mut rules = rules.clone();
        let allowed = match (self.allow_plaintext, self.allow_unauthenticated) {
            (true, _) => Read::Plaintext,
            (false, true) => Read::AesCtr,
            (false, false) => Read::Sealed,
        };
        rules.read = Some(rules.read().max(allowed));
        if !self.require_context.is_empty() {
            add(rules.require_context.get_or_insert_default(), &self.require_context)?;
        }
        Ok(rules)
    }
}

fn add(pairs: &mut std::collections::BTreeMap<String, String>, added: &[Pair]) -> Result<(), Failure> {
    for (name, value) in added {
        match pairs.insert(name.clone(), value.clone()) {
            Some(former) if former != *value => {
                return Err(Failure::usage(format!(
                    "the context pair {name:?} is given twice, with two values"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}
