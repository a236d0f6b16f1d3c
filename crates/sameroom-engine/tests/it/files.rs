//! Files: fetched once, kept until every room is done; uploaded, linked or named.

use std::time::Duration;

use sameroom_engine::{Effect, Input};
use sameroom_types::capabilities::{Authorship, Capabilities, Files, Once};
use sameroom_types::event::RoomEvent;
use sameroom_types::policy::FilePolicy;

use crate::people::{file, said};
use crate::rig::{Rig, policy};
use crate::tables::{full, lines};

fn fetches(rig: &Rig) -> Vec<sameroom_types::ids::SpoolId> {
    rig.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Fetch { spool, .. } => Some(spool.clone()),
            _ => None,
        })
        .collect()
}

fn unspooled(rig: &Rig) -> usize {
    rig.effects.iter().filter(|effect| matches!(effect, Effect::Unspool(_))).count()
}

#[test]
fn several_files_are_fetched_once_each_and_uploaded_with_their_caption() {
    let mut rig = Rig::of(&[("a", full()), ("b", full()), ("c", full())]);
    rig.posts_files("a", "Ann", "m1", "holiday", &["one.png", "two.png"]);
    let expected = ["[Ann, A] holiday", "file one.png: [Ann, A] one.png", "file two.png: [Ann, A] two.png"];
    assert_eq!(rig.shown("b"), expected);
    assert_eq!(rig.shown("c"), expected);
    assert_eq!(fetches(&rig).len(), 2);
    assert_eq!(unspooled(&rig), 2, "gone from the spool once every room has them");
}

#[test]
fn a_native_author_needs_no_caption() {
    let can = Capabilities { author: Authorship::NamePicture, ..full() };
    let mut rig = Rig::of(&[("a", full()), ("b", can)]);
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    assert_eq!(rig.shown("b"), ["file one.png: "]);
}

#[test]
fn a_file_is_kept_in_the_spool_until_a_room_that_is_down_has_it() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.goes_down("b");
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    assert_eq!(fetches(&rig).len(), 1, "fetched at once: links expire");
    rig.pass(Duration::from_secs(3600));
    assert_eq!(unspooled(&rig), 0);
    rig.comes_back("b");
    assert!(rig.shown("b").iter().any(|line| line.starts_with("file one.png")), "{:?}", rig.shown("b"));
    assert_eq!(unspooled(&rig), 1);
}

#[test]
fn a_file_that_can_not_be_fetched_is_named_with_its_size_and_the_reason() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.files_by_hand();
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    assert_eq!(rig.shown("b"), Vec::<String>::new(), "waits for the file");
    let spool = fetches(&rig)[0].clone();
    rig.feed(Input::Fetched { spool, result: Err("410 gone".into()) });
    assert_eq!(rig.shown("b"), ["[Ann, A] one.png (1 kB): the file could not be copied (410 gone)"]);
}

#[test]
fn a_fetch_that_takes_too_long_does_not_hold_the_lane_for_ever() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.files_by_hand();
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    rig.posts("a", "Ann", "m2", "behind");
    rig.pass(Duration::from_secs(61));
    assert!(rig.shown("b")[0].contains("one.png (1 kB): the file was not copied"), "{:?}", rig.shown("b"));
    assert!(rig.shown("b")[1].contains("behind"), "{:?}", rig.shown("b"));
}

#[test]
fn a_file_that_is_too_large_is_linked_if_links_can_be_opened_and_named_otherwise() {
    let small = Capabilities { files: Files::Upload { max_bytes: 999, per_message: 1 }, ..full() };
    let mut rig = Rig::of(&[("a", full()), ("b", small.clone())]);
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    assert_eq!(rig.shown("b"), ["[Ann, A] one.png (1 kB): the file was not copied"]);
    let mut rig = Rig::with(&[("a", full()), ("b", small)], |config| {
        config.public_url = Some("https://relay.example".into());
    });
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    let shown = rig.shown("b");
    assert!(shown[0].starts_with("[Ann, A] one.png (1 kB) https://relay.example/files/"), "{shown:?}");
    assert!(
        rig.effects.iter().any(|effect| matches!(effect, Effect::Share { name, .. } if name == "one.png"))
    );
}

#[test]
fn policy_links_always_or_only_names() {
    for (files, expected) in [
        (FilePolicy::Link, "[Ann, A] one.png (1 kB) https://relay.example/files/"),
        (FilePolicy::No, "[Ann, A] one.png (1 kB): the file was not copied"),
    ] {
        let mut rig = Rig::with(&[("a", full()), ("b", full())], |config| {
            config.public_url = Some("https://relay.example".into());
            policy(config, "b", |policy| policy.files = files);
        });
        rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
        assert!(rig.shown("b")[0].starts_with(expected), "{files:?}: {:?}", rig.shown("b"));
    }
}

#[test]
fn a_url_that_everybody_can_open_is_given_where_nothing_better_exists() {
    let mut rig = Rig::of(&[("a", full()), ("b", lines())]);
    let mut post = said("Ann", "m1", "look");
    post.content.files = vec![sameroom_types::event::FileRef {
        public_url: Some("https://cdn.example/one.png".into()),
        ..file("../../one.png")
    }];
    rig.event("a", RoomEvent::Posted(post));
    assert_eq!(
        rig.shown("b"),
        ["<A\u{200b}nn> look", "<A\u{200b}nn> one.png (1 kB) https://cdn.example/one.png"]
    );
}

#[test]
fn files_open_at_a_kill_are_fetched_again() {
    let once = Once { key: Some(Duration::from_secs(3600)), history: None, echo: false };
    let mut rig = Rig::of(&[("a", full()), ("b", Capabilities { once, ..full() })]);
    rig.goes_down("b");
    rig.posts_files("a", "Ann", "m1", "", &["one.png"]);
    rig.restart(true);
    assert_eq!(fetches(&rig).len(), 2);
    assert!(rig.shown("b").iter().any(|line| line.starts_with("file one.png")), "{:?}", rig.shown("b"));
}

#[test]
fn the_same_file_twice_in_one_message_is_sent_twice() {
    let mut rig = Rig::of(&[("a", full()), ("b", full())]);
    rig.posts_files("a", "Ann", "m1", "", &["one.png", "one.png"]);
    assert_eq!(rig.shown("b").len(), 2);
    let spools: std::collections::BTreeSet<_> = rig
        .wire
        .iter()
        .filter_map(|(_, request)| match &request.action {
            sameroom_types::action::Action::File(file) => file.file.spool.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(spools.len(), 2, "each from its own place in the spool");
}
