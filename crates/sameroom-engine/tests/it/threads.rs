//! Threads: one side conversation in the whole network, as each room has threads.

use std::time::Duration;

use sameroom_types::capabilities::Threads;
use sameroom_types::event::{RoomEvent, ThreadEvent};

use crate::rig::Rig;
use crate::tables::{full, lines, threaded};

fn rig() -> Rig {
    Rig::of(&[
        ("a", threaded(Threads::ReplyRoot)),
        ("b", threaded(Threads::ReplyRoot)),
        ("c", threaded(Threads::NamedTopic)),
        ("d", full()),
        ("e", lines()),
    ])
}

#[test]
fn a_thread_under_a_root_is_native_by_each_rooms_degree_and_an_answer_elsewhere() {
    let mut rig = rig();
    rig.posts("a", "Ann", "m1", "who comes?");
    rig.wire.clear();
    rig.posts_in_thread("a", "Al", "m2", "m1", "me");
    assert_eq!(rig.shown("b"), ["#b1 [Al, A] me"]);
    assert_eq!(rig.shown("c"), ["#thread of 12:00 UTC, 1 [Al, A] me"]);
    assert_eq!(rig.shown("d"), ["@d1 [Al, A] me"]);
    assert_eq!(rig.shown("e"), ["<A\u{200b}l> (re A\u{200b}nn: “who comes?”) me"]);
}

#[test]
fn a_thread_goes_on_from_any_room_that_has_it() {
    let mut rig = rig();
    rig.posts("a", "Ann", "m1", "who comes?");
    rig.posts_in_thread("a", "Al", "m2", "m1", "me");
    rig.wire.clear();
    rig.posts_in_thread("b", "Bob", "n1", "b1", "me too");
    rig.posts_in_thread("c", "Cid", "o1", "thread of 12:00 UTC, 1", "and me");
    assert_eq!(rig.shown("a"), ["#m1 [Bob, B] me too", "#m1 [Cid, C] and me"]);
    assert_eq!(rig.shown("b"), ["#b1 [Cid, C] and me"]);
    assert_eq!(rig.shown("c"), ["#thread of 12:00 UTC, 1 [Bob, B] me too"]);
}

#[test]
fn a_topic_hangs_on_its_first_message_where_threads_have_roots_and_is_named_elsewhere() {
    let mut rig = rig();
    rig.posts_in_thread("c", "Cid", "o1", "lunch", "pizza?");
    rig.posts_in_thread("c", "Cleo", "o2", "lunch", "yes");
    assert_eq!(rig.shown("a"), ["[Cid, C] (lunch) pizza?", "#a1 [Cleo, C] yes"]);
    assert_eq!(rig.shown("d"), ["[Cid, C] (lunch) pizza?", "[Cleo, C] (lunch) yes"]);
    rig.wire.clear();
    rig.posts_in_thread("a", "Ann", "m1", "a1", "no");
    assert_eq!(rig.shown("c"), ["#lunch [Ann, A] no"]);
}

#[test]
fn the_map_of_threads_survives_a_restart_and_a_snapshot() {
    for snapshot in [false, true] {
        let mut rig = rig();
        rig.posts_in_thread("c", "Cid", "o1", "lunch", "pizza?");
        if snapshot {
            rig.snapshot();
        }
        rig.restart(true);
        rig.wire.clear();
        rig.posts_in_thread("c", "Cleo", "o2", "lunch", "yes");
        assert_eq!(
            rig.shown("a").last().map(String::as_str),
            Some("#a1 [Cleo, C] yes"),
            "snapshot {snapshot}"
        );
    }
}

#[test]
fn a_thread_made_and_named_is_known_by_its_name() {
    let mut rig =
        Rig::of(&[("a", threaded(Threads::SubRoom)), ("b", threaded(Threads::NamedTopic)), ("c", full())]);
    rig.posts("a", "Ann", "m1", "who comes?");
    let (thread, name) = ("sub7", Some("Friday".to_owned()));
    rig.event(
        "a",
        RoomEvent::Thread(ThreadEvent::Created { thread: thread.into(), name, root: Some("m1".into()) }),
    );
    rig.wire.clear();
    rig.posts_in_thread("a", "Al", "m2", thread, "me");
    assert_eq!(rig.shown("b"), ["#Friday [Al, A] me"]);
    assert_eq!(rig.shown("c"), ["[Al, A] (Friday) me"]);
    rig.event(
        "a",
        RoomEvent::Thread(ThreadEvent::Renamed { thread: thread.into(), name: "Saturday".into() }),
    );
    rig.event("a", RoomEvent::Thread(ThreadEvent::Closed { thread: thread.into() }));
    assert_eq!(rig.news("b")[1..], ["rename thread Friday: Saturday", "close thread Saturday"]);
    rig.wire.clear();
    rig.posts_in_thread("b", "Bob", "n1", "Friday", "so do I");
    rig.posts_in_thread("a", "Al", "m3", thread, "good");
    assert_eq!(rig.shown("a"), ["#sub7 [Bob, B] so do I"]);
    assert_eq!(rig.shown("b"), ["#Saturday [Al, A] good"], "the topic has gone along");
    assert_eq!(rig.shown("c").last().map(String::as_str), Some("[Al, A] (Saturday) good"));
}

#[test]
fn a_message_moved_to_a_new_thread_becomes_its_root() {
    let mut rig = rig();
    rig.posts("c", "Cid", "o1", "pizza?");
    let to = Some("lunch".into());
    rig.event("c", RoomEvent::Thread(ThreadEvent::Moved { message: "o1".into(), to }));
    rig.wire.clear();
    rig.posts_in_thread("c", "Cleo", "o2", "lunch", "yes");
    assert_eq!(rig.shown("a"), ["#a1 [Cleo, C] yes"]);
}

#[test]
fn a_post_into_an_unknown_thread_is_a_plain_post() {
    let mut rig = rig();
    rig.posts_in_thread("a", "Al", "m2", "never heard of", "me");
    assert_eq!(rig.shown("b"), ["[Al, A] me"]);
}

#[test]
fn a_post_into_a_thread_whose_root_may_be_ours_waits_half_a_minute_and_is_then_plain() {
    let mut rig = Rig::of(&[("a", threaded(Threads::ReplyRoot)), ("b", threaded(Threads::ReplyRoot))]);
    rig.by_hand("a");
    rig.posts("b", "Bob", "n1", "who comes?");
    rig.posts_in_thread("a", "Ann", "m1", "unknown yet", "me");
    assert_eq!(rig.shown("b"), Vec::<String>::new());
    rig.pass(Duration::from_secs(29));
    assert_eq!(rig.shown("b"), Vec::<String>::new());
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.shown("b"), ["[Ann, A] me"]);
}

#[test]
fn a_post_into_a_thread_whose_root_is_ours_finds_it_once_the_send_is_confirmed() {
    let mut rig = Rig::of(&[("a", threaded(Threads::ReplyRoot)), ("b", threaded(Threads::ReplyRoot))]);
    rig.by_hand("a");
    rig.posts("b", "Bob", "n1", "who comes?");
    rig.posts_in_thread("a", "Ann", "m1", "x1", "me");
    rig.confirm(Some("x1"));
    assert_eq!(rig.shown("b"), ["#n1 [Ann, A] me"]);
}
