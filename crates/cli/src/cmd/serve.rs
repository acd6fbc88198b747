//! `serve`: the development server on a socket, and beside it the key service on another.

use std::net::SocketAddr;
use std::path::Path;

use futures_util::FutureExt;
use osseal::Credentials;
use osseal_server::Service;
use osseal_server::kms::KmsService;
use osseal_server::quirks::{Etag, Quirks};
use tokio::net::TcpListener;

use crate::args::{EtagKind, Serve};
use crate::client::embedded;
use crate::client::session::Context;
use crate::environment;
use crate::signals::Signals;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;

/// Random bytes of a made-up secret.
const SECRET_BYTES: usize = 20;
/// The key that is always there.
const ALIAS: &str = "alias/osseal";

pub(crate) async fn run(context: &Context, args: Serve) -> Result<(), Failure> {
    if context.local()?.is_some() {
        return Err(Failure::usage("serve has no --local").hint("serve --dir DIR keeps objects in a folder"));
    }
    let region = environment::text(environment::REGION)?.unwrap_or_else(|| embedded::REGION.to_owned());
    let credentials = match environment::credentials()? {
        Some(credentials) => credentials,
        None => made_up()?,
    };
    let mut quirks = Quirks::default();
    quirks.etag = match args.etag {
        EtagKind::Md5 => Etag::Md5,
        EtagKind::Crc64 => Etag::Crc64,
    };
    let mut builder =
        Service::builder().credentials(vec![credentials.clone()]).region(region.clone()).quirks(quirks);
    if args.discard {
        builder = builder.discard();
    }
    if let Some(folder) = &args.dir {
        builder = builder.disk(folder).map_err(|error| {
            Failure::new(Exit::Local, format!("cannot open the store in {}", folder.display()))
                .caused_by(&error)
                .hint("one process uses a folder at a time; name another with --dir")
        })?;
    }
    // Signals are caught before the address is printed: a client may send one right after.
    let mut signals = Signals::catch()?;
    let listener = Listener::bind(&args.listen).await?;
    let keys = match &args.kms_listen {
        Some(address) => {
            let service = key_service(credentials, region, args.dir.as_deref())?;
            Some((Listener::bind(address).await?, service))
        }
        None => None,
    };
    listener.announce("")?;
    if let Some((listener, _)) = &keys {
        listener.announce("kms ")?;
    }
    let ended = async move { signals.next().await }.boxed().shared();
    let store = osseal_server::serve(listener.socket, builder.build(), ended.clone());
    let key_service = async {
        match keys {
            Some((listener, service)) => osseal_server::kms::serve(listener.socket, service, ended).await,
            None => Ok(()),
        }
    };
    let stopped = |error| Failure::local("the server stopped", error);
    tokio::try_join!(store, key_service).map(drop).map_err(stopped)
}

/// A key service with a key under [`ALIAS`]; its keys are beside the objects, or in memory as they are.
fn key_service(
    credentials: Credentials,
    region: String,
    folder: Option<&Path>,
) -> Result<KmsService, Failure> {
    let mut builder = KmsService::builder().credentials(vec![credentials]).region(region);
    if let Some(folder) = folder {
        builder = embedded::with_keys(builder, folder)?;
    }
    let service = builder.build();
    let failed = |error| Failure::local("the keys of the key service cannot be kept", error);
    service.key_of_alias(ALIAS).map_err(failed)?;
    Ok(service)
}

fn made_up() -> Result<Credentials, Failure> {
    let mut secret = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut secret)
        .map_err(|_| Failure::new(Exit::Local, "the system gives no random bytes"))?;
    let (id, secret) = ("osseal-serve", data_encoding::HEXLOWER.encode(&secret));
    // Printed even with --quiet: clients cannot connect without them.
    drop(std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("export OSS_ACCESS_KEY_ID={id} OSS_ACCESS_KEY_SECRET={secret}\n"),
    ));
    Ok(Credentials::new(id, secret))
}

/// A socket with its address.
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    async fn bind(address: &str) -> Result<Listener, Failure> {
        let is_address = address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !is_address {
            return Err(Failure::usage(format!("{address:?} is no address to listen on"))
                .hint("an address is written HOST:PORT, such as 127.0.0.1:9000; port 0 takes a free one"));
        }
        let socket = TcpListener::bind(address).await.map_err(|error| {
            Failure::local(format!("cannot listen on {address}"), error).hint("port 0 takes a free one")
        })?;
        let address = socket
            .local_addr()
            .map_err(|error| Failure::local("the address of the socket is not known", error))?;
        Ok(Listener { socket, address })
    }

    /// Says that it is ready.
    fn announce(&self, what: &str) -> Result<(), Failure> {
        let address = self.address;
        if !address.ip().is_loopback() {
            Output::warn(format_args!("other machines can reach {address}, without TLS"));
        }
        Output::line(format_args!("{what}listening on http://{address}"))
    }
}
