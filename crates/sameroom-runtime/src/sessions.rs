//! Sessions as tasks: started, fed, ended, and what they owe an answer for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sameroom_connector::{Command, Connector, Kit, Report, Resume, RuntimeEnd, SessionLink, Settings};
use sameroom_types::action::{Outcome, Wait};
use sameroom_types::ids::{AccountId, DeliveryId, Ticket};
use sameroom_types::room::Health;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands under way to one session; the engine's windows keep it far below that, but for joins.
const COMMANDS: usize = 4_096;

/// How long a session may take to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What is needed to run an account.
#[derive(Clone)]
pub struct SessionSpec {
    /// The account.
    pub account: AccountId,
    /// Its platform.
    pub connector: Arc<dyn Connector>,
    /// Its settings, secrets resolved.
    pub settings: Settings,
}

impl std::fmt::Debug for SessionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionSpec").field("account", &self.account).finish_non_exhaustive()
    }
}

struct Running {
    end: RuntimeEnd,
    settings: Settings,
    platform: &'static str,
    /// Commands that did not fit into the queue; bounded by the engine's windows and the rooms' number.
    backlog: VecDeque<Command>,
    unanswered: BTreeSet<(DeliveryId, u32)>,
}

/// All sessions of a relay.
pub(crate) struct Sessions {
    running: BTreeMap<AccountId, Running>,
    reports: mpsc::Sender<(AccountId, Report)>,
    ended: mpsc::Sender<AccountId>,
    tracker: TaskTracker,
    stop: CancellationToken,
    installation: Box<str>,
}

impl Sessions {
    pub(crate) fn new(
        installation: Box<str>,
        reports: mpsc::Sender<(AccountId, Report)>,
        ended: mpsc::Sender<AccountId>,
        stop: CancellationToken,
    ) -> Self {
        Self { running: BTreeMap::new(), reports, ended, tracker: TaskTracker::new(), stop, installation }
    }

    /// Starts what is new or changed, ends what is gone. Returns accounts that could not be started, and why.
    pub(crate) fn set(
        &mut self,
        specs: &[SessionSpec],
        kit: &Kit,
        resume: impl Fn(&AccountId) -> Vec<Resume>,
    ) -> Vec<(AccountId, Health)> {
        let wanted: BTreeSet<&AccountId> = specs.iter().map(|spec| &spec.account).collect();
        let gone: Vec<AccountId> =
            self.running.keys().filter(|account| !wanted.contains(account)).cloned().collect();
        for account in gone {
            if let Some(running) = self.running.remove(&account) {
                running.end.stop.cancel();
            }
        }
        let mut failed = Vec::new();
        for spec in specs {
            let platform = spec.connector.describe().id;
            if let Some(running) = self.running.get(&spec.account) {
                if running.settings == spec.settings && running.platform == platform {
                    continue;
                }
                running.end.stop.cancel();
                self.running.remove(&spec.account);
            }
            match spec.connector.session(&spec.account, &spec.settings, kit) {
                Ok(session) => {
                    let stop = self.stop.child_token();
                    let (link, end) = SessionLink::new(
                        spec.account.clone(),
                        self.installation.clone(),
                        resume(&spec.account),
                        self.reports.clone(),
                        stop,
                        COMMANDS,
                    );
                    let running = Running {
                        end,
                        settings: spec.settings.clone(),
                        platform,
                        backlog: VecDeque::new(),
                        unanswered: BTreeSet::new(),
                    };
                    self.running.insert(spec.account.clone(), running);
                    let (account, ended) = (spec.account.clone(), self.ended.clone());
                    self.tracker.spawn(async move {
                        session.run(link).await;
                        // The core learns of the end by this; where it is gone too, nobody asks.
                        drop(ended.send(account).await);
                    });
                }
                Err(error) => {
                    tracing::error!(account = %spec.account, error = %error, "account can't be used");
                    failed.push((spec.account.clone(), Health::Stopped { why: error.to_string() }));
                }
            }
        }
        failed
    }

    /// Hands a command to a session. Returns what is to be answered instead where it has none.
    pub(crate) fn command(&mut self, account: &AccountId, command: Command) -> Option<Report> {
        let Some(running) = self.running.get_mut(account) else { return refusal(command) };
        if let Command::Send(request) = &command {
            running.unanswered.insert((request.delivery, request.part));
        }
        if running.backlog.is_empty() {
            match running.end.commands.try_send(command) {
                Ok(()) => return None,
                Err(mpsc::error::TrySendError::Full(command)) => running.backlog.push_back(command),
                // It ended; the report of that answers for everything it owes.
                Err(mpsc::error::TrySendError::Closed(_)) => return None,
            }
        } else {
            running.backlog.push_back(command);
        }
        None
    }

    /// Moves what did not fit; called after each round.
    pub(crate) fn drain_backlogs(&mut self) -> bool {
        let mut left = false;
        for running in self.running.values_mut() {
            while let Some(command) = running.backlog.pop_front() {
                match running.end.commands.try_send(command) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(command)) => {
                        running.backlog.push_front(command);
                        left = true;
                        break;
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => running.backlog.clear(),
                }
            }
        }
        left
    }

    pub(crate) fn answered(&mut self, account: &AccountId, delivery: DeliveryId, part: u32) {
        if let Some(running) = self.running.get_mut(account) {
            running.unanswered.remove(&(delivery, part));
        }
    }

    pub(crate) fn acknowledge(&self, account: &AccountId, ticket: Ticket) {
        if let Some(running) = self.running.get(account) {
            // Kept also while a session does not look at it.
            running.end.durable.send_replace(ticket);
        }
    }

    /// A session's task ended: what it owes is unknown. Not so when it was replaced meanwhile.
    pub(crate) fn ended(&mut self, account: &AccountId) -> Option<Vec<(DeliveryId, u32)>> {
        let is_over = self.running.get(account).is_some_and(|running| running.end.commands.is_closed());
        if !is_over {
            return None;
        }
        self.running.remove(account).map(|running| running.unanswered.into_iter().collect())
    }

    /// Ends all sessions and waits for them.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(PATIENCE, self.tracker.wait()).await.is_err() {
            tracing::warn!("sessions did not end in time");
        }
    }
}

/// What a session that is not there would answer.
fn refusal(command: Command) -> Option<Report> {
    match command {
        Command::Send(request) => Some(Report::Outcome {
            delivery: request.delivery,
            part: request.part,
            outcome: Outcome::Later {
                after: None,
                scope: Wait::Account,
                why: "the account is not running".into(),
            },
        }),
        Command::Ask { delivery, part, .. } => {
            Some(Report::Answer { delivery, part, answer: sameroom_types::action::Answer::Later })
        }
        Command::Fetch { spool, .. } => Some(Report::Fetched {
            spool,
            result: Err(sameroom_connector::FetchError::Network("the account is not running".into())),
        }),
        Command::Ping { id, .. } => {
            Some(Report::Pong { id, result: Err("the account is not running".into()) })
        }
        Command::Join { .. } | Command::Leave { .. } | Command::Whisper { .. } | Command::ListRooms => None,
    }
}
