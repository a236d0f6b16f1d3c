//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sameroom_types::ids::{DeliveryId, PortalId, RequestId, RoomId, RoomSpec, Seq, TubeId};
use serde_json::Value;

use crate::control::{Client, Question};
use crate::logging::{self, LogFormat};
use crate::{check, demo, docs, serve, simulate, tables};

/// Connects chat rooms: what is said in one appears in the other.
#[derive(Debug, Parser)]
#[command(name = "sameroom", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The configuration file.
    #[arg(long, short, global = true, value_name = "FILE", default_value = "sameroom.toml")]
    pub(crate) config: PathBuf,
    /// Print JSON for programs instead of words for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.
    Serve {
        /// Log what would be posted instead of posting it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Try it without any account: browser rooms and an IRC server on this machine, tied together.
    Demo {
        /// Where the browser rooms are served; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: std::net::SocketAddr,
        /// Where the IRC server listens; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        irc: std::net::SocketAddr,
    },
    /// Say for each account and room what works, without relaying anything.
    Check {
        /// How long to wait for the platforms, in seconds.
        #[arg(long, default_value_t = 20)]
        wait_secs: u64,
    },
    /// Have the running relay read its configuration again, after showing what changes.
    Apply {
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Accounts of the running relay.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Rooms of the running relay.
    #[command(subcommand)]
    Rooms(Rooms),
    /// Tubes of the running relay.
    #[command(subcommand)]
    Tubes(Tubes),
    /// Portals of the running relay.
    #[command(subcommand)]
    Portals(Portals),
    /// Deliveries that wait or are parked.
    #[command(subcommand)]
    Deliveries(Deliveries),
    /// The way of a message, by its number.
    Trace {
        /// The number that `-sameroom trace` shows.
        id: u64,
    },
    /// Who changed what, newest first.
    Audit {
        /// How many entries.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Write the docs that are made from the code.
    #[command(hide = true)]
    Docs {
        /// Fail if they are not up to date instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Run a stand-in for a platform on this machine.
    Simulate {
        /// Which platform: irc.
        platform: String,
        /// The port; 0 takes a free one.
        #[arg(long, default_value_t = 6667)]
        port: u16,
    },
}

#[derive(Debug, Subcommand)]
enum Accounts {
    /// List them with their states.
    List,
    /// Add one that is kept in the store: NAME platform=irc server=... nick=...
    Add {
        /// Its name.
        name: String,
        /// Its settings as key=value; a secret is better given as `key_env=VARIABLE`.
        settings: Vec<String>,
    },
    /// Remove one that was added by this command.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Rooms {
    /// List them with their states.
    List,
    /// Enter a room and stay, or make it where Sameroom hosts it.
    Add {
        /// account/room
        room: String,
    },
    /// Leave a room that has no tube.
    Remove {
        /// account/room
        room: String,
    },
}

#[derive(Debug, Subcommand)]
enum Tubes {
    /// List them with their states.
    List,
    /// Connect two rooms.
    Add {
        /// account/room
        a: String,
        /// account/room
        b: String,
        /// both, a-to-b or b-to-a
        #[arg(long, default_value = "both")]
        direction: String,
    },
    /// Remove a tube that the file does not declare.
    Remove {
        /// Its number.
        id: u64,
    },
    /// Stop a tube for a while.
    Pause {
        /// Its number.
        id: u64,
    },
    /// Let a paused or failed tube go on.
    Resume {
        /// Its number.
        id: u64,
    },
    /// Agree to a request to connect.
    Accept {
        /// The request's number.
        request: u64,
    },
    /// Turn a request to connect down.
    Refuse {
        /// The request's number.
        request: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Portals {
    /// List them.
    List,
    /// Make one to a room.
    Add {
        /// account/room
        room: String,
        /// Each use waits for a moderator of the room.
        #[arg(long)]
        approval: bool,
    },
    /// Close one; its tubes stay.
    Remove {
        /// Its number.
        id: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Deliveries {
    /// List them.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Try a parked one again.
    Retry {
        /// As listed, such as 17-3.
        id: String,
    },
    /// Give one up.
    Drop {
        /// As listed, such as 17-3.
        id: String,
    },
}

/// Parses the arguments, runs the command, says what went wrong.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are fine; all else is wrong use.
            let fine = !error.use_stderr();
            return match error.print() {
                Ok(()) if fine => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            };
        }
    };
    let default = match cli.command {
        Command::Serve { .. } => "info",
        _ => "error",
    };
    logging::start(cli.common.log_format, default);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::anyhow!(error).context("start")),
    };
    let result = runtime.block_on(dispatch(cli.command, cli.common));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let wrong_use = error.downcast_ref::<WrongUse>().is_some();
    say_error(&format!("sameroom: {error:#}"));
    ExitCode::from(if wrong_use { 2 } else { 1 })
}

/// A mistake in the arguments that the parser could not see.
#[derive(Debug)]
struct WrongUse(String);

impl std::fmt::Display for WrongUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

fn wrong(text: impl Into<String>) -> anyhow::Error {
    WrongUse(text.into()).into()
}

/// A line on standard output; a closed pipe ends the matter quietly.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn say_error(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

async fn dispatch(command: Command, common: Common) -> anyhow::Result<()> {
    match command {
        Command::Serve { dry_run } => serve::run(&common, dry_run).await,
        Command::Demo { listen, irc } => demo::run(listen, irc).await,
        Command::Docs { check } => docs::run(check),
        Command::Check { wait_secs } => check::run(&common, wait_secs).await,
        Command::Simulate { platform, port } => simulate::run(&platform, port)
            .await
            .map_err(|error| if platform == "irc" { error } else { wrong(error.to_string()) }),
        other => ask(other, &common).await,
    }
}

/// Commands that the running relay answers.
async fn ask(command: Command, common: &Common) -> anyhow::Result<()> {
    let question = question(command)?;
    let answer = Client::find(&common.config).await?.ask(&question).await?;
    if common.json {
        say(&serde_json::to_string_pretty(&answer)?);
    } else {
        for line in tables::render(&answer) {
            say(&line);
        }
    }
    if answer.get("refused").is_some_and(|refused| *refused != Value::Null) {
        anyhow::bail!("{}", answer["refused"].as_str().unwrap_or("refused"));
    }
    Ok(())
}

fn question(command: Command) -> anyhow::Result<Question> {
    Ok(match command {
        Command::Apply { dry_run } => Question::Apply { dry_run },
        Command::Accounts(Accounts::List) => Question::Accounts,
        Command::Accounts(Accounts::Add { name, settings }) => {
            Question::AddAccount { name, settings: account_settings(&settings)? }
        }
        Command::Accounts(Accounts::Remove { name }) => Question::RemoveAccount { name },
        Command::Rooms(Rooms::List) => Question::Rooms,
        Command::Rooms(Rooms::Add { room }) => Question::AddRoom { room: spec(&room)? },
        Command::Rooms(Rooms::Remove { room }) => Question::RemoveRoom { room: spec(&room)? },
        Command::Tubes(Tubes::List) => Question::Tubes,
        Command::Tubes(Tubes::Add { a, b, direction }) => {
            let direction = match direction.as_str() {
                "both" => sameroom_types::room::Direction::Both,
                "a-to-b" => sameroom_types::room::Direction::AToB,
                "b-to-a" => sameroom_types::room::Direction::BToA,
                other => return Err(wrong(format!("{other:?} is none of both, a-to-b, b-to-a"))),
            };
            Question::AddTube { a: spec(&a)?, b: spec(&b)?, direction }
        }
        Command::Tubes(Tubes::Remove { id }) => {
            Question::ChangeTube { tube: TubeId(id), change: "remove".into() }
        }
        Command::Tubes(Tubes::Pause { id }) => {
            Question::ChangeTube { tube: TubeId(id), change: "pause".into() }
        }
        Command::Tubes(Tubes::Resume { id }) => {
            Question::ChangeTube { tube: TubeId(id), change: "resume".into() }
        }
        Command::Tubes(Tubes::Accept { request }) => {
            Question::AnswerRequest { request: RequestId(request), accept: true }
        }
        Command::Tubes(Tubes::Refuse { request }) => {
            Question::AnswerRequest { request: RequestId(request), accept: false }
        }
        Command::Portals(Portals::List) => Question::Portals,
        Command::Portals(Portals::Add { room, approval }) => {
            Question::AddPortal { room: spec(&room)?, approval }
        }
        Command::Portals(Portals::Remove { id }) => Question::RevokePortal { portal: PortalId(id) },
        Command::Deliveries(Deliveries::List { limit }) => Question::Deliveries { limit },
        Command::Deliveries(Deliveries::Retry { id }) => Question::Retry { delivery: delivery(&id)? },
        Command::Deliveries(Deliveries::Drop { id }) => Question::Drop { delivery: delivery(&id)? },
        Command::Trace { id } => Question::Trace { id },
        Command::Audit { limit } => Question::Audit { limit },
        Command::Serve { .. }
        | Command::Demo { .. }
        | Command::Check { .. }
        | Command::Docs { .. }
        | Command::Simulate { .. } => {
            anyhow::bail!("this command is not answered by a running relay")
        }
    })
}

fn spec(text: &str) -> anyhow::Result<RoomSpec> {
    RoomSpec::parse(text).ok_or_else(|| wrong(format!("{text:?} is not account/room, such as libera/#lobby")))
}

fn delivery(text: &str) -> anyhow::Result<DeliveryId> {
    text.split_once('-')
        .and_then(|(event, room)| {
            Some(DeliveryId { event: Seq(event.parse().ok()?), room: RoomId(room.parse().ok()?) })
        })
        .ok_or_else(|| wrong(format!("{text:?} is no delivery, such as 17-3")))
}

/// `key=value` pairs; numbers and true/false are what they look like.
fn account_settings(pairs: &[String]) -> anyhow::Result<serde_json::Map<String, Value>> {
    pairs
        .iter()
        .map(|pair| {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| wrong(format!("{pair:?} is not key=value")))?;
            let value = match value {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => Value::String(text.to_owned()),
            };
            Ok((key.to_owned(), value))
        })
        .collect()
}
