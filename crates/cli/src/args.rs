//! Command-line arguments and their validation.

mod copy;
mod limits;
mod objects;
mod passphrase;
mod refusal;
mod sealing;
mod signer;
mod sync;
mod transfer;
mod uploads;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::ui::error;

pub(crate) use copy::Copy;
pub(crate) use limits::Limits;
pub(crate) use objects::{Cat, List, Presign, Remove, SetMeta, Stat, Verify};
pub(crate) use passphrase::PassphraseFrom;
pub(crate) use refusal::parse;
pub(crate) use sealing::{Opening, Sealing};
pub(crate) use signer::{Signer, Signing};
pub(crate) use sync::Sync;
pub(crate) use transfer::Tuning;
pub(crate) use uploads::{AbortUploads, ListUploads, Uploads};

/// Client-side encryption for Alibaba Cloud OSS.
///
/// Objects are encrypted before they leave and decrypted after they arrive; the store sees neither plaintext nor keys.
#[derive(Debug, Parser)]
#[command(name = "osseal", version, after_help = error::TABLE, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of all commands. A flag goes before the environment, the environment before the file.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Configuration file [default: $OSSEAL_CONFIG, osseal.toml, the user's osseal/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile of the configuration [default: $OSSEAL_PROFILE, then "default"]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Host of the service [default: $OSS_ENDPOINT, then the profile's, then the region's]
    #[arg(long, short, global = true, value_name = "HOST")]
    pub(crate) endpoint: Option<String>,
    /// Region that requests are signed for [default: $OSS_REGION, then the profile's, then the one in the endpoint's name]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Use an embedded store in a folder, with a key of its own [default: the user's osseal/local]
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true,
          conflicts_with_all = ["config", "profile", "endpoint", "region", "path_style", "cname", "id", "bandwidth"])]
    #[expect(clippy::option_option, reason = "absent, without a value and with one are three things")]
    pub(crate) local: Option<Option<PathBuf>>,
    /// Name buckets in the path of requests, not in the host
    #[arg(long, global = true, conflicts_with = "cname")]
    pub(crate) path_style: bool,
    /// The endpoint is a custom domain (CNAME) of one bucket
    #[arg(long, global = true)]
    pub(crate) cname: bool,
    /// Allow requests without TLS to other machines
    #[arg(long, global = true)]
    pub(crate) allow_plain_http: bool,
    #[command(flatten)]
    pub(crate) signer: Signer,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

/// Output options.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Printing {
    /// Print data and reports as JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no reports, notes or progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log operations (-v), also requests, retries and KMS calls (-vv), or everything (-vvv) [default: $OSSEAL_LOG, then warnings]
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Format of logs on standard error
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) color: Color,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy a file into the store, an object out of it, or an object inside a bucket
    Cp(Box<Copy>),
    /// Copy differences so that a prefix mirrors a folder, or a folder mirrors a prefix
    Sync(Box<Sync>),
    /// Write an object, or a range of it, to standard output
    Cat(Cat),
    /// List buckets, or the objects of a bucket
    Ls(List),
    /// Show size, suite, key and metadata of an object
    Stat(Stat),
    /// Delete objects
    Rm(Remove),
    /// List and abort unfinished uploads
    #[command(subcommand)]
    Uploads(Uploads),
    /// Change the headers and metadata of an object, on the service's side
    SetMeta(SetMeta),
    /// Print a URL that gives access to the stored ciphertext of an object
    Presign(Presign),
    /// Create a bucket
    Mb {
        /// The bucket, oss://bucket
        bucket: OsString,
    },
    /// Remove an empty bucket
    Rb {
        /// The bucket, oss://bucket
        bucket: OsString,
    },
    /// Create, list and check wrapping keys
    #[command(subcommand)]
    Keys(Keys),
    /// Show the effective configuration, or create a configuration file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Serve an OSS-compatible development store over HTTP
    Serve(Serve),
    /// Encrypt a file into an embedded store, show the stored bytes, read it back and compare
    Demo {
        /// The file [default: a generated text]
        file: Option<PathBuf>,
    },
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them
    Man(Man),
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Reference,
    /// Test a service against its documentation, in a scratch bucket
    #[command(hide = true)]
    Conformance(Conformance),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The command that the page is about, such as cp or keys new [default: osseal itself]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create a key file (mode 0600, with its folder), or with --local a key in the embedded key service; never overwrites a file
    New(NewKey),
    /// List the keys of the configuration
    List,
    /// Wrap and unwrap with every key of the profile's keyring
    Check,
    /// Print the public half of an RSA key
    Public {
        /// Name of a key in the configuration, or a key file
        key: OsString,
        /// Read a private key file that others can read, too
        #[arg(long)]
        allow_shared: bool,
        #[command(flatten)]
        passphrase: PassphraseFrom,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewKey {
    /// Kind of key
    pub(crate) kind: KeyKind,
    /// The file; an RSA key's public half goes into a second one beside it
    #[arg(required_if_eq_any = [("kind", "rsa"), ("kind", "aes")])]
    pub(crate) file: Option<PathBuf>,
    /// Bits of the modulus of an RSA key [default: 3072]
    #[arg(long, value_parser = ["2048", "3072", "4096", "8192"])]
    pub(crate) bits: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseFrom,
    /// Ask for a passphrase of the key file on the terminal
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_env"])]
    pub(crate) passphrase_prompt: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show endpoint, region, keys and credentials with the source of each setting
    Show,
    /// Write a configuration template to --config or the user's configuration folder; never overwrites a file
    Init,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    Rsa,
    Aes,
    /// With --local: a key that never leaves its key service
    Kms,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    pub(crate) listen: String,
    /// Keep objects in this folder [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Count objects instead of keeping them; reading one is refused
    #[arg(long, conflicts_with = "dir", hide_short_help = true)]
    pub(crate) discard: bool,
    /// Algorithm of ETags
    #[arg(long, value_name = "KIND", default_value = "md5", hide_short_help = true)]
    pub(crate) etag: EtagKind,
    /// Serve a key service, too, on this address; its keys are not for anything of value
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) kms_listen: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EtagKind {
    /// MD5, as the service does
    Md5,
    /// Length and CRC64, which cost next to nothing
    Crc64,
}

/// Endpoint, region, credentials and bucket come from the environment alone: OSS_ENDPOINT, OSS_REGION, OSS_ACCESS_KEY_ID,
/// OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN and OSSEAL_SCRATCH_BUCKET.
#[derive(Debug, clap::Args)]
pub(crate) struct Conformance {
    /// Make buckets too, and remove them
    #[arg(long)]
    pub(crate) make_buckets: bool,
    /// List the cases and ask nothing
    #[arg(long)]
    pub(crate) list: bool,
}

impl Command {
    /// The hint for an interrupted command.
    pub(crate) fn interruption_hint(&self) -> Option<&'static str> {
        match self {
            Command::Sync(_) => Some("run the same command again to transfer the rest"),
            Command::Cp(args) if args.recursive => {
                Some("run the same command with --update to transfer the rest")
            }
            _ => None,
        }
    }

    /// Whether the command handles Ctrl-C itself.
    pub(crate) fn handles_signals(&self) -> bool {
        matches!(self, Command::Serve(_) | Command::Conformance(_))
    }
}

/// The command as a whole, for completions and the manual.
pub(crate) fn command() -> clap::Command {
    Args::command()
}

impl Color {
    fn apply(self) {
        let choice = match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_consistent() {
        super::command().debug_assert();
    }
}
