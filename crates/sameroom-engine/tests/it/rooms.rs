//! Rooms that turn out to be one, move, get new names, end; several accounts in one room.

use sameroom_engine::{Reply, Request};
use sameroom_types::capabilities::{Capabilities, IdScope};
use sameroom_types::event::RoomEvent;
use sameroom_types::room::TubeState;
use sameroom_types::rows::{DeliveryState, SkipReason};

use crate::people::said;
use crate::rig::{Rig, Way};
use crate::tables::full;

/// Rooms `a` and `b`, and a second account in `b` that writes the room as `b2`.
fn shared(can: &Capabilities) -> Rig {
    let second = Way { account: "second".into(), written: "b2".into(), ..Way::alone("b", can.clone()) };
    let ways = vec![Way::alone("a", full()), Way::alone("b", can.clone()), second];
    Rig::tied(ways, &[("a", "b"), ("a", "b2")], |_| {})
}

#[test]
fn two_numbers_that_turn_out_to_be_one_room_get_one_copy() {
    let mut rig = shared(&full());
    assert_eq!(rig.number("b"), rig.number("b2"));
    rig.posts("a", "Ann", "m1", "hello");
    assert_eq!(rig.shown("b"), ["[Ann, A] hello"]);
    rig.posts("b", "Bob", "n1", "hi");
    assert_eq!(rig.shown("a"), ["[Bob, B] hi"]);
    assert_eq!(rig.shown("b").len(), 1, "not echoed into the same room");
}

#[test]
fn what_waited_for_two_numbers_is_sent_once_when_they_become_one() {
    let mut second = Way { account: "second".into(), written: "b2".into(), ..Way::alone("b", full()) };
    second.up = false;
    let mut first = Way::alone("b", full());
    first.up = false;
    let ways = vec![Way::alone("a", full()), first.clone(), second.clone()];
    let mut rig = Rig::tied(ways, &[("a", "b"), ("a", "b2")], |_| {});
    rig.posts("a", "Ann", "m1", "one");
    rig.posts("a", "Ann", "m2", "two");
    rig.connect(&first);
    rig.connect(&second);
    let copies: Vec<String> = rig.shown("b").into_iter().filter(|line| line.starts_with("[Ann")).collect();
    assert_eq!(copies, ["[Ann, A] one", "[Ann, A] two"]);
    rig.edits("a", "Ann", "m1", "uno");
    assert!(rig.shown("b").last().is_some_and(|line| line.ends_with("[Ann, A] uno")), "{:?}", rig.shown("b"));
    assert_eq!(rig.bodies(), 0, "every event has ended, so no body can be read");
}

#[test]
fn what_one_number_said_to_the_other_is_not_said_again_when_they_become_one() {
    let first = Way { up: false, ..Way::alone("b", full()) };
    let second = Way { account: "second".into(), written: "b2".into(), up: false, ..Way::alone("b", full()) };
    let ways = vec![first.clone(), second.clone(), Way::alone("a", full())];
    let mut rig = Rig::tied(ways, &[("b", "b2"), ("b2", "a")], |_| {});
    rig.by_hand("b");
    rig.connect(&first);
    rig.posts("b", "Bob", "n1", "hi");
    rig.connect(&second);
    rig.by_itself("b");
    assert_eq!(rig.shown("a").iter().filter(|line| line.contains("Bob")).count(), 1);
    assert!(rig.shown("b").iter().all(|line| !line.contains("Bob")), "{:?}", rig.shown("b"));
    let surplus = DeliveryState::Skipped { why: SkipReason::NoChange };
    assert_eq!(rig.store.history.iter().filter(|(_, state)| *state == surplus).count(), 1);
}

#[test]
fn a_send_on_its_way_under_the_number_that_ends_is_confirmed_under_the_one_that_stays() {
    let first = Way { up: false, ..Way::alone("b", full()) };
    let second = Way { account: "second".into(), written: "b2".into(), ..Way::alone("b", full()) };
    let ways = vec![Way::alone("a", full()), first.clone(), second];
    let mut rig = Rig::tied(ways, &[("a", "b"), ("a", "b2")], |_| {});
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.connect(&first);
    rig.by_itself("b");
    while !rig.pending.is_empty() {
        rig.confirm(Some("x1"));
    }
    rig.pass(std::time::Duration::from_secs(5));
    let copies = rig.shown("b").into_iter().filter(|line| line.starts_with("[Ann")).count();
    assert_eq!(copies, 1);
    rig.edits("a", "Ann", "m1", "hello there");
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("edit x1: [Ann, A] hello there"));
}

#[test]
fn the_map_of_a_merged_room_serves_replies_and_reactions_to_its_older_copies() {
    let first = Way::alone("b", full());
    let second = Way { account: "second".into(), written: "b2".into(), up: false, ..Way::alone("b", full()) };
    let ways = vec![Way::alone("a", full()), first, second.clone()];
    let mut rig = Rig::tied(ways, &[("a", "b"), ("a", "b2")], |_| {});
    rig.posts("a", "Ann", "m1", "cake?");
    rig.connect(&second);
    rig.wire.clear();
    rig.replies("b", "Bob", "n1", "b1", "yes");
    rig.reacts("b", "Bob", "b1", "👍");
    assert_eq!(rig.shown("a"), ["@m1 [Bob, B] yes", "react m1 👍"]);
    rig.restart(true);
    rig.wire.clear();
    rig.replies("b", "Bob", "n2", "b1", "please");
    assert_eq!(rig.shown("a").last().map(String::as_str), Some("@m1 [Bob, B] please"));
}

#[test]
fn of_two_accounts_in_a_room_one_listens_and_each_message_counts_once() {
    let mut rig = shared(&full());
    for account in ["second", "b", "second"] {
        rig.heard(&account.into(), "b", RoomEvent::Posted(said("Bob", "n1", "hi")), false);
    }
    assert_eq!(rig.shown("a"), ["[Bob, B] hi"]);
}

#[test]
fn the_stand_by_takes_over_with_what_the_listener_did_not_report() {
    for ids in [IdScope::Shared, IdScope::PerAccount] {
        let mut rig = shared(&Capabilities { ids, ..full() });
        let id = |own: &str, other: &str| match ids {
            IdScope::Shared => own.to_owned(),
            IdScope::PerAccount => other.to_owned(),
        };
        let second = "second".into();
        for (index, text) in ["one", "two", "three"].iter().enumerate() {
            let (own, other) = (format!("n{index}"), format!("s{index}"));
            rig.heard(&second, "b", RoomEvent::Posted(said("Bob", &id(&own, &other), text)), false);
            if index == 0 {
                rig.heard(&"b".into(), "b", RoomEvent::Posted(said("Bob", &own, text)), false);
            }
        }
        assert_eq!(rig.shown("a"), ["[Bob, B] one"], "{ids:?}");
        rig.goes_down("b");
        assert_eq!(rig.shown("a"), ["[Bob, B] one", "[Bob, B] two", "[Bob, B] three"], "{ids:?}");
        rig.posts("a", "Ann", "m1", "hello");
        assert_eq!(rig.wire.last().map(|(account, _)| account.as_str()), Some("second"), "{ids:?}");
    }
}

#[test]
fn the_stand_bys_late_report_of_what_the_listener_told_is_not_replayed() {
    for ids in [IdScope::Shared, IdScope::PerAccount] {
        let mut rig = shared(&Capabilities { ids, ..full() });
        rig.heard(&"b".into(), "b", RoomEvent::Posted(said("Bob", "n1", "one")), false);
        let id = if ids == IdScope::Shared { "n1" } else { "s1" };
        rig.heard(&"second".into(), "b", RoomEvent::Posted(said("Bob", id, "one")), false);
        rig.goes_down("b");
        assert_eq!(rig.shown("a"), ["[Bob, B] one"], "{ids:?}");
    }
}

#[test]
fn a_room_that_migrates_goes_on_under_its_new_id_and_old_ids_mean_nothing_any_more() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("b", "Bob", "n1", "one");
    rig.event("b", RoomEvent::Migrated { to: "b-new".into() });
    rig.wire.clear();
    rig.heard(&"b".into(), "b-new", RoomEvent::Posted(said("Bob", "x1", "two")), false);
    rig.posts("a", "Ann", "m1", "hello");
    assert_eq!(rig.shown("a"), ["[Bob, B] two"]);
    assert_eq!(rig.shown("b-new"), ["[Ann, A] hello"]);
    assert_eq!(rig.shown("b"), Vec::<String>::new());
    rig.reacts("a", "Ann", "a1", "👍");
    assert_eq!(rig.shown("b-new"), ["[Ann, A] hello"], "n1 may be another message there");
    rig.replies("a", "Ann", "m2", "a1", "as you said");
    assert!(rig.shown("b-new")[1].contains("as you said"), "{:?}", rig.shown("b-new"));
    rig.ways[1].remote = "b-new".to_owned();
    rig.restart(false);
    rig.reacts("a", "Ann", "a2", "👍");
    let last = rig.shown("b-new").last().cloned();
    assert_eq!(last.as_deref(), Some("react x1 👍"), "ids of the new room are good");
}

#[test]
fn an_id_of_the_new_space_that_an_old_message_had_is_another_message() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("b", "Bob", "n1", "one");
    rig.event("b", RoomEvent::Migrated { to: "b-new".into() });
    rig.heard(&"b".into(), "b-new", RoomEvent::Posted(said("Bob", "n1", "two")), false);
    assert_eq!(rig.shown("a"), ["[Bob, B] one", "[Bob, B] two"]);
}

#[test]
fn a_renamed_room_is_called_by_its_new_name() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.event("b", RoomEvent::Renamed { name: "kitchen".into() });
    let Reply::Rooms(rooms) = rig.ask(Request::Rooms) else { panic!("a list") };
    assert!(rooms.iter().any(|room| room.name == "kitchen"), "{rooms:?}");
    rig.posts("a", "Ann", "m1", "still here");
    assert_eq!(rig.shown("b"), ["[Ann, A] still here"]);
}

#[test]
fn an_archived_room_leaves_the_network_with_the_reason_said() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.event("b", RoomEvent::Archived);
    let Reply::Tubes(tubes) = rig.ask(Request::Tubes) else { panic!("a list") };
    assert!(matches!(&tubes[0].state, TubeState::Failed { why } if why.contains("archived")), "{tubes:?}");
    assert!(rig.shown("a")[0].contains("archived"), "{:?}", rig.shown("a"));
    rig.posts("a", "Ann", "m1", "hello");
    assert_eq!(rig.shown("b"), Vec::<String>::new());
}

#[test]
fn a_kick_means_stop_until_somebody_asks_again() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.event("b", RoomEvent::Kicked { by: Some("Mo".into()), reason: Some("spam".into()) });
    rig.posts("a", "Ann", "m1", "hello");
    assert_eq!(rig.shown("b"), Vec::<String>::new());
    assert!(rig.shown("a")[0].contains("by Mo (spam)"), "{:?}", rig.shown("a"));
    rig.feed(sameroom_engine::Input::Invited { account: "b".into(), room: "b".into(), by: None });
    rig.comes_back("b");
    rig.posts("a", "Ann", "m2", "hello again");
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("[Ann, A] hello again"));
    assert!(rig.states("b").iter().all(|state| *state == DeliveryState::Delivered));
}
