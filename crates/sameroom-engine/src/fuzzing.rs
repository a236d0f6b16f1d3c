//! What the fuzzers run, as a plain function that tests run over the kept corpus too.
//!
//! The input is a log: for each record a byte that says whether it has a body, its length in two bytes (little-endian)
//! and its bytes, and the same for the body. Whatever stands there, it is read or refused, and an engine that took it
//! starts, works, and can write down its state so that another one reads it.

use std::sync::Arc;
use std::time::Duration;

use sameroom_markup::{Dialect, Plain};
use sameroom_types::capabilities::Support;
use sameroom_types::ids::{AccountId, Seq};
use sameroom_types::policy::{AccountSpec, Configuration, Outside};
use sameroom_types::room::Health;
use sameroom_types::time::{Now, Timestamp};

use crate::record::Record;
use crate::{Dialects, Effect, Engine, Input, Setup};

/// A check and its name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every check with its name, which is also that of its corpus folder.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[("engine_records", check_records)];

struct Words;

impl Dialects for Words {
    fn dialect(&self, _: &str, _: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

fn engine() -> Engine {
    Engine::new(Setup { installation: "abcd1234".into(), digest_key: [7; 32], dialects: Arc::new(Words) })
}

/// One length-prefixed piece of the input.
fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (piece, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = after;
    Some(piece)
}

fn check_records(input: &[u8]) {
    let mut engine = engine();
    let mut rest = input;
    let mut seq = Seq(0);
    let mut keys = Vec::new();
    while let Some((has_body, after)) = rest.split_first() {
        rest = after;
        let Some(record) = piece(&mut rest) else { break };
        let body = if has_body & 1 == 1 { piece(&mut rest) } else { None };
        if let Ok(read) = Record::decode(record) {
            assert_eq!(
                Record::decode(&read.encode()).as_ref(),
                Ok(&read),
                "a record reads as it was written"
            );
        }
        seq.0 += 1;
        if engine.replay(seq, record, body).is_err() {
            // The program refuses to start then.
            return;
        }
        keys.push(seq.0);
    }
    let taken = work(engine, &keys);
    let mut other = self::engine();
    for (seq, record, body) in taken {
        let read = other.replay(seq, &record, body.as_deref());
        assert!(read.is_ok(), "what an engine wrote is read: {read:?}");
    }
    other.start(now(20), &[]);
}

fn now(secs: u64) -> Now {
    Now { wall: Timestamp(1_790_000_000_000), mono: Duration::from_secs(secs), random: 5 }
}

/// Lets an engine work for a while and write down its state, and returns what it wrote.
fn work(mut engine: Engine, keys: &[u64]) -> Vec<(Seq, Vec<u8>, Option<Vec<u8>>)> {
    let account = |name: &str| AccountSpec {
        id: name.into(),
        platform: "test".into(),
        platform_name: "Test".to_owned(),
        team: name.to_owned(),
        bridgebot: true,
        outside: Outside::Allow,
    };
    let accounts = vec![account("a"), account("b")];
    let config = Configuration { accounts, ..Configuration::default() };
    engine.start(now(1), keys);
    engine.step(now(1), Input::Configure(Box::new(config)));
    for name in ["a", "b"] {
        let account = AccountId::from(name);
        engine.step(now(2), Input::Health { account, health: Health::Connected });
    }
    for secs in [3, 40, 4_000] {
        engine.step(now(secs), Input::Tick);
    }
    engine.write_snapshot();
    let appended = engine.step(now(4_001), Input::Tick).into_iter().filter_map(|effect| match effect {
        Effect::Append { seq, record, body } => Some((seq, record, body.map(|(_, body)| body))),
        _ => None,
    });
    appended.collect()
}
