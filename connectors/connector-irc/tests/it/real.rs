//! Against ngIRCd, which knows next to nothing of IRCv3, and InspIRCd with services, which knows much.

use std::time::Duration;

use sameroom_connector::Report;
use sameroom_connector::contract::{Rig, kit, run};
use sameroom_testkit::irc_client::IrcClient;
use sameroom_testkit::servers::inspircd::{Inspircd, InspircdOptions};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_types::action::Outcome;
use sameroom_types::event::RoomEvent;
use sameroom_types::room::Health;
use serde_json::json;

use crate::real_stage::RealStage;

#[tokio::test]
async fn the_contract_holds_on_ngircd() {
    let server = Ngircd::start(&NgircdOptions::default()).await.unwrap();
    let mut stage = RealStage::open(server.addr(), "ngbot", "#Ng", json!({})).await;
    if let Err(failure) = run(&mut stage).await {
        panic!("{failure}");
    }
}

#[tokio::test]
async fn the_contract_holds_on_inspircd() {
    let server = Inspircd::start(&InspircdOptions::default()).await.unwrap();
    let mut stage = RealStage::open(server.addr(), "insp", "#Insp", json!({})).await;
    if let Err(failure) = run(&mut stage).await {
        panic!("{failure}");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_found_again() {
    let mut server = Ngircd::start(&NgircdOptions::default()).await.unwrap();
    let stage = RealStage::open(server.addr(), "phoenix", "#ash", json!({})).await;
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#ash").await.unwrap();
    server.stop().await.unwrap();
    rig.wait("Retrying", |report| matches!(report, Report::Health(Health::Retrying { .. })).then_some(()))
        .await
        .unwrap();
    let delivery = rig.submit_text(&room.id, "nobody hears this").await.unwrap();
    assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Later { .. }));
    rig.forget();
    server.start_again().await.unwrap();
    rig.wait("Connected", |report| matches!(report, Report::Health(Health::Connected)).then_some(()))
        .await
        .unwrap();
    rig.wait("room", |report| matches!(report, Report::Room(found) if found.id == room.id).then_some(()))
        .await
        .unwrap();
    let delivery = rig.submit_text(&room.id, "back again").await.unwrap();
    assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Done { .. }));
    rig.stop().await.unwrap();
}

/// What a public network does: ngIRCd's own flood protection stays on and our pace is the default.
#[tokio::test]
async fn the_default_pace_is_not_punished() {
    let server = Ngircd::start(&NgircdOptions { penalties: true, ..NgircdOptions::default() }).await.unwrap();
    let pace = json!({"pace": {"burst": 5, "per_second": 2.0}});
    let stage = RealStage::open(server.addr(), "paced", "#slow", pace).await;
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#slow").await.unwrap();
    let mut sent = Vec::new();
    for n in 0..8 {
        sent.push(rig.submit_text(&room.id, &format!("line {n}")).await.unwrap());
    }
    for delivery in sent {
        assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Done { .. }));
    }
    let lost = |report: &Report| matches!(report, Report::Health(Health::Retrying { .. }));
    assert!(!rig.passed().iter().any(lost));
    rig.stop().await.unwrap();
}

/// Registers an account with NickServ, waiting until services are linked.
async fn register(server: &Inspircd, nick: &str, password: &str) {
    let mut client = IrcClient::connect(server.addr(), nick, &[]).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        client.send(&format!("PRIVMSG NickServ :REGISTER {password} a@b.test")).await.unwrap();
        let answer = client.expect_any(&["NOTICE", " 401 "]).await.unwrap();
        if answer.contains("NickServ!") {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "services do not link: {answer}");
        // Nothing announces the link to us, so we look again a little later.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn services_know_us_by_sasl_and_by_nickserv() {
    let server =
        Inspircd::start(&InspircdOptions { services: true, ..InspircdOptions::default() }).await.unwrap();
    register(&server, "known", "secret-pw").await;
    let check = async |extra, nick| {
        let stage = RealStage::open(server.addr(), nick, "#members", extra).await;
        let mut rig = Rig::start(&stage, Vec::new()).unwrap();
        let room = rig.join("#members").await.unwrap();
        let me = rig
            .wait("Connected", |report| match report {
                Report::Connected { me, .. } => Some(me.clone()),
                _ => None,
            })
            .await
            .unwrap();
        assert_eq!(me.id.as_str(), "account:known");
        assert_eq!(room.id.as_str(), "#members");
        rig.stop().await.unwrap();
    };
    check(json!({"sasl": {"username": "known", "password": "secret-pw"}}), "saslbot").await;
    check(json!({"nickserv_password": "secret-pw"}), "known").await;

    let wrong = json!({"sasl": {"username": "known", "password": "wrong"}});
    let stage = RealStage::open(server.addr(), "wrongbot", "#members", wrong).await;
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    rig.wait("NeedsRelink", |report| {
        matches!(report, Report::Health(Health::NeedsRelink { .. })).then_some(())
    })
    .await
    .unwrap();
}

/// InspIRCd plays a room's history back after each join.
#[tokio::test]
async fn playback_after_a_join_is_history() {
    let extra = "<module name=\"chanhistory\">\n<chanhistory maxlines=\"50\" prefixmsg=\"no\">".to_owned();
    let server = Inspircd::start(&InspircdOptions { extra, ..InspircdOptions::default() }).await.unwrap();
    let mut stage = RealStage::open(server.addr(), "histbot", "#hist", json!({})).await;
    let mut keeper =
        IrcClient::connect(server.addr(), "keeper", &["message-tags", "server-time", "echo-message"])
            .await
            .unwrap();
    keeper.join("#hist").await.unwrap();
    stage.keeper_sends("MODE #hist +H 50:1d").await;
    stage.keeper_sends("MODE #hist +o keeper").await;
    keeper.expect("+o").await.unwrap();
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#hist").await.unwrap();
    keeper.say("#hist", "first").await.unwrap();
    let cursor = rig
        .event("post", &room.id, |inbound| {
            matches!(&inbound.event, RoomEvent::Posted(_)).then(|| inbound.cursor.clone())
        })
        .await
        .unwrap();
    rig.stop().await.unwrap();
    keeper.say("#hist", "second").await.unwrap();

    let resume = sameroom_connector::Resume {
        room: room.id.clone(),
        cursor,
        last_heard: Some(sameroom_types::time::Timestamp(kit().clock.wall().0 - 60_000)),
    };
    let mut rig = Rig::start(&stage, vec![resume]).unwrap();
    rig.join("#hist").await.unwrap();
    let is_history = rig
        .event("second", &room.id, |inbound| match &inbound.event {
            RoomEvent::Posted(_) => Some(inbound.history),
            _ => None,
        })
        .await
        .unwrap();
    assert!(is_history);
    keeper.say("#hist", "third").await.unwrap();
    let post = rig.posted(&room.id, "third").await.unwrap();
    assert_eq!(post.author.name, "keeper");
    let repeats = |report: &Report| matches!(report, Report::Event { inbound, .. } if matches!(inbound.event, RoomEvent::Posted(_)));
    assert!(!rig.passed().iter().any(repeats), "what was read before came again");
    rig.stop().await.unwrap();
}
