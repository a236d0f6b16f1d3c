//! The steps of a scenario.

use std::time::Duration;

use sameroom_engine::record::TubeChange;
use sameroom_engine::{Input, Reply, Request};
use sameroom_seal::SeededEntropy;
use sameroom_types::ids::TubeId;
use sameroom_types::room::Health;

use super::{Happening, Saved, World, account};
use crate::faults::scenario::Step;

impl World {
    pub(super) fn script(&mut self, step: Step) {
        match step {
            Step::Post { room, number, reply, file } => {
                self.platforms[room].person_posts(number, reply, file);
                self.hear(room);
            }
            Step::Edit { number } => self.everywhere(|platform| platform.person_edits(number)),
            Step::Delete { number } => self.everywhere(|platform| platform.person_deletes(number)),
            Step::Moderate { room, number } => {
                let ids = self.platforms[room].images(number);
                if self.platforms[room].moderator_removes(ids) {
                    self.hear(room);
                }
            }
            Step::Purge { room, count } => {
                let ids = self.platforms[room].last(usize::from(count));
                if self.platforms[room].moderator_removes(ids) {
                    self.hear(room);
                }
            }
            Step::React { room, person, number, emoji, on } => {
                if self.platforms[room].person_reacts(person, number, emoji, on) {
                    self.hear(room);
                }
            }
            Step::Pause { tube } => self.change_tube(tube, TubeChange::Paused, step),
            Step::Resume { tube } => self.change_tube(tube, TubeChange::Resumed, step),
            Step::Untie { tube } => {
                let gone = self.tubes[tube].line;
                self.config.tubes.retain(|tube| tube.line != gone);
                self.configure();
            }
            Step::Tie { tube } => {
                let wanted = self.tubes[tube].clone();
                if self.config.tubes.iter().all(|tube| tube.line != wanted.line) {
                    self.config.tubes.push(wanted);
                }
                self.configure();
            }
            Step::Kick { room } => {
                if !self.platforms[room].kicked {
                    self.platforms[room].kicks_us();
                    self.hear(room);
                }
            }
            Step::Rename { room } => {
                self.platforms[room].is_renamed();
                self.hear(room);
            }
            Step::Refuse { room } => self.platforms[room].refusals += 1,
            Step::Throttle { room, timed } => self.platforms[room].throttle = Some(timed),
            Step::Cut { room } => self.cut(room),
            Step::Revoke { room } => self.revoke(room),
            Step::Kill => {
                if self.engine.is_some() {
                    self.dies_after = Some(self.rng.below(6));
                }
            }
            Step::PowerLoss => {
                if self.engine.is_some() {
                    self.die();
                    let mut entropy = SeededEntropy::new(self.rng.bits());
                    self.disk.power_loss(&mut entropy);
                    for platform in &mut self.platforms {
                        // Only what was acknowledged is promised to survive this.
                        platform.written.clear();
                    }
                }
            }
            Step::Backup => self.back_up(),
            Step::Restore => self.restore(),
            Step::DiskFull => self.disk_full = true,
            Step::SlowDisk => self.slow_until = self.now + Duration::from_secs(10),
            Step::Clock { minutes } => self.wall_minutes = i64::from(minutes),
        }
    }

    fn everywhere(&mut self, mut act: impl FnMut(&mut crate::faults::platform::Platform) -> bool) {
        for room in 0..self.platforms.len() {
            if act(&mut self.platforms[room]) {
                self.hear(room);
            }
        }
    }

    fn configure(&mut self) {
        let config = Box::new(self.config.clone());
        self.step(Input::Configure(config), None);
    }

    /// Changes a tube, or tries again when the program is back.
    fn change_tube(&mut self, tube: usize, change: TubeChange, step: Step) {
        if self.engine.is_none() {
            self.schedule(Duration::from_millis(500), Happening::Scripted(step));
            return;
        }
        if let Some(tube) = self.tube_id(tube) {
            self.ask(Request::ChangeTube { tube, change, by: "somebody".into() });
        }
    }

    fn tube_id(&mut self, tube: usize) -> Option<TubeId> {
        let Some(Reply::Tubes(all)) = self.ask(Request::Tubes) else { return None };
        let wanted = &self.tubes[tube];
        all.into_iter()
            .map(|view| view.tube)
            .find(|tube| tube.a == wanted.a && tube.b == wanted.b)
            .map(|tube| tube.id)
    }

    fn revoke(&mut self, room: usize) {
        self.cut(room);
        let after = self.millis(1_000, 30_000);
        self.platforms[room].revoked_until = self.now + after;
        if self.engine.is_some() {
            let health = Health::NeedsRelink { why: "no longer accepted".into() };
            self.step(Input::Health { account: account(room), health }, None);
        }
    }

    /// A copy of the data folder of a program that was stopped for it, or that is dead.
    fn back_up(&mut self) {
        let accepted = self
            .platforms
            .iter()
            .map(|platform| platform.acknowledged.union(&platform.written).copied().collect());
        self.saved =
            Some(Saved { accepted: accepted.collect(), disk: self.disk.backup(), store: self.store.clone() });
    }

    fn restore(&mut self) {
        let Some(saved) = self.saved.take() else { return };
        if self.engine.is_some() {
            self.die();
        }
        self.disk.restore(&saved.disk);
        self.store = saved.store;
        for (platform, accepted) in self.platforms.iter_mut().zip(saved.accepted) {
            platform.acknowledged.retain(|act| accepted.contains(act));
            platform.written.retain(|act| accepted.contains(act));
        }
    }
}
