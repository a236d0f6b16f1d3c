//! The program in a run: the engine on its log, its effects, its deaths and starts.

use std::sync::Arc;
use std::time::Duration;

use sameroom_engine::{Effect, Engine, Input, Setup};
use sameroom_log::{InstallationId, KeyId, Log, LogError, LogOptions, NewRecord, SegmentLog};
use sameroom_seal::{MasterKey, SeededEntropy};
use sameroom_store::Store as _;
use sameroom_types::action::{Answer, Outcome};
use sameroom_types::ids::{NativeIds, Seq};

use super::{Happening, Plaintext, World, room_of};
use crate::faults::sabotage::Sabotage;

/// A record, its plain part, and its body with the number of the key.
type Appended = (Seq, Vec<u8>, Option<(u64, Vec<u8>)>);

impl World {
    /// One step of the engine; `act` is the platform's event behind it, if any.
    pub(super) fn step(&mut self, input: Input, act: Option<(usize, usize)>) {
        let now = self.clock();
        let Some(engine) = &mut self.engine else { return };
        let effects = engine.step(now, input);
        self.execute(effects, act);
    }

    pub(super) fn execute(&mut self, effects: Vec<Effect>, act: Option<(usize, usize)>) {
        let mut batch: Vec<Appended> = Vec::new();
        let mut written = None;
        let mut died = false;
        let mut rest = Vec::new();
        for effect in effects {
            if let Some(left) = &mut self.dies_after {
                if *left == 0 {
                    died = true;
                    break;
                }
                *left -= 1;
            }
            match effect {
                Effect::Append { seq, record, body } => {
                    written = Some(seq);
                    batch.push((seq, record, body));
                }
                other => rest.push(other),
            }
        }
        if self.is_sabotaged(Sabotage::SentBeforeRecorded)
            && let Some(seq) = written
        {
            self.step(Input::Written(seq), None);
        }
        if !batch.is_empty() && !self.append(&batch) {
            died = true;
        }
        if !died && let Some((room, act)) = act {
            self.platforms[room].written.insert(act);
        }
        for effect in rest {
            self.perform(effect);
        }
        if died {
            self.dies_after = None;
            self.die();
            return;
        }
        if let Some(seq) = written {
            self.step(Input::Written(seq), None);
            if self.is_sabotaged(Sabotage::AcknowledgedWhenWritten) {
                self.step(Input::Durable(seq), None);
            }
        }
    }

    fn append(&mut self, batch: &[Appended]) -> bool {
        let Some(log) = &mut self.log else { return false };
        let records: Vec<NewRecord<'_>> = batch
            .iter()
            .map(|(seq, meta, body)| NewRecord {
                seq: sameroom_log::Seq(seq.0),
                meta,
                body: body.as_ref().map(|(key, body)| (KeyId(*key), body.as_slice())),
            })
            .collect();
        if std::mem::take(&mut self.disk_full) {
            self.disk.full(self.rng.below(400));
        }
        let mut result = log.append(&records);
        if matches!(result, Err(LogError::Full(_))) {
            // The program waits, and takes nothing meanwhile; then there is room again.
            self.disk.space_back();
            result = log.append(&records);
        }
        self.disk.space_back();
        match result {
            Ok(()) => true,
            Err(error) => {
                self.broken.push(format!("append: {error}"));
                false
            }
        }
    }

    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Append { .. } | Effect::Reply { .. } => {}
            Effect::Flush => {
                if !self.flush_pending {
                    self.flush_pending = true;
                    let slow = self.now < self.slow_until;
                    let after = if slow { self.millis(200, 5_000) } else { self.millis(1, 20) };
                    let life = self.life;
                    self.schedule(after, Happening::Flushed { life });
                }
            }
            Effect::Send { account, request } => self.send(room_of(&account), *request),
            Effect::Ask { account, delivery, part, key, .. } => {
                let room = room_of(&account);
                let answer = match self.platforms[room].find_key(&key) {
                    _ if !self.platforms[room].connected => Answer::Later,
                    Some(id) => Answer::Found(NativeIds::one(id.to_string())),
                    None => Answer::Absent,
                };
                self.answer(room, Input::Answered { delivery, part, answer });
            }
            Effect::Acknowledge { account, ticket } => {
                let platform = &mut self.platforms[room_of(&account)];
                let acknowledged: Vec<_> =
                    platform.tickets.range(..=ticket).map(|(ticket, act)| (*ticket, *act)).collect();
                for (ticket, act) in acknowledged {
                    platform.tickets.remove(&ticket);
                    platform.acknowledged.insert(act);
                }
            }
            Effect::Load { id, query } => {
                let after = self.millis(0, 5);
                let life = self.life;
                self.schedule(after, Happening::Loaded { life, id, query });
            }
            Effect::Store { seq, rows } => self.rows.push_back((seq, rows)),
            Effect::DestroyKeys(keys) => {
                if let Some(log) = &mut self.log {
                    let keys: Vec<KeyId> = keys.into_iter().map(KeyId).collect();
                    if let Err(error) = log.destroy(&keys) {
                        self.broken.push(format!("destroy: {error}"));
                    }
                }
            }
            Effect::Truncate(seq) => {
                if let Some(log) = &mut self.log
                    && let Err(error) = log.truncate_before(sameroom_log::Seq(seq.0))
                {
                    self.broken.push(format!("truncate: {error}"));
                }
            }
            Effect::Join { account, room } => {
                let index = room_of(&account);
                if self.platforms[index].connected {
                    let input = self.room_report(index, Some(room));
                    self.answer(index, input);
                }
            }
            Effect::Fetch { spool, .. } => {
                let after = self.millis(5, 400);
                let (life, input) = (self.life, Box::new(Input::Fetched { spool, result: Ok(100) }));
                self.schedule(after, Happening::Tell { life, input });
            }
            Effect::Leave { .. }
            | Effect::Unspool(_)
            | Effect::Share { .. }
            | Effect::Ping { .. }
            | Effect::Whisper { .. }
            | Effect::ManageLink { .. } => {}
        }
    }

    pub(super) fn flush(&mut self) {
        self.flush_pending = false;
        let Some(log) = &self.log else { return };
        let flushed = if self.is_sabotaged(Sabotage::FlushSkipped) {
            Ok(sameroom_log::Seq(log.next().0.saturating_sub(1)))
        } else {
            log.flusher().flush()
        };
        match flushed {
            Ok(seq) => {
                let durable = Seq(seq.0);
                // Rows of one record go in together: what the store remembers is their place.
                let ready = self.rows.partition_point(|(at, _)| *at <= durable);
                let batch: Vec<_> = self.rows.drain(..ready).collect();
                self.store.apply(&batch).expect("memory");
                self.step(Input::Durable(durable), None);
                let stored = self.store.applied().expect("memory");
                self.step(Input::Stored(stored), None);
            }
            Err(error) => self.broken.push(format!("flush: {error}")),
        }
    }

    /// The program is gone: its memory, its connections, what it had not written.
    pub(super) fn die(&mut self) {
        self.crashes += 1;
        self.engine = None;
        self.log = None;
        self.rows.clear();
        self.flush_pending = false;
        self.dies_after = None;
        self.held_back = None;
        self.disk.kill();
        self.life += 1;
        for room in 0..self.platforms.len() {
            if self.platforms[room].connected {
                self.break_wire(room);
            } else {
                self.platforms[room].connection += 1;
            }
            self.platforms[room].wire.clear();
            self.platforms[room].unanswered.clear();
        }
        let after = self.millis(50, 3_000);
        let life = self.life;
        self.schedule(after, Happening::Restart { life });
    }

    pub(super) fn start_program(&mut self) {
        let entropy = Box::new(SeededEntropy::new(self.rng.bits()));
        let master = MasterKey::random(&mut SeededEntropy::new(7));
        let options = LogOptions::new(InstallationId([7; 16]));
        let (mut log, _) = match SegmentLog::open(self.disk.clone(), master.derive("log"), options, entropy) {
            Ok(opened) => opened,
            Err(error) => {
                self.broken.push(format!("open: {error}"));
                return;
            }
        };
        let setup =
            Setup { installation: "sim00000".into(), digest_key: [3; 32], dialects: Arc::new(Plaintext) };
        let mut engine = Engine::new(setup);
        let mut rows = Vec::new();
        let mut bad = None;
        let replayed = log.replay(log.first(), &mut |record| match engine.replay(
            Seq(record.seq.0),
            &record.meta,
            record.body.as_deref(),
        ) {
            Ok(effects) => rows.extend(effects),
            Err(error) => bad = Some(error.to_string()),
        });
        if let Err(error) = replayed {
            bad = Some(error.to_string());
        }
        if let Some(error) = bad {
            self.broken.push(format!("replay: {error}"));
            return;
        }
        for effect in rows {
            if let Effect::Store { seq, rows } = effect
                && seq > self.store.applied().expect("memory")
            {
                self.rows.push_back((seq, rows));
            }
        }
        let keys: Vec<u64> = log.live_keys().into_iter().map(|key| key.0).collect();
        self.log = Some(log);
        let now = self.clock();
        let mut effects = engine.start(now, &keys);
        effects.extend(engine.step(now, Input::Configure(Box::new(self.config.clone()))));
        self.engine = Some(engine);
        self.execute(effects, None);
        for room in 0..self.platforms.len() {
            if self.engine.is_some() {
                let after = self.millis(5, 500);
                let connection = self.platforms[room].connection;
                self.schedule(after, Happening::Reconnect { room, connection });
            }
        }
    }

    /// What an outcome is made into by those who break the program.
    pub(super) fn spoil(&self, outcome: Outcome) -> Outcome {
        match (&outcome, self.sabotage) {
            (Outcome::Unknown { .. }, Some(Sabotage::UnknownTakenForDone)) => {
                Outcome::Done { ids: None, shown: false }
            }
            (Outcome::Unknown { why }, Some(Sabotage::UnknownTakenForFailure)) => Outcome::Later {
                after: Some(Duration::from_millis(20)),
                scope: sameroom_types::action::Wait::Room,
                why: why.clone(),
            },
            (Outcome::Done { shown, .. }, Some(Sabotage::IdsForgotten)) => {
                Outcome::Done { ids: None, shown: *shown }
            }
            _ => outcome,
        }
    }
}
