//! A TCP proxy between client and server that cuts connections at a chosen byte.
//!
//! Every connection carries one request: the server closes it after the reply. A position in the
//! stream is therefore a position in one message.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use osseal::transport::Https;
use osseal::{Credentials, Endpoint, RetryPolicy, Store};
use osseal_server::fault::{Action, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::TestStore;

/// The message of a connection that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request.
    Request,
    /// The reply.
    Reply,
}

/// The number of bytes of a message that pass before the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPoint {
    /// This many bytes, head included.
    Byte(u64),
    /// This many bytes after the head. Negative values lie in the head.
    Body(i64),
    /// All but this many bytes.
    ButLast(u64),
    /// This many millionths of the message.
    Millionths(u64),
}

/// The kind of cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutKind {
    /// The stream ends, as if the peer closed its socket.
    Fin,
    /// The connection is reset, as if the peer crashed.
    Rst,
    /// The connection stays open and no more bytes pass.
    Hang,
}

/// Selects requests by their request line.
pub type RequestFilter = fn(&str) -> bool;

/// A cut and the requests to which it applies: of those that `of` selects, the first `skip` pass
/// and the next `times` are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The requests to which the cut applies.
    pub of: RequestFilter,
    /// Selected requests that pass first.
    pub skip: u64,
    /// Requests that are cut then.
    pub times: u64,
    /// The message that is cut.
    pub side: Side,
    /// The bytes that pass.
    pub point: CutPoint,
    /// The kind of cut.
    pub kind: CutKind,
}

/// The proxy and its server. Dropping it closes all connections.
pub struct FaultyNetwork {
    address: SocketAddr,
    credentials: Credentials,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    made: AtomicUsize,
    open: AtomicUsize,
}

/// Counts an open connection.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FaultyNetwork {
    /// A proxy in front of the server of a store.
    pub async fn to(world: &TestStore) -> FaultyNetwork {
        let close = Action::ReplyHeader { name: "connection", value: Some("close".into()) };
        world.faults.inject(Fault::new(close).always());
        let mut tasks = JoinSet::new();
        let (listener, service) = (local().await, world.service.clone());
        let server = listener.local_addr().unwrap();
        tasks.spawn(async move {
            osseal_server::serve(listener, service, std::future::pending()).await.unwrap();
        });
        let (listener, shared) = (local().await, Arc::<Shared>::default());
        let address = listener.local_addr().unwrap();
        let all = shared.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                all.open.fetch_add(1, Ordering::SeqCst);
                let open = Open(all.clone());
                connections.spawn(async move {
                    let server = TcpStream::connect(server).await.unwrap();
                    // An error on either side ends the connection.
                    drop(carry(&open.0, client, server).await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        FaultyNetwork { address, credentials: world.credentials.clone(), shared, _tasks: tasks }
    }

    /// A client behind the proxy that tries each call up to `attempts` times.
    pub fn store(&self, https: &Https, attempts: u32) -> Store {
        let endpoint = Endpoint::parse(&format!("http://{}", self.address)).unwrap();
        let quick = std::time::Duration::from_millis(1);
        Store::builder(endpoint, "cn-hangzhou")
            .credentials(self.credentials.clone())
            .transport(Arc::new(https.clone()))
            .retry(RetryPolicy { attempts, base: quick, ..RetryPolicy::default() })
            .build()
            .unwrap()
    }

    /// Schedules a cut; it replaces the one before.
    pub fn cut(&self, cut: Cut) {
        *self.shared.cut.lock().unwrap() = Some(cut);
    }

    /// Cancels the scheduled cut.
    pub fn heal(&self) {
        *self.shared.cut.lock().unwrap() = None;
    }

    /// The number of cuts made.
    pub fn made(&self) -> usize {
        self.shared.made.load(Ordering::SeqCst)
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

async fn local() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Forwards one request and its reply.
async fn carry(shared: &Shared, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let request = Message::begin(&mut client).await?;
    let cut = shared.meet(request.line());
    let of = |side| cut.filter(|cut| cut.side == side);
    for (side, message) in [(Side::Request, Some(request)), (Side::Reply, None)] {
        let (from, to) = match side {
            Side::Request => (&mut client, &mut server),
            Side::Reply => (&mut server, &mut client),
        };
        let mut message = match message {
            Some(message) => message,
            None => Message::begin(from).await?,
        };
        match of(side) {
            Some(cut) => {
                message.pass(from, to, message.bytes_to(cut.point)).await?;
                shared.made.fetch_add(1, Ordering::SeqCst);
                return end(cut.kind, client, server).await;
            }
            None => message.pass(from, to, message.length()).await?,
        }
    }
    end(CutKind::Fin, client, server).await
}

async fn end(kind: CutKind, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    match kind {
        CutKind::Fin => {
            // Closing a socket with unread bytes would send a reset.
            tokio::try_join!(client.shutdown(), server.shutdown())?;
            tokio::try_join!(drain(&mut client), drain(&mut server)).map(drop)
        }
        CutKind::Rst => {
            client.set_zero_linger()?;
            server.set_zero_linger()
        }
        CutKind::Hang => drain(&mut client).await,
    }
}

/// Waits until the other side has closed.
async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}

impl Shared {
    /// The cut for a request with this line.
    fn meet(&self, line: &str) -> Option<Cut> {
        let mut ordered = self.cut.lock().unwrap();
        let cut = ordered.as_mut().filter(|cut| (cut.of)(line))?;
        if cut.skip > 0 {
            cut.skip -= 1;
            return None;
        }
        cut.times = cut.times.checked_sub(1)?;
        Some(*cut)
    }
}

/// A request or reply: the bytes read so far, and its length.
struct Message {
    read: Vec<u8>,
    head: usize,
    body: u64,
}

impl Message {
    /// Reads until the head is complete.
    async fn begin(from: &mut TcpStream) -> std::io::Result<Message> {
        let mut read = Vec::with_capacity(8 << 10);
        let head = loop {
            if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            if from.read_buf(&mut read).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        };
        let lines = std::str::from_utf8(&read[..head]).unwrap().to_ascii_lowercase();
        let length = lines.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body = length.map_or(0, |length| length.parse().unwrap());
        Ok(Message { read, head, body })
    }

    fn line(&self) -> &str {
        std::str::from_utf8(&self.read[..self.head]).unwrap().lines().next().unwrap()
    }

    fn length(&self) -> u64 {
        self.head as u64 + self.body
    }

    fn bytes_to(&self, point: CutPoint) -> u64 {
        match point {
            CutPoint::Byte(at) => at,
            CutPoint::Body(at) => (self.head as u64).checked_add_signed(at).unwrap(),
            CutPoint::ButLast(bytes) => self.length() - bytes,
            CutPoint::Millionths(share) => self.length() * share / 1_000_000,
        }
        .min(self.length())
    }

    /// Forwards this many bytes.
    async fn pass(&mut self, from: &mut TcpStream, to: &mut TcpStream, bytes: u64) -> std::io::Result<()> {
        let ready = usize::try_from(bytes).unwrap().min(self.read.len());
        to.write_all(&self.read[..ready]).await?;
        let rest = bytes - ready as u64;
        tokio::io::copy(&mut from.take(rest), to).await.map(drop)
    }
}
