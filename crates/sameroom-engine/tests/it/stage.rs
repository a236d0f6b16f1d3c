//! An engine with rooms on in-memory accounts, whose sends always arrive, and a clock that is set by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sameroom_engine::{Dialects, Effect, Engine, Input, Setup};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::action::{Action, Outcome};
use sameroom_types::capabilities::{Capabilities, Support};
use sameroom_types::event::{Author, Content, ContentKind, Inbound, Post, Role, RoomEvent};
use sameroom_types::ids::{AccountId, NativeIds, Seq, Ticket};
use sameroom_types::policy::{AccountSpec, Configuration, Outside};
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::text::Text;
use sameroom_types::time::{Now, Timestamp};

struct Words;

impl Dialects for Words {
    fn dialect(&self, _platform: &str, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

/// One BridgeBot account per room, each a world of its own.
pub(crate) struct Stage {
    engine: Engine,
    now: Now,
    next: u64,
    /// What each room was told and not yet read, oldest first.
    told: BTreeMap<AccountId, Vec<String>>,
}

fn person(name: &str, role: Role) -> Author {
    Author { id: name.into(), name: name.to_owned(), username: None, avatar: None, is_bot: false, role }
}

impl Stage {
    /// Rooms by the names of their accounts.
    pub(crate) fn new(rooms: &[&str]) -> Self {
        let setup = Setup { installation: "abcd1234".into(), digest_key: [7; 32], dialects: Arc::new(Words) };
        let now = Now { wall: Timestamp(1_790_000_000_000), mono: Duration::from_secs(1), random: 5 };
        let mut stage = Self { engine: Engine::new(setup), now, next: 1, told: BTreeMap::new() };
        let accounts = rooms.iter().map(|room| AccountSpec {
            id: (*room).into(),
            platform: "test".into(),
            platform_name: "Test".to_owned(),
            team: (*room).to_owned(),
            bridgebot: true,
            outside: Outside::Allow,
        });
        let config = Configuration { accounts: accounts.collect(), ..Configuration::default() };
        stage.step(Input::Configure(Box::new(config)));
        for room in rooms {
            let account = AccountId::from(*room);
            stage.step(Input::Health { account: account.clone(), health: Health::Connected });
            let me = Box::new(person("sameroom", Role::Member));
            stage.step(Input::Connected { account: account.clone(), realm: (*room).into(), me });
            stage.step(Input::Invited { account: account.clone(), room: "lobby".into(), by: None });
            stage.step(Input::Room {
                account,
                asked: Some("lobby".into()),
                id: "lobby".into(),
                name: format!("lobby of {room}"),
                kind: RoomKind::Public,
                capabilities: Box::new(Capabilities { window: 64, ..Capabilities::TEXT_ONLY }),
            });
        }
        stage
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.wall.0 += i64::try_from(time.as_millis()).expect("short");
        self.step(Input::Tick);
    }

    /// A moderator says something in a room.
    pub(crate) fn say(&mut self, room: &str, text: &str) {
        self.next += 1;
        let post = Post {
            ids: NativeIds::one(format!("n{}", self.next)),
            author: person("mod", Role::Moderator),
            content: Content { text: Text::plain(text), files: Vec::new(), kind: ContentKind::Text },
            reply: None,
            thread: None,
            album: None,
            mark: None,
        };
        let inbound = Box::new(Inbound {
            room: "lobby".into(),
            at: None,
            cursor: None,
            history: false,
            event: RoomEvent::Posted(post),
        });
        self.step(Input::Event { account: room.into(), ticket: Ticket(self.next), inbound });
    }

    /// What a room was told since the last look.
    pub(crate) fn told(&mut self, room: &str) -> Vec<String> {
        self.told.remove(&AccountId::from(room)).unwrap_or_default()
    }

    fn step(&mut self, input: Input) {
        self.now.random = self.now.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut last = Seq(0);
            for effect in self.engine.step(self.now, input) {
                match effect {
                    Effect::Append { seq, .. } => last = last.max(seq),
                    Effect::Send { account, request } => {
                        if let Action::Post(post) = &request.action {
                            self.told.entry(account.clone()).or_default().push(post.text.text.clone());
                        }
                        self.next += 1;
                        let ids = Some(NativeIds::one(format!("s{}", self.next)));
                        inputs.push(Input::Sent {
                            account,
                            delivery: request.delivery,
                            part: request.part,
                            outcome: Outcome::Done { ids, shown: true },
                        });
                    }
                    _ => {}
                }
            }
            if last > Seq(0) {
                inputs.push(Input::Written(last));
            }
        }
    }
}
