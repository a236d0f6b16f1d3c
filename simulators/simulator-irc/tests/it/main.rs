//! A raw TCP client against the server, feature by feature.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod accounts;
mod capabilities;
mod client;
mod history;
mod limits;
mod people;
mod registration;
mod rooms;
mod speaking;
mod trouble;

use simulator_irc::{Options, Server};

/// A server with everything on, and one account.
fn server() -> Server {
    Server::start(Options::default().account("ana", "secret")).unwrap()
}

/// The value of a tag on a line.
fn tag<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let tags = line.strip_prefix('@')?.split(' ').next()?;
    tags.split(';').find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
}

/// A line without its tags.
fn untagged(line: &str) -> &str {
    if line.starts_with('@') { line.split_once(' ').map_or("", |(_, body)| body) } else { line }
}

/// Whether some line holds this text.
fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}
