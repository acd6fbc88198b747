//! Compares the command reference in docs/ with the output of the command.

use std::path::Path;

use crate::support::Home;

const REGENERATE: &str = "cargo run -p osseal-cli -- reference > docs/reference/commands.md";

#[test]
fn command_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.md");
    let printed = Home::new().run(&["reference"]).text();
    let stored = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    let differing = printed.lines().zip(stored.lines()).find(|(printed, stored)| printed != stored);
    assert!(printed == stored, "docs/reference/commands.md differs: {differing:?}; run: {REGENERATE}");
}

#[test]
fn reference_names_every_command_and_exit_code() {
    let printed = Home::new().run(&["reference"]).text();
    for heading in
        ["osseal cp", "osseal sync", "osseal keys new", "osseal uploads abort", "osseal config init"]
    {
        assert!(printed.contains(&format!("\n## {heading}\n")), "{heading}");
    }
    for part in ["--local[=<DIR>]", "`--json`", "`OSSEAL_CONFIG`", "\n  7  "] {
        assert!(printed.contains(part), "{part}");
    }
    assert!(!printed.contains("--access-key-secret"), "hidden options stay hidden");
}
