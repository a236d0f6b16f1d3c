//! A runtime of a few lines that runs one session and remembers what it reported.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sameroom_types::action::{Action, OutboundPost, Outcome, Rendered, SendRequest};
use sameroom_types::event::{Inbound, Post, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, Mark, RemoteRoomId, RoomId, Seq};
use sameroom_types::text::{Block, Inline, Text};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Problem, Stage};
use crate::{Command, Kit, Report, Resume, RoomReport, RuntimeEnd, SessionLink};

/// How long a check waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The installation under which the suite posts.
const INSTALLATION: &str = "contract";

/// Counts the sends of all rigs: as in life, no two share a key, even where the storage outlives the session.
static DELIVERIES: AtomicU64 = AtomicU64::new(0);

/// A running session.
#[derive(Debug)]
pub struct Rig {
    /// The runtime's side of the session.
    pub end: RuntimeEnd,
    reports: mpsc::Receiver<(AccountId, Report)>,
    task: JoinSet<()>,
    /// Reports that nobody has waited for yet.
    passed: VecDeque<Report>,
}

impl Rig {
    /// Starts a session of the stage's account.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn start(stage: &dyn Stage, resume: Vec<Resume>) -> Result<Self, Problem> {
        Self::start_with(stage, resume, &stage.kit())
    }

    /// Starts a session with a kit of the caller's.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn start_with(stage: &dyn Stage, resume: Vec<Resume>, kit: &Kit) -> Result<Self, Problem> {
        let account = AccountId::new("contract");
        let session =
            stage.connector().session(&account, &stage.settings(), kit).map_err(|error| error.to_string())?;
        // As large as a test can fill before it looks.
        let (tx, reports) = mpsc::channel(65_536);
        let (link, end) =
            SessionLink::new(account, INSTALLATION.into(), resume, tx, CancellationToken::new(), 256);
        let mut task = JoinSet::new();
        task.spawn(session.run(link));
        Ok(Self { end, reports, task, passed: VecDeque::new() })
    }

    /// Gives a command.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn command(&self, command: Command) -> Result<(), Problem> {
        self.end.commands.send(command).await.map_err(|_| "the session has ended".to_owned())
    }

    /// Waits for the first report that `pick` makes something of; those passed over are kept for later waits.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`]; the text lists what came instead.
    pub async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Report) -> Option<T>,
    ) -> Result<T, Problem> {
        for index in 0..self.passed.len() {
            if let Some(found) = self.passed.get(index).and_then(&mut pick) {
                self.passed.remove(index);
                return Ok(found);
            }
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, self.reports.recv()).await {
                Ok(Some((_, report))) => match pick(&report) {
                    Some(found) => return Ok(found),
                    None => self.passed.push_back(report),
                },
                Ok(None) => return Err(format!("the session ended instead of {what}: {:#?}", self.passed)),
                Err(_) => return Err(format!("no {what}; came instead: {:#?}", self.passed)),
            }
        }
    }

    /// Reports that came already and nobody waited for, oldest first; they stay.
    pub fn passed(&mut self) -> &VecDeque<Report> {
        while let Ok((_, report)) = self.reports.try_recv() {
            self.passed.push_back(report);
        }
        &self.passed
    }

    /// Forgets reports that nobody waited for.
    pub fn forget(&mut self) {
        self.passed();
        self.passed.clear();
    }

    /// Joins a room and gives its report.
    ///
    /// # Errors
    /// When it can't be joined.
    pub async fn join(&mut self, room: &str) -> Result<RoomReport, Problem> {
        self.command(Command::Join { room: room.into() }).await?;
        let found = self.wait("room", |report| match report {
            Report::Room(found) if found.asked.as_deref() == Some(room) => Some(Ok(found.clone())),
            Report::RoomFailed(failure) if &*failure.asked == room => Some(Err(failure.why.clone())),
            _ => None,
        });
        found.await?
    }

    /// Starts to send an action.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn submit(&mut self, room: &RemoteRoomId, action: Action) -> Result<DeliveryId, Problem> {
        let event = Seq(DELIVERIES.fetch_add(1, Ordering::Relaxed) + 1);
        let delivery = DeliveryId { event, room: RoomId(1) };
        let key = Mark::key(INSTALLATION, delivery.event.0, delivery.room, 0);
        self.command(Command::Send(SendRequest { delivery, part: 0, room: room.clone(), key, action }))
            .await?;
        Ok(delivery)
    }

    /// Starts to send a plain text.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn submit_text(&mut self, room: &RemoteRoomId, text: &str) -> Result<DeliveryId, Problem> {
        self.submit(room, post(text)).await
    }

    /// Waits for what comes of a send; a first outcome that may be completed by a second one counts.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub async fn outcome(&mut self, delivery: DeliveryId) -> Result<Outcome, Problem> {
        self.wait("outcome", |report| match report {
            Report::Outcome { delivery: of, outcome, .. } if *of == delivery => Some(outcome.clone()),
            _ => None,
        })
        .await
    }

    /// Sends an action and waits for what comes of it.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub async fn send(&mut self, room: &RemoteRoomId, action: Action) -> Result<Outcome, Problem> {
        let delivery = self.submit(room, action).await?;
        self.outcome(delivery).await
    }

    /// Waits for an event in a room.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn event<T>(
        &mut self,
        what: &str,
        room: &RemoteRoomId,
        mut pick: impl FnMut(&Inbound) -> Option<T>,
    ) -> Result<T, Problem> {
        self.wait(what, |report| match report {
            Report::Event { inbound, .. } if inbound.room == *room => pick(inbound),
            _ => None,
        })
        .await
    }

    /// Waits for a message whose text holds `text`.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn posted(&mut self, room: &RemoteRoomId, text: &str) -> Result<Post, Problem> {
        self.event(&format!("post of {text:?}"), room, |inbound| match &inbound.event {
            RoomEvent::Posted(post) if plain(&post.content.text).contains(text) => Some(post.clone()),
            _ => None,
        })
        .await
    }

    /// Ends the session and gives the time that it took.
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`], or panicked.
    pub async fn stop(mut self) -> Result<Duration, Problem> {
        let start = Instant::now();
        self.end.stop.cancel();
        match tokio::time::timeout(PATIENCE, self.task.join_next()).await {
            Ok(Some(Ok(()))) => Ok(start.elapsed()),
            Ok(Some(Err(error))) => Err(format!("the session broke: {error}")),
            Ok(None) => Err("the session was not running".to_owned()),
            Err(_) => Err("the session does not end".to_owned()),
        }
    }
}

/// A plain post.
pub(super) fn post(text: &str) -> Action {
    Action::Post(OutboundPost {
        text: Rendered { text: text.to_owned(), styled: false },
        author: None,
        reply: None,
        thread: None,
        notice: false,
    })
}

/// The words of a text, without their formatting.
pub(super) fn plain(text: &Text) -> String {
    fn inlines(out: &mut String, all: &[Inline]) {
        for inline in all {
            match inline {
                Inline::Text(text) | Inline::Code(text) => out.push_str(text),
                Inline::Bold(inner) | Inline::Italic(inner) | Inline::Strike(inner) => inlines(out, inner),
                Inline::Underline(inner) | Inline::Spoiler(inner) => inlines(out, inner),
                Inline::Link { url, label } if label.is_empty() => out.push_str(url),
                Inline::Link { label, .. } => inlines(out, label),
                Inline::Emoji(emoji) => out.push_str(&emoji.fallback()),
                Inline::Break => out.push('\n'),
                Inline::Raw { fallback, .. } => out.push_str(fallback),
                Inline::Mention(_) => {}
            }
        }
    }
    fn blocks(out: &mut String, all: &[Block]) {
        for block in all {
            match block {
                Block::Paragraph(inner) => inlines(out, inner),
                Block::CodeBlock { code, .. } => out.push_str(code),
                Block::Quote(inner) => blocks(out, inner),
                Block::List { items, .. } => items.iter().for_each(|item| blocks(out, item)),
            }
            out.push('\n');
        }
    }
    let mut out = String::new();
    blocks(&mut out, &text.blocks);
    out
}
