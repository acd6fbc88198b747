//! A network between the client's sockets and the server's that counts bytes and cuts connections.
//!
//! Every connection carries one request: the server is told to close it after its reply. So the places in a stream are those of one message.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use osseal::transport::Https;
use osseal::{Endpoint, RetryPolicy, Store};
use osseal_server::fault::{Action, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{World, credentials};

/// Which of the two messages of a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Reply,
}

/// How many bytes of a message pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// From its beginning.
    Byte(u64),
    /// From the end of its head; less than none is within the head.
    Body(i64),
    /// All but so many.
    ButLast(u64),
    /// So many millionths of them.
    Millionths(u64),
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The stream ends, as it does when a program closes its socket.
    Fin,
    /// The connection is reset, as by a program that has crashed.
    Rst,
    /// Nothing more passes, and nothing says so.
    Hang,
}

/// Whether a request line is of the requests that are meant.
pub(crate) type IsMeant = fn(&str) -> bool;

/// A cut, and the connections that it is made in: those of the requests that are meant, but for the first `skip`, and `times` of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) of: IsMeant,
    pub(crate) skip: u64,
    pub(crate) times: u64,
    pub(crate) side: Side,
    pub(crate) place: Place,
    pub(crate) how: How,
}

/// The network. Dropped, it is gone with all its connections.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    made: AtomicUsize,
    open: AtomicUsize,
}

/// Counts a connection while it is there.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wire {
    /// A network in front of a world's server.
    pub(crate) async fn to(world: &World) -> Wire {
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
                    // An error is the end of the connection, on either side.
                    drop(carry(&open.0, client, server).await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Wire { address, shared, _tasks: tasks }
    }

    /// A store at the other end, with so many attempts of each call.
    pub(crate) fn store(&self, https: &Https, attempts: u32) -> Store {
        let endpoint = Endpoint::parse(&format!("http://{}", self.address)).unwrap();
        let quick = std::time::Duration::from_millis(1);
        Store::builder(endpoint, "cn-hangzhou")
            .credentials(credentials())
            .transport(Arc::new(https.clone()))
            .retry(RetryPolicy { attempts, base: quick, ..RetryPolicy::default() })
            .build()
            .unwrap()
    }

    pub(crate) fn cut(&self, cut: Cut) {
        *self.shared.cut.lock().unwrap() = Some(cut);
    }

    /// No more cuts.
    pub(crate) fn heal(&self) {
        *self.shared.cut.lock().unwrap() = None;
    }

    /// How many cuts have been made.
    pub(crate) fn made(&self) -> usize {
        self.shared.made.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

async fn local() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Carries one request and its reply.
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
                message.pass(from, to, message.bytes_to(cut.place)).await?;
                shared.made.fetch_add(1, Ordering::SeqCst);
                return end(cut.how, client, server).await;
            }
            None => message.pass(from, to, message.length()).await?,
        }
    }
    end(How::Fin, client, server).await
}

async fn end(how: How, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    match how {
        How::Fin => {
            // A socket that is closed with bytes in it that nobody has read is reset.
            tokio::try_join!(client.shutdown(), server.shutdown())?;
            tokio::try_join!(drain(&mut client), drain(&mut server)).map(drop)
        }
        How::Rst => {
            client.set_zero_linger()?;
            server.set_zero_linger()
        }
        How::Hang => drain(&mut client).await,
    }
}

/// Waits until the other side has closed.
async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}

impl Shared {
    /// The cut of a connection whose request begins with this line.
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

/// A request or reply: what has been read of it, and how long it is.
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

    fn bytes_to(&self, place: Place) -> u64 {
        match place {
            Place::Byte(at) => at,
            Place::Body(at) => (self.head as u64).checked_add_signed(at).unwrap(),
            Place::ButLast(bytes) => self.length() - bytes,
            Place::Millionths(share) => self.length() * share / 1_000_000,
        }
        .min(self.length())
    }

    /// Passes this many bytes on.
    async fn pass(&mut self, from: &mut TcpStream, to: &mut TcpStream, bytes: u64) -> std::io::Result<()> {
        let ready = usize::try_from(bytes).unwrap().min(self.read.len());
        to.write_all(&self.read[..ready]).await?;
        let rest = bytes - ready as u64;
        tokio::io::copy(&mut from.take(rest), to).await.map(drop)
    }
}
