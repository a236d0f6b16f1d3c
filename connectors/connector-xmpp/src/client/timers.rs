//! What time brings: answers that never came, rooms to try again, connections gone silent.

use std::time::Duration;

use sameroom_types::action::Outcome;
use tokio::time::Instant;

use super::queries::Question;
use super::{Client, End};
use crate::muc::Phase;
use crate::stream::StreamError;
use crate::wire;

/// After how much silence the server is asked whether it is there.
const IDLE: Duration = Duration::from_secs(60);

/// How long after that the connection counts as lost.
const DEAD: Duration = Duration::from_secs(30);

/// How long the server may refuse to take bytes.
const STUCK: Duration = Duration::from_secs(60);

/// HipChat ends connections that are silent for 150 s; its clients sent a space every 30 s.
const HIPCHAT_IDLE: Duration = Duration::from_secs(30);

/// How long a room may take to let us in.
const JOIN: Duration = Duration::from_secs(30);

/// How long after showing us ourselves a room may take for its subject, which ends the join.
const SUBJECT: Duration = Duration::from_secs(3);

/// How long a room may take to show us what we sent.
const SHOWN: Duration = Duration::from_secs(60);

/// How long entering rooms waits for services that do not say what they are.
const DISCOVERY: Duration = Duration::from_secs(3);

/// How long acknowledgements may stay out before the server is asked for its count.
const COUNT: Duration = Duration::from_secs(1);

impl Client {
    /// Looks at the clock; called several times a second.
    pub(crate) async fn on_tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.check_connection(now)?;
        let silent: Vec<String> =
            self.asked.iter().filter(|(_, asked)| asked.until <= now).map(|(id, _)| id.clone()).collect();
        for id in silent {
            if let Some(asked) = self.asked.remove(&id) {
                self.on_silence(&id, asked.question).await?;
            }
        }
        if !self.online {
            return Ok(());
        }
        if !self.discovered && now - self.ready_since > DISCOVERY {
            self.discovering = 0;
            self.on_discovered().await?;
        }
        if now - self.last_count >= COUNT {
            self.ask_for_count();
        }
        self.check_sends(now).await?;
        self.check_rooms(now).await
    }

    /// What was sent long ago and never shown may have arrived or not; the room may have forgotten us.
    async fn check_sends(&mut self, now: Instant) -> Result<(), End> {
        let mut late: Vec<Box<str>> = self
            .pending
            .iter()
            .filter(|(_, sent)| now - sent.since > SHOWN)
            .map(|(key, _)| key.clone())
            .collect();
        late.sort_by_key(|key| self.pending.get(key).map(|sent| sent.offset));
        for key in late {
            let Some(sent) = self.pending.remove(&key) else { continue };
            self.self_ping(&sent.room);
            let outcome = Outcome::Unknown { why: "the room did not show it in time".into() };
            self.tell_outcome(sent.delivery, sent.part, outcome).await?;
        }
        Ok(())
    }

    async fn check_rooms(&mut self, now: Instant) -> Result<(), End> {
        let mut entered = Vec::new();
        let mut refused = Vec::new();
        let mut again = Vec::new();
        let mut silent = Vec::new();
        for (jid, room) in &self.rooms {
            match room.phase {
                Phase::Joining { shown: Some(shown), .. } if now - shown > SUBJECT && !room.created => {
                    entered.push(jid.clone())
                }
                Phase::Joining { since, .. } if now - since > JOIN => refused.push(jid.clone()),
                Phase::Waiting { until } if until <= now => again.push(jid.clone()),
                Phase::In if now - room.heard > self.config.self_ping => silent.push(jid.clone()),
                _ => {}
            }
        }
        for jid in entered {
            self.on_entered(&jid).await?;
        }
        for jid in refused {
            self.drop_room(&jid, "the room did not answer".into()).await?;
        }
        for jid in again {
            self.start_join(&jid);
        }
        for jid in silent {
            self.self_ping(&jid);
        }
        Ok(())
    }

    fn check_connection(&mut self, now: Instant) -> Result<(), End> {
        if self.out.bytes.is_empty() {
            if self.config.hipchat && now - self.wrote > HIPCHAT_IDLE {
                self.send_raw(" ");
            }
        } else if now - self.wrote > STUCK {
            return Err(StreamError::TimedOut.into());
        }
        match self.ping_sent {
            Some(sent) if self.heard > sent => self.ping_sent = None,
            Some(sent) if now - sent > DEAD => return Err(StreamError::TimedOut.into()),
            Some(_) => {}
            None if now - self.heard > IDLE => {
                self.ping_sent = Some(now);
                if self.counters.is_on() {
                    self.send_raw(&format!("<r xmlns='{}'/>", wire::SM));
                    self.counters.asked_for_count();
                } else {
                    let id = self.fresh_id();
                    let domain = self.config.jid.domain.clone();
                    let xml = wire::ask(Some(&domain), &id, "ping", wire::PING);
                    self.ask(id, &xml, Question::Alive);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Asks the server how many of our stanzas it has handled, if some are out.
    pub(super) fn ask_for_count(&mut self) {
        if self.counters.should_ask(true) {
            self.counters.asked_for_count();
            self.last_count = Instant::now();
            self.send_raw(&format!("<r xmlns='{}'/>", wire::SM));
        }
    }

    /// As [`Self::ask_for_count`], once many are out: called after each batch.
    pub(crate) fn after_batch(&mut self) {
        if self.counters.should_ask(false) {
            self.ask_for_count();
        }
    }
}
