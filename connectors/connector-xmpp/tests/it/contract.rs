//! The contract suite against real servers.

use sameroom_connector::contract;
use sameroom_testkit::servers::prosody::ProsodyOptions;

use crate::stage::XmppStage;

/// The checks that must apply to a server that can do everything.
const ALL: [&str; 14] = [
    "settings_that_are_wrong_are_refused",
    "posts_go_both_ways",
    "two_sends_arrive_in_order",
    "echoes_are_recognised",
    "what_is_declared_can_be_sent",
    "what_is_not_declared_is_refused",
    "what_is_declared_is_heard",
    "a_cut_while_sending_is_told",
    "an_unknown_send_can_be_asked_for",
    "a_kick_is_told",
    "an_invitation_is_told",
    "downtime_is_filled_or_told",
    "ping_is_answered",
    "stop_takes_less_than_a_second",
];

fn without<'a>(missing: &[&str], all: &[&'a str]) -> Vec<&'a str> {
    all.iter().copied().filter(|check| !missing.contains(check)).collect()
}

#[tokio::test]
async fn prosody_with_everything() {
    let mut stage = XmppStage::start(ProsodyOptions::default()).await;
    let done =
        contract::run(&mut stage).await.unwrap_or_else(|failure| panic!("{failure}\n{}", stage.server.log()));
    assert_eq!(done, without(&["what_is_not_declared_is_refused"], &ALL));
}

#[tokio::test]
async fn prosody_with_tls_and_little_else() {
    let options = ProsodyOptions {
        tls: true,
        archive: false,
        resumption: false,
        upload: false,
        ..ProsodyOptions::default()
    };
    let mut stage = XmppStage::start(options).await;
    let done =
        contract::run(&mut stage).await.unwrap_or_else(|failure| panic!("{failure}\n{}", stage.server.log()));
    assert_eq!(done, ALL);
}

#[tokio::test]
async fn ejabberd() {
    let mut stage = XmppStage::on_ejabberd().await;
    let done =
        contract::run(&mut stage).await.unwrap_or_else(|failure| panic!("{failure}\n{}", stage.server.log()));
    assert_eq!(done, without(&["what_is_not_declared_is_refused"], &ALL));
}
