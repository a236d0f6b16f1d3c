//! What rooms are told of troubles: soon, once, and by the names that may be told.

use std::time::Duration;

use sameroom_types::event::RoomEvent;
use sameroom_types::room::RoomKind;
use sameroom_types::time::Timestamp;

use crate::people::said;
use crate::rig::{NOON, Rig, Way, person, policy};
use crate::tables::{full, lines};

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[test]
fn an_outage_is_told_after_two_minutes_and_not_before() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.pass(Duration::from_secs(119));
    assert_eq!(rig.shown("a"), Vec::<String>::new());
    rig.pass(Duration::from_secs(1));
    let told = rig.news("a");
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("b on B (Memory) can't be reached since 12:00 UTC (connection reset)"),
        "{told:?}"
    );
    rig.pass(minutes(60));
    assert_eq!(rig.shown("a"), Vec::<String>::new(), "and only once");
}

#[test]
fn on_return_the_room_is_told_how_many_messages_come_late_and_they_carry_their_time() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.pass(minutes(3));
    rig.news("a");
    rig.comes_back("b");
    assert_eq!(
        rig.shown("b"),
        [
            "(12:00 UTC) [Ann, A] one",
            "This room was cut off from 12:00 to 12:03 UTC. 1 messages said meanwhile arrive late, marked with their time."
        ]
    );
    assert!(rig.shown("a").is_empty(), "it was told of the outage less than ten minutes ago");
    rig.pass(minutes(10));
    assert_eq!(rig.shown("a"), ["b on B (Memory) is back since 12:03 UTC; 1 messages were delivered late."]);
}

#[test]
fn two_hundred_tubes_of_one_account_down_make_one_notice_per_room() {
    let mut ways = vec![Way::alone("hub", full())];
    let mut names = Vec::new();
    for index in 0..200 {
        let name = format!("r{index}");
        ways.push(Way { account: "far".into(), realm: "far".into(), ..Way::alone(&name, full()) });
        names.push(name);
    }
    let tubes: Vec<(&str, &str)> = names.iter().map(|name| ("hub", name.as_str())).collect();
    let mut rig = Rig::tied(ways, &tubes, |_| {});
    rig.goes_down("far");
    rig.pass(minutes(9));
    let told = rig.shown("hub");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("and 198 more can't be reached"), "{told:?}");
}

#[test]
fn at_most_one_notice_of_trouble_per_room_in_ten_minutes() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", full())]);
    rig.goes_down("b");
    rig.pass(minutes(1));
    rig.goes_down("c");
    rig.pass(minutes(5));
    assert_eq!(rig.shown("a").len(), 1);
}

#[test]
fn a_link_that_flaps_is_called_unstable_once() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    for _ in 0..12 {
        rig.goes_down("b");
        rig.pass(Duration::from_secs(5));
        rig.comes_back("b");
        rig.pass(Duration::from_secs(25));
    }
    let told = rig.shown("a");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("is unstable"), "{told:?}");
}

#[test]
fn a_gap_is_announced_from_when_to_when() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.event("a", RoomEvent::Gap { from: Timestamp(NOON - 600_000), to: Timestamp(NOON) });
    assert_eq!(
        rig.shown("b"),
        [
            "What was said in a on A (Memory) from 11:50 to 12:00 UTC could not be read and may be missing here."
        ]
    );
}

#[test]
fn a_room_that_wants_no_notices_gets_none() {
    let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
        policy(config, "a", |policy| policy.notices = false);
    });
    rig.goes_down("b");
    rig.pass(minutes(30));
    rig.comes_back("b");
    assert_eq!(rig.shown("a"), Vec::<String>::new());
}

#[test]
fn a_private_rooms_name_is_told_nowhere() {
    let secret = Way { kind: RoomKind::Private, ..Way::alone("secret", full()) };
    let mut rig = Rig::tied(vec![Way::alone("a", full()), secret], &[("a", "secret")], |config| {
        for account in &mut config.accounts {
            account.team = "Team".into();
        }
    });
    rig.goes_down("secret");
    rig.pass(minutes(3));
    let told = rig.shown("a");
    assert!(told[0].starts_with("a private room on Team (Memory) can't be reached"), "{told:?}");
}

#[test]
fn a_lane_that_works_and_is_a_minute_behind_says_so_once() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.pass(minutes(5));
    rig.confirm(Some("x1"));
    let told: Vec<String> =
        rig.shown("b").into_iter().filter(|line| line.contains("late at the moment")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_foreign_bridge_is_cut_within_three_rounds_with_the_reason_said() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines())]);
    let mut rounds = 0;
    for index in 0..6 {
        rig.posts("a", "Ann", &format!("m{index}"), &format!("hello {index}"));
        // Another bridge reads b and says it again in a, under its own name.
        let before = rig.shown("b").len();
        rig.posts("a", "relay", &format!("x{index}"), &format!("<Ann> [Ann, A] hello {index}"));
        rig.posts("b", "relay", &format!("y{index}"), &format!("<sameroom> <Ann> hello {index}"));
        let looped = rig.shown("a").iter().filter(|line| line.contains("relay")).count();
        rounds = rounds.max(looped);
        assert!(before > 0);
    }
    assert!(rounds < 3, "{:?}", rig.shown("a"));
    assert!(rig.shown("b").iter().any(|line| line.contains("another bridge")), "{:?}", rig.shown("b"));
}

#[test]
fn a_second_sameroom_in_the_same_rooms_is_cut_within_three_rounds() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    let mut text = "[Ann, A] hello".to_owned();
    rig.posts("a", "Ann", "m0", "hello");
    let mut relayed = 0;
    for round in 0..6 {
        // The other one hears our copy in b and says it again in a, which we relay to b, and so on.
        text = format!("[sameroom, B] {text}");
        let before = rig.shown("b").len();
        rig.posts("a", "other", &format!("x{round}"), &text);
        let told = rig.shown("b");
        if told.len() == before {
            break;
        }
        text = told.last().cloned().expect("just relayed");
        relayed += 1;
    }
    assert!(relayed <= 3, "{:?}", rig.shown("b"));
    assert!(rig.shown("a").iter().any(|line| line.contains("another bridge")), "{:?}", rig.shown("a"));
}

#[test]
fn a_person_who_quotes_a_copy_once_is_heard() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("a", "Ann", "m1", "hello");
    rig.posts("b", "Bob", "n1", "as Ann said: hello");
    assert_eq!(rig.shown("a"), ["[Bob, B] as Ann said: hello"]);
    assert!(!person("Bob").is_bot && said("Bob", "n", "x").mark.is_none());
}
