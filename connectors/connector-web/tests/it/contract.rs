//! The contract suite against a session and a person on the documented API.

use sameroom_connector::contract;

use crate::place::Place;

#[tokio::test]
async fn a_browser_room_keeps_the_contract() {
    let mut place = Place::start().await;
    let done = contract::run(&mut place).await.unwrap_or_else(|failure| panic!("{failure}"));
    for check in
        ["what_is_declared_can_be_sent", "what_is_declared_is_heard", "an_unknown_send_can_be_asked_for"]
    {
        assert!(done.contains(&check), "{check} did not apply: {done:?}");
    }
    place.end().await;
}
