//! `serve`: readiness, shutdown and durability.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use crate::support::{Home, ID, SECRET, finish, ramp, signal};

/// A server that is ready.
pub(crate) struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    pub(crate) endpoint: String,
}

impl Server {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Server {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = home.command(&arguments).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let endpoint = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let endpoint = endpoint.trim_end().to_owned();
        Server { child, out, endpoint }
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the server and returns its log.
    pub(crate) fn log(self) -> String {
        signal(&self.child, "TERM");
        finish(self.child).stderr
    }

    /// The rest of standard output, which is empty, and the end.
    fn end(mut self) -> i32 {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        finish(self.child).code
    }
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_when_asked() {
    let home = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    for name in ["TERM", "INT"] {
        let server = Server::start(&home, &[]);
        assert!(server.endpoint.starts_with("http://127.0.0.1:") && !server.endpoint.ends_with(":0"));
        signal(&server.child, name);
        assert_eq!(server.end(), 0, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn acknowledged_objects_survive_a_kill() {
    let store = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let server = Server::start(&store, &["--dir", "data"]);
    let home = Home::with_store(&server.endpoint);
    let plain = ramp(200_000);
    home.write("f", &plain);
    home.run(&["mb", "oss://box"]).ok();
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let parts = ["--part-size", "100KiB", "--multipart-threshold", "100KiB"];
    home.run(&[&["cp", "f", "oss://box/parts"], &parts[..]].concat()).ok();

    let second = store.run(&["serve", "--listen", "127.0.0.1:0", "--dir", "data"]);
    second.fails(1, &["data", "one process uses a folder at a time"]);

    let mut server = server;
    server.kill();
    home.run(&["cat", "--endpoint", &server.endpoint, "oss://box/f"]).fails(7, &["oss://box/f"]);

    let server = Server::start(&store, &["--dir", "data"]);
    for key in ["oss://box/f", "oss://box/parts"] {
        assert_eq!(home.run(&["cat", "--endpoint", &server.endpoint, key]).ok(), plain, "{key}");
    }
    signal(&server.child, "TERM");
    assert_eq!(server.end(), 0);
}

#[cfg(unix)]
#[test]
fn credentials_are_made_up_and_asked_for() {
    let store = Home::new();
    let mut server = Server::start(&store, &[]);
    let mut line = String::new();
    BufReader::new(server.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let value = |name: &str| {
        let words = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        words.unwrap_or_else(|| panic!("{line:?}")).to_owned()
    };
    let (id, secret) = (value("OSS_ACCESS_KEY_ID"), value("OSS_ACCESS_KEY_SECRET"));
    let ask = |secret: &str| {
        let home = Home::new().set("OSS_ACCESS_KEY_ID", &id).set("OSS_ACCESS_KEY_SECRET", secret);
        home.run(&["ls", "--endpoint", &server.endpoint, "--region", "cn-hangzhou"])
    };
    ask(&secret).ok();
    ask("wrong").fails(4, &["check the access key secret"]);
    signal(&server.child, "TERM");
    assert_eq!(server.end(), 0);
}

#[cfg(unix)]
#[test]
fn the_key_service_listens_when_asked_and_keeps_its_keys_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let file = home.path().join("data/kms-keys");
    let mut kept = None;
    for _ in 0..2 {
        let mut server = Server::start(&home, &["--dir", "data", "--kms-listen", "127.0.0.1:0"]);
        let mut line = String::new();
        server.out.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("kms listening on http://").unwrap();
        // Somebody is there and asks for a signature.
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let request = "POST /?Action=ListAliases&Version=2016-01-20 HTTP/1.1\r\nhost: kms\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        assert!(reply.contains("\"Code\":\"IncompleteSignature\""), "{reply}");
        signal(&server.child, "TERM");
        assert_eq!(server.end(), 0);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let keys = std::fs::read(&file).unwrap();
        assert_eq!(*kept.get_or_insert(keys.clone()), keys, "the second run takes the keys of the first");
    }
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    home.run(&["serve", "--listen", "127.0.0.1:0", "--dir", "data", "--kms-listen", "127.0.0.1:0"])
        .fails(2, &["data/kms-keys", "mode 0644", "chmod 600"]);
}

#[test]
fn addresses_that_are_none_are_refused() {
    let home = Home::new();
    for address in ["", "9000", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:-1", ":9000", "127.0.0.1:x"] {
        home.run(&["serve", "--listen", address]).fails(2, &["HOST:PORT"]);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.run(&["serve", "--listen", &address]).fails(1, &[&address]);
    home.run(&["--local", "serve"]).fails(2, &["--dir"]);
}

#[cfg(unix)]
#[test]
fn a_store_for_measurements_counts_and_forgets() {
    let store = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let server = Server::start(&store, &["--discard", "--etag", "crc64"]);
    let home = Home::with_store(&server.endpoint);
    home.write("f", ramp(200_000));
    home.run(&["mb", "oss://box"]).ok();
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let stat = String::from_utf8(home.run(&["stat", "--json", "oss://box/f"]).ok()).unwrap();
    assert!(stat.contains("\"size\":200000"), "{stat}");
    assert!(stat.contains("\\\"0000000000030E10"), "an ETag of length and CRC64: {stat}");
    home.run(&["cat", "oss://box/f"]).fails(4, &["ContentDiscarded", "keeps none"]);
    signal(&server.child, "TERM");
    assert_eq!(server.end(), 0);
    store.run(&["serve", "--listen", "127.0.0.1:0", "--discard", "--dir", "data"]).fails(2, &["--dir"]);
    store.run(&["serve", "--listen", "127.0.0.1:0", "--etag", "sha1"]).fails(2, &["sha1"]);
}
