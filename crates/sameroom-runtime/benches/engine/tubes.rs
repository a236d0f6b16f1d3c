//! What a message and an idle tube cost, with few tubes and with many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sameroom_engine::{Dialects, Effect, Engine, Input, Setup};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::capabilities::Support;
use sameroom_types::ids::{AccountId, RoomSpec, Ticket};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, TubeSpec};
use sameroom_types::room::{Direction, Health, RoomKind};
use sameroom_types::time::{Now, Timestamp};

use crate::load::memory;
use crate::memory::{author, message};

/// Messages measured.
const MESSAGES: u64 = 20_000;

struct Plaintext;

impl Dialects for Plaintext {
    fn dialect(&self, _platform: &str, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

fn now(millis: u64) -> Now {
    let wall = Timestamp(1_790_000_000_000 + i64::try_from(millis).unwrap_or(0));
    Now { mono: Duration::from_millis(millis), wall, random: u128::from(millis) }
}

/// Prints the figures with so many tubes, each a pair of rooms.
pub(crate) fn measure(count: u64) {
    let before = memory("VmRSS").unwrap_or(0.0);
    let account = |id: &str| AccountSpec {
        id: id.into(),
        platform: "memory".into(),
        platform_name: "Memory".into(),
        team: id.into(),
        bridgebot: false,
        outside: Outside::Allow,
    };
    let spec = |account: &str, room: String| RoomSpec { account: account.into(), room: room.into() };
    let config = Configuration {
        accounts: vec![account("a"), account("b")],
        tubes: (0..count)
            .map(|number| TubeSpec {
                a: spec("a", format!("r{number}")),
                b: spec("b", format!("r{number}")),
                direction: Direction::Both,
                line: 1,
            })
            .collect(),
        ours: vec!["a".into(), "b".into()],
        ..Configuration::default()
    };
    let mut engine = Engine::new(Setup {
        installation: "benchben".into(),
        digest_key: [7; 32],
        dialects: Arc::new(Plaintext),
    });
    engine.start(now(0), &[]);
    let mut clock = 1;
    let mut step = |engine: &mut Engine, input: Input| -> Vec<Effect> {
        clock += 1;
        let effects = engine.step(now(clock), input);
        let written = effects.iter().rev().find_map(|effect| match effect {
            Effect::Append { seq, .. } => Some(*seq),
            _ => None,
        });
        match written {
            Some(seq) => engine.step(now(clock), Input::Written(seq)),
            None => effects,
        }
    };
    let began = Instant::now();
    step(&mut engine, Input::Configure(Box::new(config)));
    let configured = began.elapsed();
    let began = Instant::now();
    for id in ["a", "b"] {
        let account: AccountId = id.into();
        step(&mut engine, Input::Health { account: account.clone(), health: Health::Connected });
        let me = Box::new(author("us"));
        step(&mut engine, Input::Connected { account: account.clone(), realm: id.into(), me });
        for number in 0..count {
            let room = format!("r{number}");
            step(
                &mut engine,
                Input::Room {
                    account: account.clone(),
                    asked: Some(room.as_str().into()),
                    id: room.as_str().into(),
                    name: room,
                    kind: RoomKind::Public,
                    capabilities: Box::new(crate::memory::ROOM),
                },
            );
        }
    }
    let entered = began.elapsed();
    let idle = (memory("VmRSS").unwrap_or(0.0) - before) * 1024.0 * 1024.0;
    // Once past all rooms that are used, so that caches of routes are filled as they are in use.
    let used = count.min(MESSAGES);
    for round in 0..2 {
        let began = Instant::now();
        for number in 0..used {
            let ticket = Ticket(round * used + number + 1);
            let inbound = Box::new(message(round * used + number, number * (count / used)));
            step(&mut engine, Input::Event { account: "a".into(), ticket, inbound });
        }
        if round == 1 {
            #[expect(clippy::cast_precision_loss, reason = "few enough")]
            let (used, count) = (used as f64, count as f64);
            println!(
                "{count} tubes: {:.1} us per message accepted and handed to its room; {:.0} B per idle tube; configured in {:.2} s, entered in {:.2} s",
                began.elapsed().as_secs_f64() * 1e6 / used,
                idle / count,
                configured.as_secs_f64(),
                entered.as_secs_f64()
            );
        }
    }
}
