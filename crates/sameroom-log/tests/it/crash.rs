//! Random work cut by kills and power losses, on a simulated disk, compared with a model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use sameroom_log::{
    Flusher, KeyId, Log, LogError, LogOptions, NewRecord, Record, SegmentLog, Seq, sim::SimDisk,
};
use sameroom_seal::SeededEntropy;

use crate::support::{options, try_open_with};

#[derive(Debug, Clone)]
enum Step {
    /// Appends records: the length of each body, or none; whether it shares the key of the record before.
    Append(Vec<(Option<usize>, bool)>),
    Flush,
    /// Destroys keys whose records are all durable, chosen by this.
    Destroy(u64),
    Truncate(u64),
    Kill,
    PowerLoss(u64),
    /// The next crash comes in the middle of what follows.
    DieAfter(u64),
    /// The disk fails once.
    FailAfter(u64),
    Full(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let body = prop_oneof![Just(None), (0..60_usize).prop_map(Some), (0..1500_usize).prop_map(Some)];
    let batch = proptest::collection::vec((body, any::<bool>()), 1..6);
    prop_oneof![
        8 => batch.prop_map(Step::Append),
        5 => Just(Step::Flush),
        4 => any::<u64>().prop_map(Step::Destroy),
        1 => any::<u64>().prop_map(Step::Truncate),
        1 => Just(Step::Kill),
        2 => any::<u64>().prop_map(Step::PowerLoss),
        1 => (0..12_u64).prop_map(Step::DieAfter),
        1 => (0..8_u64).prop_map(Step::FailAfter),
        1 => (0..6000_u64).prop_map(Step::Full),
    ]
}

/// What must be in the log.
#[derive(Default)]
struct Model {
    /// All that was ever appended, and what failed appends have tried since the last crash: behind what is safe, the log may end in some of that.
    records: BTreeMap<Seq, Record>,
    attempted: Vec<Record>,
    written: Seq,
    durable: Seq,
    first: Seq,
    /// Destroyed, and for those that were reported so by a flush.
    destroyed: BTreeSet<KeyId>,
    shredded: BTreeSet<KeyId>,
}

struct World {
    disk: SimDisk,
    log: SegmentLog<SimDisk>,
    flusher: Box<dyn Flusher>,
    model: Model,
    seed: u64,
}

fn open(disk: &SimDisk, seed: u64) -> (SegmentLog<SimDisk>, Box<dyn Flusher>) {
    let options = LogOptions { segment_bytes: 1200, ..options() };
    let (log, _) = try_open_with(disk, options, seed).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let flusher = log.flusher();
    (log, flusher)
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new();
        let (log, flusher) = open(&disk, seed);
        let model = Model { first: Seq(1), ..Model::default() };
        Self { disk, log, flusher, model, seed }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Append(batch) => self.append(batch),
            Step::Flush => self.flush(),
            Step::Destroy(choice) => self.destroy(*choice),
            Step::Truncate(choice) => {
                let seq = Seq(choice % (self.model.durable.0 + 2));
                if self.log.truncate_before(seq).is_ok() {
                    self.model.first = self.model.first.max(seq);
                }
            }
            Step::Kill => self.crash(None),
            Step::PowerLoss(seed) => self.crash(Some(*seed)),
            Step::DieAfter(changes) => self.disk.die_after(*changes),
            Step::FailAfter(changes) => self.disk.fail_after(*changes, std::io::ErrorKind::Other),
            Step::Full(bytes) => self.disk.full(*bytes),
        }
    }

    fn append(&mut self, batch: &[(Option<usize>, bool)]) {
        let mut records = Vec::new();
        let mut previous = self.model.records.get(&self.model.written).and_then(|record| record.key);
        for (seq, (body, share)) in (self.model.written.0 + 1..).zip(batch) {
            let shared = previous.filter(|key| *share && !self.model.destroyed.contains(key));
            // A position is used again when its record was lost with the power; its key then has to be new.
            let key = body.map(|_| shared.unwrap_or(KeyId(seq)));
            let text = body.map(|len| format!("{} {seq} ", self.seed).bytes().cycle().take(len).collect());
            records.push(Record {
                seq: Seq(seq),
                meta: format!("{seq} {}", self.seed).into_bytes(),
                key,
                body: text,
            });
            previous = key.or(previous);
        }
        let new: Vec<NewRecord<'_>> = records
            .iter()
            .map(|r| NewRecord { seq: r.seq, meta: &r.meta, body: r.key.zip(r.body.as_deref()) })
            .collect();
        match self.log.append(&new) {
            Ok(()) => {
                self.model.written = Seq(self.model.written.0 + records.len() as u64);
                self.model.records.extend(records.into_iter().map(|record| (record.seq, record)));
            }
            Err(LogError::Full(_) | LogError::Disk(_)) => {
                assert_eq!(self.log.next(), self.model.written.next(), "a failed append changes nothing");
                self.disk.space_back();
                self.model.attempted.extend(records);
            }
            Err(LogError::Broken) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn flush(&mut self) {
        match self.flusher.flush() {
            Ok(durable) => {
                assert_eq!(durable, self.model.written);
                self.model.durable = durable;
                self.model.shredded = self.model.destroyed.clone();
            }
            Err(LogError::Full(_) | LogError::Disk(_) | LogError::Broken) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn destroy(&mut self, choice: u64) {
        let last_use = |key| self.model.records.values().rev().find(|r| r.key == Some(key)).map(|r| r.seq);
        let durable: Vec<KeyId> = self
            .log
            .live_keys()
            .into_iter()
            .filter(|key| last_use(*key).is_some_and(|seq| seq <= self.model.durable))
            .collect();
        let gone: Vec<KeyId> = durable.into_iter().filter(|key| (choice >> (key.0 % 64)) & 1 == 1).collect();
        if self.log.destroy(&gone).is_ok() {
            self.model.destroyed.extend(gone);
        }
    }

    fn crash(&mut self, power_loss: Option<u64>) {
        self.seed += 1;
        // Recovery may be cut as well: every time it goes on from what the last one left.
        for attempt in 0..3 {
            match power_loss {
                None => self.disk.kill(),
                Some(seed) => self.disk.power_loss(&mut SeededEntropy::new(seed.wrapping_add(attempt))),
            }
            self.disk.space_back();
            if attempt < 2 {
                self.disk.die_after((self.seed * 7 + attempt * 3) % 11);
                let options = LogOptions { segment_bytes: 1200, ..options() };
                match try_open_with(&self.disk, options, self.seed * 10 + attempt) {
                    Ok(_) | Err(LogError::Disk(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        (self.log, self.flusher) = open(&self.disk, self.seed * 10 + 9);
        self.check_recovered(power_loss.is_some());
    }

    fn check_recovered(&mut self, power_loss: bool) {
        let model = &mut self.model;
        let last = self.log.next().previous();
        let kept = if power_loss { model.durable } else { model.written };
        assert!(last >= kept, "lost records: the log ends at {last}, {kept} was safe");
        let attempted = std::mem::take(&mut model.attempted);
        assert!(self.log.first() <= model.first.max(Seq(1)), "dropped too much");
        let mut expected = self.log.first();
        let mut found = BTreeMap::new();
        self.log
            .replay(Seq(0), &mut |record| {
                assert_eq!(record.seq, expected, "a hole");
                expected = expected.next();
                found.insert(record.seq, record);
            })
            .unwrap();
        assert_eq!(expected, last.next());
        let live: BTreeSet<KeyId> = self.log.live_keys().into_iter().collect();
        for (seq, record) in &found {
            let appended = model.records.get(seq).filter(|_| *seq <= model.written);
            // What was safe can't be something else that was tried there.
            let tried = attempted.iter().filter(|tried| tried.seq == *seq && *seq > kept);
            let same = |known: &&Record| (&known.meta, known.key) == (&record.meta, record.key);
            let mut known = appended.into_iter().chain(tried).filter(same).peekable();
            assert!(known.peek().is_some(), "record {seq} came from nowhere");
            match (record.key, &record.body) {
                (None, body) => assert_eq!(*body, None),
                (Some(key), None) => assert!(model.destroyed.contains(&key), "body {seq} is lost"),
                (Some(key), Some(body)) => {
                    assert!(!model.shredded.contains(&key), "body {seq} is back");
                    assert!(live.contains(&key));
                    assert!(known.any(|known| known.body.as_ref() == Some(body)), "body {seq}");
                }
            }
        }
        assert_eq!(self.log.durable(), last);
        // What a crash undid may be done again; what is in the log now is the truth.
        model.destroyed.retain(|key| !live.contains(key));
        model.records.retain(|seq, _| *seq <= last);
        for (seq, record) in found {
            model.records.insert(seq, record);
        }
        (model.written, model.durable) = (last, last);
        model.shredded = model.destroyed.clone();
        let names: BTreeSet<KeyId> = model.records.values().filter_map(|record| record.key).collect();
        model.destroyed.retain(|key| names.contains(key));
        model.shredded.retain(|key| names.contains(key));
    }
}

proptest! {
    // More with PROPTEST_CASES.
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_promised_is_lost(
        steps in proptest::collection::vec(step(), 1..60), end in any::<Option<u64>>(),
    ) {
        let mut world = World::new(1);
        for step in &steps {
            world.run(step);
        }
        world.crash(end);
        world.crash(Some(7));
    }
}
