//! Against the simulator, which makes trouble on demand.

use sameroom_connector::contract::{Rig, Stage, run};
use serde_json::json;
use simulator_irc::{Capability, Options};

use crate::simulator_stage::SimulatorStage;

/// Runs the suite on a server of this kind.
async fn suite(options: Options) -> Vec<&'static str> {
    let mut stage = SimulatorStage::start(options, json!({}));
    match run(&mut stage).await {
        Ok(done) => done,
        Err(failure) => panic!(
            "{failure}\n{:#?}",
            stage.server.transcript("#lobby").iter().map(ToString::to_string).collect::<Vec<_>>()
        ),
    }
}

#[tokio::test]
async fn the_contract_holds_with_every_capability() {
    let done = suite(Options::default()).await;
    for check in ["a_cut_while_sending_is_told", "a_kick_is_told", "an_invitation_is_told"] {
        assert!(done.contains(&check), "{done:?}");
    }
}

#[tokio::test]
async fn the_contract_holds_on_a_server_of_the_nineties() {
    suite(Options::plain()).await;
}

#[tokio::test]
async fn the_contract_holds_with_echoes_without_labels() {
    suite(Options::default().without(Capability::LabeledResponse)).await;
}

#[tokio::test]
async fn the_contract_holds_with_labels_without_echoes() {
    suite(Options::default().without(Capability::EchoMessage)).await;
}

#[tokio::test]
async fn a_rig_joins() {
    let stage = SimulatorStage::start(Options::default(), json!({}));
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join(&stage.room()).await.unwrap();
    assert_eq!(room.id.as_str(), "#lobby");
}
