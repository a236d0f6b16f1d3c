//! What becomes of sends whose outcome nobody knows: after a cut, a kill, a power loss, a restored backup.

use std::time::Duration;

use sameroom_engine::{Effect, Input};
use sameroom_types::action::{Answer, Outcome};
use sameroom_types::capabilities::{Capabilities, Once};
use sameroom_types::event::RoomEvent;
use sameroom_types::ids::{DeliveryId, NativeIds};
use sameroom_types::rows::DeliveryState;

use crate::people::said;
use crate::rig::Rig;
use crate::tables::full;

fn with_once(key: Option<u64>, history: Option<u64>) -> Capabilities {
    let once =
        Once { key: key.map(Duration::from_secs), history: history.map(Duration::from_secs), echo: false };
    Capabilities { once, ..full() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { why: "cut".into() }
}

/// The delivery and part that a session was last asked about.
fn asked(rig: &Rig) -> Option<(DeliveryId, u32)> {
    rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Ask { delivery, part, .. } => Some((*delivery, *part)),
        _ => None,
    })
}

#[test]
fn an_unknown_send_is_repeated_under_the_same_key_where_keys_count() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(Some(3600), None))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.answer(unknown());
    assert_eq!(rig.wire.len(), 2);
    assert_eq!(rig.wire[0].1, rig.wire[1].1, "the same to the last byte, key included");
    assert_eq!(rig.store.deliveries.values().map(|row| row.repeats).sum::<u32>(), 0);
}

#[test]
fn an_unknown_send_is_asked_about_after_the_in_doubt_wait_and_not_sent_before_the_answer() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(None, Some(2)))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.answer(unknown());
    rig.pass(Duration::from_millis(1_900));
    assert_eq!(asked(&rig), None);
    rig.pass(Duration::from_millis(200));
    let (delivery, part) = asked(&rig).expect("asked after the wait");
    rig.posts("a", "Ann", "m2", "behind");
    assert_eq!(rig.shown("b"), ["[Ann, A] hello"], "nothing overtakes it");
    rig.feed(Input::Answered { delivery, part, answer: Answer::Found(NativeIds::one("x1")) });
    assert_eq!(rig.shown("b"), ["[Ann, A] hello", "[Ann, A] behind"]);
    assert_eq!(rig.states("b")[0], DeliveryState::Delivered);
}

#[test]
fn an_unknown_send_that_surely_did_not_arrive_is_sent_again() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(None, Some(2)))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.answer(unknown());
    rig.pass(Duration::from_secs(3));
    let (delivery, part) = asked(&rig).expect("asked");
    rig.feed(Input::Answered { delivery, part, answer: Answer::Absent });
    rig.confirm(Some("x1"));
    assert_eq!(rig.shown("b"), ["[Ann, A] hello", "[Ann, A] hello"]);
    assert_eq!(rig.store.deliveries.values().map(|row| row.repeats).sum::<u32>(), 0, "no risk of a double");
}

#[test]
fn where_neither_key_nor_history_exists_an_unknown_send_is_repeated_and_counted() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(None, None))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.answer(unknown());
    rig.confirm(Some("x1"));
    assert_eq!(rig.shown("b").len(), 2);
    assert_eq!(rig.store.deliveries.values().map(|row| row.repeats).sum::<u32>(), 1);
}

#[test]
fn a_send_under_way_at_a_kill_is_unknown_after_the_start() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(None, Some(2)))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.restart(false);
    rig.pass(Duration::from_secs(3));
    let (delivery, part) = asked(&rig).expect("asked, not sent");
    rig.feed(Input::Answered { delivery, part, answer: Answer::Found(NativeIds::one("x1")) });
    assert_eq!(rig.shown("b").iter().filter(|line| line.contains("hello")).count(), 1);
    rig.by_itself("b");
    rig.edits("a", "Ann", "m1", "hello there");
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("edit x1: [Ann, A] hello there"));
}

#[test]
fn a_retry_after_a_kill_goes_on_at_the_first_unfinished_part_with_the_frozen_words() {
    let short = Capabilities {
        text: sameroom_types::limit::TextLimit { multiline: false, ..full().text },
        ..with_once(Some(3600), None)
    };
    let mut rig = Rig::of(&[("a", full()), ("b", short)]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one\ntwo\nthree");
    rig.confirm(Some("x1"));
    rig.restart(false);
    // Its room's format is another now, but what was frozen stays.
    let resent: Vec<String> =
        rig.shown("b").into_iter().skip(3).filter(|line| line.starts_with('<')).collect();
    assert_eq!(resent, ["<A\u{200b}nn> two", "<A\u{200b}nn> three"]);
}

#[test]
fn an_edit_made_while_the_attempt_is_frozen_queues_behind_it() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(Some(3600), None))]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "nine");
    rig.edits("a", "Ann", "m1", "ten");
    rig.answer(unknown());
    assert_eq!(rig.shown("b"), ["[Ann, A] nine", "[Ann, A] nine"]);
    rig.confirm(Some("x1"));
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("edit x1: [Ann, A] ten"));
}

#[test]
fn an_acceptance_that_a_power_loss_took_back_is_sent_under_the_same_key_when_heard_again() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(Some(3600), None))]);
    rig.flushes = false;
    rig.posts("a", "Ann", "m1", "hello");
    let first = rig.wire.last().map(|(_, request)| request.key.clone());
    rig.flushes = true;
    rig.restart(true);
    rig.wire.clear();
    rig.heard(&"a".into(), "a", RoomEvent::Posted(said("Ann", "m1", "hello")), true);
    let again = rig.wire.iter().rev().find(|(_, request)| request.room.as_str() == "b");
    assert_eq!(again.map(|(_, request)| request.key.clone()), first);
}

#[test]
fn what_catch_up_finds_is_asked_about_first_where_only_history_tells() {
    let mut rig = Rig::of(&[("a", full()), ("b", with_once(None, Some(2)))]);
    rig.flushes = false;
    rig.posts("a", "Ann", "m1", "hello");
    rig.flushes = true;
    let said_at = rig.now.wall;
    rig.restart(true);
    rig.wire.clear();
    rig.heard_at(&"a".into(), "a", RoomEvent::Posted(said("Ann", "m1", "hello")), true, said_at);
    rig.pass(Duration::from_secs(3));
    let (delivery, part) = asked(&rig).expect("asked before it is sent");
    assert_eq!(rig.shown("b").iter().filter(|line| line.contains("hello")).count(), 0);
    rig.feed(Input::Answered { delivery, part, answer: Answer::Found(NativeIds::one("b1")) });
    assert_eq!(rig.states("b").last(), Some(&DeliveryState::Delivered));
}

#[test]
fn an_echo_before_the_answer_confirms_and_the_answer_after_it_changes_nothing() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "hello");
    let (_, request) = rig.pending.front().cloned().expect("under way");
    let mut echo = said("bot-b", "x1", "[Ann, A] hello");
    echo.mark = sameroom_types::ids::Mark::parse(request.key.as_str());
    rig.event("b", RoomEvent::Posted(echo));
    assert_eq!(rig.states("b"), [DeliveryState::Delivered]);
    rig.answer(unknown());
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.shown("b"), ["[Ann, A] hello"]);
    assert_eq!(rig.shown("a"), Vec::<String>::new(), "the echo is not relayed");
}

#[test]
fn an_id_used_again_after_an_hour_for_other_words_is_another_message() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("a", "Ann", "m1", "hello");
    rig.posts("a", "Ann", "m1", "hello");
    rig.pass(Duration::from_secs(3_700));
    rig.posts("a", "Ann", "m1", "hello");
    rig.posts("a", "Ann", "m1", "something else");
    assert_eq!(rig.shown("b"), ["[Ann, A] hello", "[Ann, A] something else"]);
}

#[test]
fn a_clock_that_jumps_changes_neither_order_nor_waits() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    let after = Some(Duration::from_secs(5));
    let scope = sameroom_types::action::Wait::Message;
    rig.answer(Outcome::Later { after, scope, why: "429".into() });
    rig.now.wall.0 -= 7 * 86_400_000;
    rig.posts("a", "Ann", "m2", "two");
    rig.pass(Duration::from_secs(4));
    assert_eq!(rig.pending.len(), 0, "a jump back makes nothing go early");
    rig.pass(Duration::from_secs(1));
    rig.confirm(Some("x1"));
    rig.confirm(Some("x2"));
    assert_eq!(rig.shown("b"), ["[Ann, A] one", "[Ann, A] one", "[Ann, A] two"]);
}
