//! What every log must do, written once. Each implementation's tests call [`run`].

use std::collections::BTreeMap;

use crate::{KeyId, Log, LogError, NewRecord, Record, Seq, record::MAX_RECORD_BYTES};

/// A log that can be opened again: what a restart finds.
pub trait Fixture {
    /// Opens the log; the one that was opened before has been dropped.
    fn open(&mut self) -> Box<dyn Log>;
}

/// Runs all checks, each on a log of its own.
///
/// # Panics
/// When a check fails: that is its purpose.
pub fn run<F: Fixture>(make: impl Fn() -> F) {
    starts_empty(&mut make());
    gives_back_what_was_appended(&mut make());
    refuses_what_does_not_follow(&mut make());
    destroys_bodies_and_nothing_else(&mut make());
    shares_a_key_between_records(&mut make());
    takes_large_and_empty_records(&mut make());
    makes_durable_what_was_written(&mut make());
    drops_old_records(&mut make());
    appends_while_another_thread_flushes(&mut make());
}

fn starts_empty(fixture: &mut dyn Fixture) {
    for _ in 0..2 {
        let mut log = fixture.open();
        assert_eq!((log.first(), log.next(), log.durable()), (Seq(1), Seq(1), Seq(0)));
        assert_eq!(log.live_keys(), []);
        assert_eq!(replay(&mut *log, Seq(1)), []);
        log.append(&[]).expect("an empty batch is fine");
        assert_eq!(log.flusher().flush().expect("flushed"), Seq(0));
        assert!(matches!(log.body(Seq(1)), Err(LogError::NotHere(Seq(1)))));
    }
}

fn gives_back_what_was_appended(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let mut expected = Vec::new();
    for seq in 1..=300 {
        expected.push(append(&mut *log, seq, (seq % 3 != 0).then_some(seq)));
    }
    for reopened in [false, true] {
        assert_eq!((log.first(), log.next()), (Seq(1), Seq(301)));
        assert_eq!(replay(&mut *log, Seq(0)), expected);
        assert_eq!(replay(&mut *log, Seq(298)), expected[297..]);
        assert_eq!(replay(&mut *log, Seq(301)), []);
        for record in &expected {
            assert_eq!(log.body(record.seq).expect("read"), record.body, "body {}", record.seq);
        }
        assert!(matches!(log.body(Seq(301)), Err(LogError::NotHere(_))));
        if !reopened {
            drop(log);
            log = fixture.open();
        }
    }
    expected.push(append(&mut *log, 301, Some(301)));
    assert_eq!(replay(&mut *log, Seq(1)), expected, "appending goes on after a restart");
}

fn refuses_what_does_not_follow(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let new = |seq| NewRecord { seq: Seq(seq), meta: b"", body: None };
    for batch in [&[new(2)][..], &[new(1), new(3)], &[new(1), new(1)], &[new(0)]] {
        assert!(matches!(log.append(batch), Err(LogError::OutOfOrder { .. })));
        assert_eq!(log.next(), Seq(1), "nothing of the batch was taken");
    }
    let huge = vec![0; MAX_RECORD_BYTES];
    let record = NewRecord { seq: Seq(1), meta: b"x", body: Some((KeyId(1), &huge)) };
    assert!(matches!(log.append(&[record]), Err(LogError::TooLarge { seq: Seq(1), .. })));
    assert_eq!(log.live_keys(), []);
    append(&mut *log, 1, Some(1));
}

fn destroys_bodies_and_nothing_else(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let mut expected: Vec<Record> = (1..=40).map(|seq| append(&mut *log, seq, Some(seq))).collect();
    log.flusher().flush().expect("flushed");
    let gone: Vec<KeyId> = (1..=40).step_by(3).map(KeyId).collect();
    log.destroy(&gone).expect("destroyed");
    log.destroy(&[gone[0], KeyId(999)]).expect("unknown names are ignored");
    for record in expected.iter_mut().filter(|record| record.key.is_some_and(|key| gone.contains(&key))) {
        record.body = None;
    }
    let live: Vec<KeyId> = (1..=40).map(KeyId).filter(|key| !gone.contains(key)).collect();
    assert_eq!(replay(&mut *log, Seq(1)), expected);
    assert_eq!(log.live_keys(), live);
    assert_eq!(log.body(Seq(1)).expect("read"), None);
    assert_eq!(log.flusher().flush().expect("flushed"), Seq(40));
    expected.extend((41..=60).map(|seq| append(&mut *log, seq, Some(seq))));
    drop(log);
    let mut log = fixture.open();
    assert_eq!(replay(&mut *log, Seq(1)), expected, "also after a restart, with slots used again");
}

fn shares_a_key_between_records(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let batch = [
        NewRecord { seq: Seq(1), meta: b"a", body: Some((KeyId(1), b"one")) },
        NewRecord { seq: Seq(2), meta: b"b", body: Some((KeyId(1), b"two")) },
        NewRecord { seq: Seq(3), meta: b"c", body: Some((KeyId(3), b"three")) },
    ];
    log.append(&batch).expect("appended");
    append(&mut *log, 4, Some(1));
    assert_eq!(log.live_keys(), [KeyId(1), KeyId(3)]);
    log.flusher().flush().expect("flushed");
    log.destroy(&[KeyId(1)]).expect("destroyed");
    log.flusher().flush().expect("flushed");
    drop(log);
    let mut log = fixture.open();
    let bodies: Vec<_> = replay(&mut *log, Seq(1)).into_iter().map(|record| record.body).collect();
    assert_eq!(bodies, [None, None, Some(b"three".to_vec()), None]);
}

fn takes_large_and_empty_records(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let large = vec![7; MAX_RECORD_BYTES];
    let empty: &[u8] = b"";
    let records: [(&[u8], Option<&[u8]>); 5] =
        [(empty, None), (empty, Some(empty)), (&large, None), (empty, Some(&large)), (b"end", None)];
    for (seq, (meta, body)) in (1..).zip(records) {
        let record = NewRecord { seq: Seq(seq), meta, body: body.map(|body| (KeyId(seq), body)) };
        log.append(&[record]).expect("appended");
    }
    drop(log);
    let mut log = fixture.open();
    for (record, (meta, body)) in replay(&mut *log, Seq(1)).iter().zip(records) {
        assert!(record.meta == meta && record.body.as_deref() == body, "record {}", record.seq);
    }
    assert_eq!(log.next(), Seq(6));
}

fn makes_durable_what_was_written(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let mut flusher = log.flusher();
    let mut another = log.flusher();
    append(&mut *log, 1, Some(1));
    assert_eq!(log.durable(), Seq(0));
    assert_eq!(flusher.flush().expect("flushed"), Seq(1));
    assert_eq!(log.durable(), Seq(1));
    append(&mut *log, 2, None);
    assert_eq!(log.durable(), Seq(1));
    assert_eq!(another.flush().expect("flushed"), Seq(2));
    assert_eq!(flusher.flush().expect("nothing to do is fine"), Seq(2));
    drop((log, flusher, another));
    assert_eq!(fixture.open().durable(), Seq(2));
}

fn drops_old_records(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let all: Vec<Record> = (1..=200).map(|seq| append(&mut *log, seq, Some(seq))).collect();
    log.flusher().flush().expect("flushed");
    log.truncate_before(Seq(150)).expect("truncated");
    log.flusher().flush().expect("flushed");
    let first = log.first();
    assert!(first <= Seq(150), "nothing that is needed was dropped");
    let rest = usize::try_from(first.0).expect("small") - 1;
    assert_eq!(replay(&mut *log, Seq(1)), all[rest..]);
    assert_eq!(log.body(Seq(150)).expect("read"), all[149].body);
    if first > Seq(1) {
        assert!(matches!(log.body(first.previous()), Err(LogError::NotHere(_))));
    }
    drop(log);
    let mut log = fixture.open();
    assert_eq!((log.first(), log.next()), (first, Seq(201)));
    assert_eq!(replay(&mut *log, Seq(1)), all[rest..]);
    append(&mut *log, 201, Some(201));
}

fn appends_while_another_thread_flushes(fixture: &mut dyn Fixture) {
    const LAST: u64 = 500;
    let mut log = fixture.open();
    let mut flusher = log.flusher();
    std::thread::scope(|scope| {
        let flushing = scope.spawn(move || {
            let mut seen = Seq(0);
            while seen < Seq(LAST) {
                let durable = flusher.flush().expect("flushed");
                assert!(durable >= seen, "the watermark goes up");
                seen = durable;
            }
        });
        for seq in 1..=LAST {
            append(&mut *log, seq, Some(seq));
            if seq % 7 == 0 {
                let durable = log.durable().0;
                log.destroy(&[KeyId(durable)]).expect("destroyed");
            }
        }
        flushing.join().expect("the flusher's checks hold");
    });
    assert_eq!(log.durable(), Seq(LAST));
    let live: BTreeMap<KeyId, ()> = log.live_keys().into_iter().map(|key| (key, ())).collect();
    log.flusher().flush().expect("flushed");
    drop(log);
    let mut log = fixture.open();
    for record in replay(&mut *log, Seq(1)) {
        let alive = record.key.is_some_and(|key| live.contains_key(&key));
        assert_eq!(record.body, alive.then(|| body(record.seq.0)), "record {}", record.seq);
    }
}

fn append(log: &mut dyn Log, seq: u64, key: Option<u64>) -> Record {
    let (meta, text) = (format!("meta {seq}").into_bytes(), body(seq));
    let key = key.map(KeyId);
    let record = NewRecord { seq: Seq(seq), meta: &meta, body: key.map(|key| (key, text.as_slice())) };
    log.append(&[record]).expect("appended");
    Record { seq: Seq(seq), key, body: key.map(|_| text.clone()), meta }
}

fn body(seq: u64) -> Vec<u8> {
    format!("body {seq}").repeat(usize::try_from(seq % 5).unwrap_or_default()).into_bytes()
}

fn replay(log: &mut dyn Log, from: Seq) -> Vec<Record> {
    let mut records = Vec::new();
    log.replay(from, &mut |record| records.push(record)).expect("replayed");
    records
}
