//! Three servers in a ring: everything arrives once and in order; one that is kicked stops, the others go on.

use sameroom_testkit::irc_client::IrcClient;
use sameroom_testkit::servers::inspircd::{Inspircd, InspircdOptions};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::xmpp_client::XmppClient;
use serde_json::json;

use crate::program::{Program, irc_account, number, numbers, person, tube};

/// Messages from each side.
const EACH: u64 = 200;

/// The XMPP room.
const ROOM: &str = "lobby@rooms.xmpp.test";

fn xmpp_account(addr: std::net::SocketAddr) -> String {
    format!(
        "[accounts.office]\nplatform = \"xmpp\"\njid = \"bridge@xmpp.test\"\npassword = \"pw\"\nmuc = \"rooms.xmpp.test\"\nnick = \"sameroom\"\nserver = \"{addr}\"\ntls = \"off\"\n"
    )
}

async fn numbers_on_xmpp(client: &mut XmppClient, tag: &str, count: u64) -> Vec<u64> {
    let mut found = Vec::new();
    for _ in 0..count {
        let seen = client
            .message(tag, |message: &serde_json::Value| {
                message["body"].as_str().is_some_and(|body| number(body, tag).is_some())
            })
            .await
            .unwrap_or_else(|problem| panic!("{} of {count} came: {problem}", found.len()));
        found.extend(number(seen["body"].as_str().expect("body"), tag));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_ngircd_inspircd_and_prosody_relays_once_and_in_order() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let inspircd = Inspircd::start(&InspircdOptions::default()).await.expect("inspircd");
    let prosody = Prosody::start(ProsodyOptions::default()).await.expect("prosody");
    prosody.add_user("bridge").expect("user");
    prosody.add_user("cleo").expect("user");
    let mut cleo = XmppClient::connect(prosody.addr(), "cleo@xmpp.test", false).await.expect("cleo");
    cleo.ask("join", json!({ "room": ROOM, "nick": "cleo" })).await.expect("join");
    let mut ann: IrcClient = person(ngircd.addr(), "ann", "#lobby").await;
    let mut bob = person(inspircd.addr(), "bob", "#lobby").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        irc_account("two", inspircd.addr(), ""),
        xmpp_account(prosody.addr()),
        tube("one/#lobby", "two/#lobby"),
        tube("two/#lobby", "office/lobby"),
        tube("office/lobby", "one/#lobby"),
    ]
    .concat();
    let mut program = Program::start(&config);
    program.ready(3).await;

    for index in 0..EACH {
        ann.send(&format!("PRIVMSG #lobby :from ngircd A-{index}")).await.expect("send");
        bob.send(&format!("PRIVMSG #lobby :from inspircd B-{index}")).await.expect("send");
        if index % 5 == 4 {
            // ngIRCd handles only the first lines of a burst until more bytes come.
            ann.catch_up().await.expect("the server keeps up");
        }
        cleo.ask("post", json!({ "to": ROOM, "body": format!("from prosody C-{index}") }))
            .await
            .expect("post");
    }
    let all: Vec<u64> = (0..EACH).collect();
    let count = usize::try_from(EACH).expect("small");
    assert_eq!(numbers(&mut bob, "A", count).await, all, "{}", program.log());
    assert_eq!(numbers(&mut ann, "B", count).await, all);
    assert_eq!(numbers(&mut ann, "C", count).await, all);
    assert_eq!(numbers(&mut bob, "C", count).await, all);
    assert_eq!(numbers_on_xmpp(&mut cleo, "A", EACH).await, all);
    assert_eq!(numbers_on_xmpp(&mut cleo, "B", EACH).await, all);

    // Kicked from one room, the bridge stays out there and goes on between the others.
    ann.send("KICK #lobby sameroom :enough").await.expect("kick");
    ann.expect(" KICK ").await.expect("kicked");
    bob.send("PRIVMSG #lobby :after the kick B-1000").await.expect("send");
    assert_eq!(numbers_on_xmpp(&mut cleo, "B", 1).await, [1000]);
    cleo.ask("post", json!({ "to": ROOM, "body": "also C-1000" })).await.expect("post");
    assert_eq!(numbers(&mut bob, "C", 1).await, [1000]);
    ann.catch_up().await.expect("catch up");
    assert!(
        !ann.passed.iter().any(|line| line.contains("-1000"))
            && ann
                .passed
                .iter()
                .filter(|line| line.contains(":sameroom!") && line.contains(" JOIN "))
                .count()
                <= 1,
        "nothing more comes where it was kicked: {:?}",
        ann.passed
    );

    // Nothing came twice in the meantime.
    for (client, tags) in [(&mut ann, ["B-", "C-"]), (&mut bob, ["A-", "C-"])] {
        client.catch_up().await.expect("catch up");
        let doubled: Vec<_> = client
            .passed
            .iter()
            .filter(|line| {
                line.contains("PRIVMSG") && tags.iter().any(|tag| line.contains(&format!(" {tag}")))
            })
            .collect();
        assert!(doubled.is_empty(), "{doubled:?}");
    }
    assert!(program.terminate().await < std::time::Duration::from_secs(5));
}
