//! Every end and every wait of a delivery, by the name it has in the store.

use std::time::Duration;

use sameroom_engine::{Reply, Request};
use sameroom_types::action::{Outcome, Refusal, RefusalKind, Wait};
use sameroom_types::rows::{DeliveryState, ParkReason, SkipReason};

use crate::rig::{Rig, policy};
use crate::tables::{full, lines};

fn refusal(kind: RefusalKind) -> Outcome {
    Outcome::Refused(Refusal { kind, code: "404 no".into() })
}

fn parked() -> DeliveryState {
    DeliveryState::Parked { why: ParkReason::Refused { code: "404 no".into() } }
}

#[test]
fn delivered_once_the_last_part_is_confirmed() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one\ntwo");
    rig.confirm(Some("b1"));
    assert_eq!(rig.states("b"), [DeliveryState::Waiting]);
    rig.confirm(Some("b2"));
    assert_eq!(rig.states("b"), [DeliveryState::Delivered]);
}

#[test]
fn held_while_the_account_is_down_and_delivered_on_its_return() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "hello");
    let Reply::Deliveries(waiting) = rig.ask(Request::Waiting { limit: 10 }) else { panic!("a list") };
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].state, DeliveryState::Held { why: "connection reset".into() });
    rig.comes_back("b");
    assert_eq!(rig.states("b"), [DeliveryState::Delivered]);
}

#[test]
fn parked_when_refused_for_good_and_the_lane_goes_on() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.posts("a", "Ann", "m2", "two");
    rig.answer(refusal(RefusalKind::Message));
    rig.confirm(Some("b2"));
    assert_eq!(rig.states("b"), [parked(), DeliveryState::Delivered]);
    assert!(rig.shown("a")[0].contains("refused a message (404 no)"), "people see why: {:?}", rig.shown("a"));
}

#[test]
fn a_parked_delivery_that_is_retried_comes_late_and_marked() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.answer(refusal(RefusalKind::Message));
    rig.by_itself("b");
    let delivery = rig.last_delivery("b");
    assert!(matches!(rig.ask(Request::Retry(delivery)), Reply::Done(_)));
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("(12:00 UTC) [Ann, A] one"));
    assert_eq!(rig.states("b"), [DeliveryState::Delivered]);
    assert!(matches!(rig.ask(Request::Retry(delivery)), Reply::Refused(_)), "it is no longer parked");
}

#[test]
fn a_parked_delivery_that_is_dropped_has_expired() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.answer(refusal(RefusalKind::Message));
    let delivery = rig.last_delivery("b");
    assert!(matches!(rig.ask(Request::Drop(delivery)), Reply::Done(_)));
    assert_eq!(rig.states("b"), [DeliveryState::Expired]);
}

#[test]
fn withdrawn_when_deleted_before_it_was_sent() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "oops");
    rig.deletes("a", "Ann", "m1");
    rig.comes_back("b");
    assert_eq!(rig.states("b")[0], DeliveryState::Withdrawn);
    assert_eq!(rig.shown("b"), Vec::<String>::new());
}

#[test]
fn withdrawn_when_its_tube_is_removed_before_it_was_sent() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "hello");
    rig.config.tubes.clear();
    let config = Box::new(rig.config.clone());
    rig.feed(sameroom_engine::Input::Configure(config));
    assert_eq!(rig.states("b"), [DeliveryState::Withdrawn]);
}

#[test]
fn skipped_when_the_platform_says_it_has_no_form_or_the_target_is_gone() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.answer(refusal(RefusalKind::Unsupported));
    rig.posts("a", "Ann", "m2", "two");
    rig.answer(refusal(RefusalKind::TargetGone));
    assert_eq!(
        rig.states("b"),
        [
            DeliveryState::Skipped { why: SkipReason::NoForm },
            DeliveryState::Skipped { why: SkipReason::NoTarget }
        ]
    );
}

#[test]
fn older_than_the_room_takes_is_parked_with_one_notice_naming_from_to_and_how_many() {
    let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
        policy(config, "b", |policy| policy.late.max_age = Duration::from_secs(3600));
    });
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.pass(Duration::from_secs(600));
    rig.posts("a", "Ann", "m2", "two");
    rig.pass(Duration::from_secs(3300));
    rig.posts("a", "Ann", "m3", "three");
    rig.comes_back("b");
    rig.pass(Duration::from_secs(1));
    let late = DeliveryState::Parked { why: ParkReason::TooLate };
    assert_eq!(rig.states("b"), [late, DeliveryState::Delivered, DeliveryState::Delivered]);
    let told: Vec<String> =
        rig.shown("b").into_iter().filter(|line| line.contains("older than this room takes")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("1 messages from 12:00 to 12:00 UTC"), "{told:?}");
}

#[test]
fn more_late_messages_than_the_room_takes_are_parked_the_oldest_first() {
    let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
        policy(config, "b", |policy| policy.late.max_count = 2);
    });
    rig.goes_down("b");
    for index in 0..5 {
        rig.posts("a", "Ann", &format!("m{index}"), &format!("{index}"));
    }
    rig.pass(Duration::from_secs(700));
    rig.comes_back("b");
    let late = DeliveryState::Parked { why: ParkReason::TooLate };
    assert_eq!(
        rig.states("b"),
        [late.clone(), late.clone(), late, DeliveryState::Delivered, DeliveryState::Delivered]
    );
}

#[test]
fn a_temporary_refusal_is_tried_again_in_order_and_one_at_a_time_until_it_passed() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    let after = Some(Duration::from_secs(3));
    rig.answer(Outcome::Later { after, scope: Wait::Message, why: "429".into() });
    rig.posts("a", "Ann", "m2", "two");
    rig.posts("a", "Ann", "m3", "three");
    assert_eq!(rig.pending.len(), 0, "everything waits behind the first");
    rig.pass(Duration::from_secs(3));
    assert_eq!(rig.pending.len(), 1, "only the first goes again");
    rig.confirm(Some("b1"));
    assert_eq!(rig.pending.len(), 2, "the window is open again");
    assert_eq!(rig.shown("b"), ["[Ann, A] one", "[Ann, A] one", "[Ann, A] two", "[Ann, A] three"]);
}

#[test]
fn a_refused_account_holds_its_lanes_and_a_refused_room_fails_its_tubes() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.by_hand("b");
    rig.posts("a", "Ann", "m1", "one");
    rig.answer(refusal(RefusalKind::Account));
    let Reply::Deliveries(waiting) = rig.ask(Request::Waiting { limit: 10 }) else { panic!("a list") };
    assert_eq!(waiting[0].state, DeliveryState::Held { why: "404 no".into() });
    rig.comes_back("b");
    rig.answer(refusal(RefusalKind::Room));
    let Reply::Tubes(tubes) = rig.ask(Request::Tubes) else { panic!("a list") };
    assert_eq!(tubes[0].state, sameroom_types::room::TubeState::Failed { why: "404 no".into() });
}
