//! `reference`: Markdown for every command, generated from the definition of the arguments.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::args::command;
use crate::environment;
use crate::ui::error::{Failure, TABLE};
use crate::ui::output::Output;

pub(super) fn run() -> Result<(), Failure> {
    let mut root = command();
    // Gives every command its full name and the global options.
    root.build();
    Output::raw(reference(&root).as_bytes())
}

fn reference(root: &Command) -> String {
    let mut text = "# Command reference\n\n\
        This page is generated from the definition of the command line. Regenerate it with\n\
        `cargo run -p osseal-cli -- reference > docs/reference/commands.md`.\n"
        .to_owned();
    _ = write!(text, "\n{}\n", paragraphs(root));
    _ = write!(text, "\n## Global options\n\nEvery command takes these options.\n");
    table(&mut text, root.get_arguments().filter(|arg| arg.is_global_set()));
    _ = write!(text, "\n## Environment variables\n\n| Variable | Meaning |\n|---|---|\n");
    for (name, meaning) in environment::REFERENCE {
        _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    _ = write!(text, "\n## Exit codes\n\n```text\n{TABLE}\n```\n");
    commands(&mut text, root);
    text
}

fn commands(text: &mut String, parent: &Command) {
    let children = parent.get_subcommands();
    for command in children.filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        section(text, command);
        commands(text, command);
    }
}

fn section(text: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).trim_end();
    _ = write!(text, "\n## {name}\n\n{}\n\n```text\n{usage}\n```\n", paragraphs(command));
    if command.get_positionals().next().is_some() {
        _ = write!(text, "\nArguments:\n");
        table(text, command.get_positionals());
    }
    let own = || {
        command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_global_set() && is_shown(arg))
    };
    if own().next().is_some() {
        _ = write!(text, "\nOptions:\n");
        table(text, own());
    }
}

/// `--help` and `--version` are everywhere the same, and hidden options are not documented.
fn is_shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

fn table<'a>(text: &mut String, args: impl Iterator<Item = &'a Arg>) {
    text.push_str("\n| | |\n|---|---|\n");
    for arg in args.filter(|arg| is_shown(arg)) {
        _ = writeln!(text, "| {} | {} |", names(arg), description(arg));
    }
}

/// The spellings of an argument with the names of its values.
fn names(arg: &Arg) -> String {
    let value = arg.get_value_names().unwrap_or_default().join(" ");
    if arg.is_positional() {
        return format!("`{value}`");
    }
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let takes_value = arg.get_action().takes_values();
    let longs = arg.get_long().into_iter().chain(arg.get_visible_aliases().unwrap_or_default());
    let long = longs.map(|long| match (takes_value, arg.is_require_equals_set()) {
        (false, _) => format!("`--{long}`"),
        (true, true) => format!("`--{long}[=<{value}>]`"),
        (true, false) => format!("`--{long} <{value}>`"),
    });
    short.into_iter().chain(long).collect::<Vec<_>>().join(", ")
}

fn description(arg: &Arg) -> String {
    let mut text = arg.get_help().map(|help| escaped(&help.to_string())).unwrap_or_default();
    let is_flag = !arg.get_action().takes_values();
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults = defaults.collect::<Vec<_>>().join(", ");
    if !defaults.is_empty() && !is_flag {
        _ = write!(text, ". Default: `{defaults}`");
    }
    let values: Vec<_> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !values.is_empty() && !is_flag {
        _ = write!(text, ". Values: {}", values.join(", "));
    }
    text
}

fn paragraphs(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    about.map(|about| escaped(&about.to_string())).unwrap_or_default()
}

/// Text with the characters escaped that Markdown and its tables take for markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '*' | '<' | '>' | '_' | '[' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
