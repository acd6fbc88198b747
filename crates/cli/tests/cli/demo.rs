//! The demo on files of every awkward size.

use crate::support::{Home, ramp};

#[test]
fn it_shows_the_store_and_compares() {
    let home = Home::new();
    for (name, size) in [("empty", 0), ("one", 1), ("mib", 1 << 20), ("名 字%.txt", 100)] {
        home.write(name, ramp(size));
        let text = home.run(&["demo", name]).text();
        assert_eq!(
            text.lines().last(),
            Some("all bytes are the file's, and no change went unnoticed"),
            "{text}"
        );
        assert_eq!(text.matches("    refused: ").count(), 4, "{text}");
        assert!(text.contains("x-oss-meta-client-side-encryption-key"), "{text}");
        assert!(
            text.contains("AES/GCM/C2SP-Chunked-v1") && text.contains("{\"purpose\":\"demo\"}"),
            "{text}"
        );
        if size >= 16 {
            // The file's bytes stand beside the store's, and only there.
            assert_eq!(text.matches("00 01 02 03 04 05").count(), 1, "{text}");
        }
        if size > 0 {
            assert!(text.contains("read back by range: ") && text.contains("read back the end: "), "{text}");
        }
    }
    assert_eq!(home.names("."), ["empty", "mib", "one", "名 字%.txt"], "nothing is left behind");
}

#[test]
fn it_needs_no_file() {
    let home = Home::new();
    let text = home.run(&["demo"]).text();
    assert!(text.contains("CPU seconds per GB") && text.ends_with("no change went unnoticed\n"), "{text}");
}

#[test]
fn it_refuses_what_is_no_file() {
    let home = Home::new();
    home.run(&["demo", "."]).fails(2, &["not a regular file"]);
    home.run(&["demo", "missing"]).fails(1, &["missing"]);
}
