//! Edits, deletions, replies and reactions: on originals and copies, natively and as fallbacks.

use std::time::Duration;

use sameroom_types::capabilities::{Capabilities, Reactions, Support};
use sameroom_types::event::{DeletionCause, RoomEvent};
use sameroom_types::policy::{DeletePolicy, EditPolicy, Moderation};
use sameroom_types::rows::{DeliveryState, SkipReason};

use crate::people::said;
use crate::rig::{Rig, person, policy};
use crate::tables::{full, lines};

#[test]
fn a_post_reaches_every_other_room_once_with_its_author() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", lines())]);
    rig.posts("a", "Ann", "m1", "hello");
    assert_eq!(rig.shown("b"), ["[Ann, A] hello"]);
    assert_eq!(rig.shown("c"), ["<A\u{200b}nn> hello"]);
    assert_eq!(rig.shown("a"), Vec::<String>::new());
}

#[test]
fn an_edit_changes_the_copy_where_copies_can_change_and_is_a_correction_elsewhere() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", lines())]);
    rig.posts("a", "Ann", "m1", "see you at nine");
    rig.edits("a", "Ann", "m1", "see you at ten");
    assert_eq!(rig.shown("b"), ["[Ann, A] see you at nine", "edit b1: [Ann, A] see you at ten"]);
    assert_eq!(rig.shown("c").last().map(String::as_str), Some("<A\u{200b}nn> * nine → ten"));
}

#[test]
fn every_room_gets_its_own_correction_against_what_it_was_shown() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines()), ("c", lines()), ("d", lines())]);
    rig.posts("a", "Ann", "m1", "see you at nine");
    rig.wire.clear();
    rig.goes_down("d");
    rig.edits("a", "Ann", "m1", "see you at ten");
    rig.edits("a", "Ann", "m1", "see you at two");
    rig.comes_back("d");
    for room in ["b", "c"] {
        assert_eq!(rig.shown(room), ["<A\u{200b}nn> * nine → ten", "<A\u{200b}nn> * ten → two"], "{room}");
    }
    assert_eq!(rig.shown("d"), ["<A\u{200b}nn> * nine → ten", "<A\u{200b}nn> * ten → two"]);
}

#[test]
fn a_correction_after_a_restart_compares_with_the_last_one() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines())]);
    rig.posts("a", "Ann", "m1", "see you at nine");
    rig.edits("a", "Ann", "m1", "see you at ten");
    rig.restart(true);
    rig.wire.clear();
    rig.edits("a", "Ann", "m1", "see you at two");
    assert_eq!(rig.shown("b").first().map(String::as_str), Some("<A\u{200b}nn> * ten → two"));
}

#[test]
fn an_edit_by_somebody_else_or_of_a_copy_changes_nothing() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("a", "Ann", "m1", "hello");
    rig.wire.clear();
    rig.edits("a", "Bob", "m1", "forged");
    rig.edits("b", "Bob", "b1", "forged");
    assert_eq!(rig.shown("a").len() + rig.shown("b").len(), 0);
}

#[test]
fn an_edit_after_the_window_is_a_correction_line() {
    let can = Capabilities { edit_window: Some(Duration::from_secs(900)), ..full() };
    let mut rig = Rig::of(&[("a", full()), ("b", can)]);
    rig.posts("a", "Ann", "m1", "see you at nine");
    rig.pass(Duration::from_secs(901));
    rig.edits("a", "Ann", "m1", "see you at ten");
    assert_eq!(rig.shown("b"), ["[Ann, A] see you at nine", "[Ann, A] * nine → ten"]);
}

#[test]
fn a_room_that_keeps_its_record_appends_edits_and_marks_deletions() {
    let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
        policy(config, "b", |policy| {
            policy.edits = EditPolicy::Append;
            policy.deletes = DeletePolicy::Mark;
        });
    });
    rig.posts("a", "Ann", "m1", "see you at nine");
    rig.edits("a", "Ann", "m1", "see you at ten");
    rig.deletes("a", "Ann", "m1");
    assert_eq!(
        rig.shown("b"),
        ["[Ann, A] see you at nine", "[Ann, A] * nine → ten", "A\u{200b}nn deleted: “see you at ten”"]
    );
}

#[test]
fn a_room_that_ignores_edits_and_deletions_skips_them_by_policy() {
    let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
        policy(config, "b", |policy| {
            policy.edits = EditPolicy::Ignore;
            policy.deletes = DeletePolicy::Ignore;
        });
    });
    rig.posts("a", "Ann", "m1", "one");
    rig.edits("a", "Ann", "m1", "two");
    rig.deletes("a", "Ann", "m1");
    let skipped = DeliveryState::Skipped { why: SkipReason::Policy };
    assert_eq!(rig.states("b"), [DeliveryState::Delivered, skipped.clone(), skipped]);
}

#[test]
fn the_authors_deletion_removes_every_copy() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", lines())]);
    rig.posts("a", "Ann", "m1", "oops");
    rig.deletes("a", "Ann", "m1");
    assert_eq!(rig.shown("b"), ["[Ann, A] oops", "delete b1"]);
    assert_eq!(rig.shown("c").last().map(String::as_str), Some("A\u{200b}nn deleted: “oops”"));
}

#[test]
fn a_moderators_deletion_of_a_copy_stays_in_that_room() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", full())]);
    rig.posts("a", "Ann", "m1", "spam");
    rig.wire.clear();
    rig.removes("b", Some(person("Mo")), DeletionCause::Moderator, &["b1"]);
    assert_eq!(rig.shown("a").len() + rig.shown("c").len(), 0);
    // The copy is gone, so a later edit has no form there.
    rig.edits("a", "Ann", "m1", "more spam");
    assert_eq!(rig.shown("b"), Vec::<String>::new());
    assert_eq!(rig.shown("c"), ["edit c1: [Ann, A] more spam"]);
}

#[test]
fn moderation_of_the_network_reaches_the_rooms_that_agreed_and_no_other() {
    let mut rig = Rig::with(&[("a", full()), ("b", full()), ("c", full())], |config| {
        for room in ["a", "b"] {
            policy(config, room, |policy| policy.moderation = Moderation::Network);
        }
    });
    rig.posts("c", "Cid", "m1", "spam");
    rig.wire.clear();
    rig.removes("b", Some(person("Mo")), DeletionCause::Moderator, &["b1"]);
    assert_eq!(rig.shown("a"), ["delete a1"]);
    assert_eq!(rig.shown("c"), Vec::<String>::new(), "the original's room did not agree");
    rig.posts("a", "Ann", "m2", "more spam");
    rig.removes("b", Some(person("Mo")), DeletionCause::Moderator, &["b2"]);
    assert_eq!(rig.shown("a").last().map(String::as_str), Some("moderate m2"), "it goes to the original too");
}

#[test]
fn bulk_deletions_and_those_of_a_thread_with_its_root_are_the_moderators() {
    for cause in [DeletionCause::Bulk, DeletionCause::ThreadRoot, DeletionCause::Platform] {
        let mut rig = Rig::with(&[("a", full()), ("b", full()), ("c", full())], |config| {
            for room in ["a", "b"] {
                policy(config, room, |policy| policy.moderation = Moderation::Network);
            }
        });
        rig.posts("a", "Ann", "m1", "one");
        rig.posts("a", "Ann", "m2", "two");
        rig.wire.clear();
        rig.removes("a", None, cause, &["m1", "m2"]);
        assert_eq!(rig.shown("b"), ["delete b1", "delete b2"], "{cause:?}");
        assert_eq!(rig.shown("c"), Vec::<String>::new(), "{cause:?}");
    }
}

#[test]
fn a_message_is_sent_as_it_stands_when_its_turn_comes() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts("a", "Ann", "m1", "nine");
    rig.edits("a", "Ann", "m1", "ten");
    rig.posts("a", "Ann", "m2", "never mind");
    rig.deletes("a", "Ann", "m2");
    rig.comes_back("b");
    assert_eq!(rig.shown("b"), ["[Ann, A] ten"]);
    assert_eq!(
        rig.states("b"),
        [
            DeliveryState::Delivered,
            DeliveryState::Skipped { why: SkipReason::NoChange },
            DeliveryState::Withdrawn,
            DeliveryState::Skipped { why: SkipReason::NoTarget },
        ]
    );
}

#[test]
fn a_state_that_is_sent_again_is_an_edit_only_if_something_changed() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.event("a", RoomEvent::Observed(said("Ann", "m1", "hello")));
    rig.event("a", RoomEvent::Observed(said("Ann", "m1", "hello")));
    rig.event("a", RoomEvent::Observed(said("Ann", "m1", "hello there")));
    assert_eq!(rig.shown("b"), ["[Ann, A] hello", "edit b1: [Ann, A] hello there"]);
}

#[test]
fn a_reply_is_native_where_both_sides_have_replies_and_quotes_elsewhere() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", lines())]);
    rig.posts("a", "Ann", "m1", "who comes?");
    rig.replies("b", "Bob", "n1", "b1", "me");
    assert_eq!(rig.shown("a"), ["@m1 [Bob, B] me"]);
    assert_eq!(
        rig.shown("c").last().map(String::as_str),
        Some("<B\u{200b}ob> (re A\u{200b}nn: “who comes?”) me")
    );
}

#[test]
fn a_reaction_is_added_by_the_first_remote_person_and_removed_with_the_last() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("b", "Bob", "m1", "cake");
    rig.wire.clear();
    rig.reacts("a", "Ann", "a1", "👍");
    rig.reacts("a", "Al", "a1", "👍");
    rig.unreacts("a", "Ann", "a1", "👍");
    assert_eq!(rig.shown("b"), ["react m1 👍"]);
    rig.unreacts("a", "Al", "a1", "👍");
    assert_eq!(rig.shown("b"), ["react m1 👍", "unreact m1 👍"]);
    rig.reacts("a", "Al", "a1", "👍");
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("react m1 👍"), "on again");
}

#[test]
fn the_same_reaction_reported_twice_makes_nothing() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts("b", "Bob", "m1", "cake");
    rig.wire.clear();
    rig.reacts("a", "Ann", "a1", "👍");
    rig.reacts("a", "Ann", "a1", "👍");
    rig.unreacts("a", "Al", "a1", "👍");
    assert_eq!(rig.shown("b"), ["react m1 👍"]);
    assert_eq!(rig.states("b").len(), 1);
}

#[test]
fn sets_of_reactions_are_compared_with_what_was_there() {
    let set = Capabilities { reactions: Reactions::FullSet, ..full() };
    let mut rig = Rig::of(&[("a", full()), ("b", set)]);
    rig.posts("a", "Ann", "m1", "cake");
    rig.wire.clear();
    rig.reacts_with_set("b", "Bob", "b1", &["👍", "🎉"]);
    rig.reacts_with_set("b", "Bob", "b1", &["🎉"]);
    assert_eq!(rig.shown("a"), ["react m1 🎉", "react m1 👍", "unreact m1 👍"]);
    rig.reacts("a", "Ann", "m1", "👍");
    rig.reacts("a", "Al", "m1", "🍰");
    assert_eq!(rig.shown("b"), ["set b1 [👍]", "set b1 [🍰 👍]"]);
    rig.unreacts("a", "Ann", "m1", "👍");
    rig.unreacts("a", "Al", "m1", "🍰");
    assert_eq!(rig.shown("b").last().map(String::as_str), Some("set b1 []"));
}

#[test]
fn a_reaction_outside_the_allowed_ones_makes_nothing() {
    let few = Capabilities { reactions: Reactions::Allowed(vec!["👍".into()]), ..full() };
    let mut rig = Rig::of(&[("a", full()), ("b", few)]);
    rig.posts("b", "Bob", "m1", "cake");
    rig.wire.clear();
    rig.reacts("a", "Ann", "a1", "🎉");
    rig.reacts("a", "Ann", "a1", "👍");
    assert_eq!(rig.shown("b"), ["react m1 👍"]);
}

#[test]
fn where_messages_carry_no_reactions_a_line_tells_of_new_ones_and_nothing_of_those_taken_back() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines())]);
    rig.posts("a", "Ann", "m1", "cake");
    rig.wire.clear();
    rig.reacts("a", "Al", "m1", "👍");
    rig.unreacts("a", "Al", "m1", "👍");
    assert_eq!(rig.shown("b"), ["* A\u{200b}l reacted 👍 to A\u{200b}nn: “cake”"]);
}

#[test]
fn a_deletion_that_a_platform_can_only_tell_is_told_and_one_it_drops_is_skipped() {
    let drops = Capabilities { delete: Support::Dropped, edit: Support::Dropped, ..lines() };
    let mut rig = Rig::of(&[("a", full()), ("b", drops)]);
    rig.posts("a", "Ann", "m1", "one");
    rig.edits("a", "Ann", "m1", "two");
    rig.deletes("a", "Ann", "m1");
    let skipped = DeliveryState::Skipped { why: SkipReason::NoForm };
    assert_eq!(rig.states("b"), [DeliveryState::Delivered, skipped.clone(), skipped]);
}
