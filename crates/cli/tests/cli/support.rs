//! A home of its own for every test, the command in it, and stores to point it at.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use osseal::Credentials;
use osseal_server::backend::memory::Memory;
use osseal_server::fault::Faults;
use osseal_server::ledger::Ledger;
use osseal_server::quirks::{Etag, Quirks};
use osseal_server::{Service, ServiceBuilder};

use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A wait that takes longer than this fails the test. Far above the longest run on a busy machine.
const DEADLINE: Duration = Duration::from_secs(100);
/// The access key ID of this test process. A request of another process is refused: its server does not
/// know this ID.
pub(crate) static ID: LazyLock<String> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("test-id-{}-{}", std::process::id(), since.as_nanos())
});
pub(crate) const SECRET: &str = "hunter2-must-never-be-printed";
/// Temporary credentials that stores also take; their secret is the same.
pub(crate) const TEMPORARY: &str = "STS.test-temporary";
pub(crate) const TOKEN: &str = "hunter2-must-never-be-printed-token";

/// A folder that is home and working directory, and the environment of the command.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A home for large files, which do not reach a disk where the system has memory for them.
    pub(crate) fn large() -> Home {
        let memory = Path::new("/dev/shm");
        if !memory.is_dir() {
            return Home::new();
        }
        Home { folder: tempfile::tempdir_in(memory).unwrap(), variables: Vec::new() }
    }

    /// A home whose profile leads to a store, with an AES key called `backup`.
    pub(crate) fn with_store(endpoint: &str) -> Home {
        Home::new().at_store(endpoint)
    }

    /// Like [`Home::with_store`], for an existing home.
    pub(crate) fn at_store(self, endpoint: &str) -> Home {
        let home = self
            .set("OSS_ACCESS_KEY_ID", &ID)
            .set("OSS_ACCESS_KEY_SECRET", SECRET)
            .set("OSS_ENDPOINT", endpoint);
        home.run(&["keys", "new", "aes", "backup.key"]).ok();
        home.write("osseal.toml", "[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"backup\"]\n\n[key.backup]\nkind = \"aes\"\nfile = \"backup.key\"\ndescription = { purpose = \"backup\" }\n");
        home
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Home {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a file that its owner alone can use.
    pub(crate) fn write_secret(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, content);
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// Whether a file holds these bytes; it is not read as a whole.
    pub(crate) fn holds(&self, name: &str, content: &[u8]) -> bool {
        let mut file = std::fs::File::open(self.path().join(name)).unwrap();
        let mut buffer = vec![0; 1 << 20];
        file.metadata().unwrap().len() == content.len() as u64
            && content.chunks(buffer.len()).all(|piece| {
                let buffer = &mut buffer[..piece.len()];
                file.read_exact(buffer).unwrap();
                buffer == piece
            })
    }

    /// Names of the entries of a folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osseal"));
        command.args(arguments).current_dir(self.path()).env_clear().env("HOME", self.path());
        // Disables the metadata service, in case the tests run on a cloud instance.
        command.env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ended {
        finish(self.command(arguments).spawn().unwrap())
    }

    /// Runs it with something on standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_vec());
        // A command that refuses its arguments does not read.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let ended = finish(child);
        writer.join().unwrap();
        ended
    }

    /// Runs it against an embedded store in the folder `store`.
    pub(crate) fn local(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["--local=store"], arguments].concat())
    }
}

impl Ended {
    /// Asserts success and returns stdout.
    #[track_caller]
    pub(crate) fn ok(self) -> Vec<u8> {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.ok()).unwrap()
    }

    /// Asserts a failure with this code that says all of these words.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
        self.stderr
    }

    /// Invariants of every run.
    #[track_caller]
    fn check(self) -> Ended {
        let stdout = String::from_utf8_lossy(&self.stdout);
        for text in [stdout.as_ref(), &self.stderr] {
            assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{self:?}");
            assert!(!text.contains(SECRET), "a secret was printed: {self:?}");
        }
        assert!((0..=7).contains(&self.code), "{self:?}");
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(self.stderr.chars().all(is_plain), "{self:?}");
        self
    }
}

/// Waits until a command ends; panics after [`DEADLINE`].
#[track_caller]
pub(crate) fn finish(mut child: Child) -> Ended {
    let stdout = child.stdout.take().map(|pipe| std::thread::spawn(move || drain(pipe)));
    let stderr = child.stderr.take().map(|pipe| std::thread::spawn(move || drain(pipe)));
    let status = until("the command has ended", || child.try_wait().unwrap());
    let collect = |thread: Option<std::thread::JoinHandle<Vec<u8>>>| {
        thread.map(|thread| thread.join().unwrap()).unwrap_or_default()
    };
    let (stdout, stderr) = (collect(stdout), String::from_utf8(collect(stderr)).unwrap());
    let code = status.code().unwrap_or_else(|| panic!("ended by {status}: {stderr}"));
    Ended { code, stdout, stderr }.check()
}

fn drain(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Polls until there is an answer; panics after [`DEADLINE`].
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited for {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal, such as `INT`, to a process of ours.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

/// A store on a socket, in this process: faults on order, and a door at the back that asks for no signature.
pub(crate) struct Store {
    pub(crate) endpoint: String,
    pub(crate) faults: Faults,
    /// Everything that it ever received, of a store that is watched.
    pub(crate) ledger: Ledger,
    back: Service,
    runtime: Runtime,
}

impl Store {
    /// A store with the bucket `box`.
    pub(crate) fn new() -> Store {
        Store::with(|builder, _| builder)
    }

    /// The same without MD5, which would take longer than everything else; with a ledger if it is watched.
    pub(crate) fn for_large(is_watched: bool) -> Store {
        let mut quirks = Quirks::default();
        quirks.etag = Etag::Crc64;
        Store::with(|builder, ledger| {
            let builder = builder.quirks(quirks);
            if is_watched { builder.ledger(ledger.clone()) } else { builder }
        })
    }

    fn with(more: impl FnOnce(ServiceBuilder, &Ledger) -> ServiceBuilder) -> Store {
        let (memory, faults, ledger) = (Arc::new(Memory::new()), Faults::new(), Ledger::new());
        let front = Service::builder()
            .backend(memory.clone())
            .credentials(vec![
                Credentials::new(ID.as_str(), SECRET.to_owned()),
                Credentials::new(TEMPORARY, SECRET.to_owned()).with_token(TOKEN.to_owned()),
            ])
            .faults(faults.clone());
        let front = more(front, &ledger).build();
        let back = Service::builder().backend(memory).anonymous().build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(osseal_server::serve(listener, front, std::future::pending()));
        let store = Store { endpoint, faults, ledger, back, runtime };
        store.put("", &[], "");
        store
    }

    /// Puts something in at the back: an object, or the bucket when the key is empty.
    pub(crate) fn put(&self, key: &str, headers: &[(&str, &str)], body: &str) {
        let mut request = http::Request::put(format!("/box/{key}")).header("host", "localhost");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(osseal_server::body::full(body.to_owned())).unwrap();
        let reply = self.runtime.block_on(self.back.call(request)).unwrap();
        assert!(reply.status().is_success(), "{}", reply.status());
    }

    /// Changes the metadata of an object at the back.
    pub(crate) fn edit(&self, key: &str, mut change: impl FnMut(&str, &str) -> String) {
        let request = http::Request::get(format!("/box/{key}")).header("host", "localhost");
        let request = request.body(osseal_server::body::empty()).unwrap();
        let (head, body) = self.runtime.block_on(self.back.call(request)).unwrap().into_parts();
        let body = self.runtime.block_on(body.collect()).unwrap().to_bytes();
        let mut request = http::Request::put(format!("/box/{key}")).header("host", "localhost");
        request = request.header("content-length", body.len());
        for (name, value) in head.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-oss-meta-"))
        {
            request = request.header(name, change(name.as_str(), value.to_str().unwrap()));
        }
        let request = request.body(osseal_server::body::full(body)).unwrap();
        let reply = self.runtime.block_on(self.back.call(request)).unwrap();
        assert!(reply.status().is_success(), "{}", reply.status());
    }

    /// Removes the bucket at the back; `true` says that neither objects nor unfinished uploads were in it.
    pub(crate) fn was_empty(&self) -> bool {
        let request = http::Request::delete("/box").header("host", "localhost");
        let request = request.body(osseal_server::body::empty()).unwrap();
        self.runtime.block_on(self.back.call(request)).unwrap().status().is_success()
    }
}

/// See [`osseal_testkit::ramp`].
pub(crate) fn ramp(len: usize) -> Vec<u8> {
    osseal_testkit::ramp(len as u64)
}

/// A program on a terminal of its own: answers what ends in a colon once nothing is echoed, and passes on what it showed and its exit code.
const TERMINAL: &str = r#"
import os, pty, sys, termios, time
answers, command = sys.argv[1].split(","), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown, last = b"", b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    shown, last = shown + got, last + got
    if answers and last.endswith(b": "):
        while termios.tcgetattr(fd)[3] & termios.ECHO:
            time.sleep(0.005)
        os.write(fd, answers.pop(0).encode() + b"\n")
        last = b""
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Runs the command on a terminal, where somebody types these answers, separated by commas.
pub(crate) fn on_a_terminal(home: &Home, answers: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, answers, "/usr/bin/env", "-i"]);
    command.arg(format!("HOME={}", home.path().display())).arg(env!("CARGO_BIN_EXE_osseal")).args(arguments);
    command.current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}
