//! IRC to a HipChat server, which Prosody plays: addresses of its form, full names as nicks, no edits.

use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use serde_json::json;

use sameroom_testkit::web_client::WebClient;
use sameroom_testkit::xmpp_client::XmppClient;

use crate::people::Occupant;
use crate::program::{Program, heard, irc_account, person};

const ROOM: &str = "7_water_cooler@conf.hipchat.test";

#[tokio::test(flavor = "multi_thread")]
async fn irc_talks_with_a_hipchat_room() {
    let options = ProsodyOptions {
        domain: "chat.hipchat.test",
        rooms_domain: "conf.hipchat.test",
        archive: false,
        resumption: false,
        upload: false,
        ..ProsodyOptions::default()
    };
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = Prosody::start(options).await.expect("prosody");
    prosody.add_user("7_42").expect("user");
    prosody.add_user("7_1").expect("user");
    let mut account =
        XmppClient::connect(prosody.addr(), "7_42@chat.hipchat.test", false).await.expect("logged in");
    let card = "<iq type='set' id='v1'><vCard xmlns='vcard-temp'><FN>Sam Room</FN></vCard></iq>";
    account.ask("raw", json!({ "xml": card })).await.expect("a card");
    account.ask("quit", json!({})).await.expect("gone");
    let mut client =
        XmppClient::connect(prosody.addr(), "7_1@chat.hipchat.test", false).await.expect("logged in");
    client.ask("join", json!({ "room": ROOM, "nick": "Ann Example" })).await.expect("entered");
    let mut ann = Occupant { client, room: ROOM.to_owned(), nick: "Ann Example".to_owned() };
    let mut bob = person(ngircd.addr(), "bob", "#lobby").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        format!(
            "[accounts.hip]\nplatform = \"xmpp\"\npreset = \"hipchat\"\njid = \"7_42@chat.hipchat.test\"\npassword = \"pw\"\nserver = \"{}\"\ntls = \"off\"\n",
            prosody.addr()
        ),
        "[accounts.front]\nplatform = \"web\"\n[[tubes]]\nrooms = [\"one/#lobby\", \"hip/Water Cooler\", \"front/lounge\"]\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(3).await;

    // What gets lost is right for these two: neither knows edits, and a link is all that a file can be.
    let told = ann.told("Connected to #lobby on one (IRC)").await;
    assert!(told.text().ends_with("Between these two nothing gets lost."), "{told:?}");

    bob.say("#lobby", "@Ann Example: is the coffee ready?").await.expect("said");
    let came = ann.stanza("the question", |came| came.text().contains("coffee")).await;
    assert_eq!(came.field("body"), "[bob, one] @Ann Example: is the coffee ready?", "named in full");
    assert_eq!(came.field("from"), format!("{ROOM}/Sam Room"));
    ann.say("bob: it is, *hot*, for @Bob Other too").await;
    assert_eq!(heard(&mut bob, "it is").await, "<Ann Example> bob: it is, *hot*, for @Bob Other too");

    // A file comes as a link of the server's own.
    let url = "http://files.hipchat.test/7/1/abc/plan.pdf";
    ann.ask("share", json!({ "to": ROOM, "body": url, "url": url })).await;
    let line = heard(&mut bob, "plan.pdf").await;
    assert!(line.starts_with("<Ann Example> ") && line.ends_with(url), "{line}");

    // The bot answers to its full name.
    ann.say("@Sam Room version").await;
    ann.told("Sameroom 0").await;

    // HipChat had no edits: a change elsewhere is told in a line of its own.
    let link = program.link("front/lounge").await;
    let mut cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    let said = cleo.post("the coffee is hot").await.expect("said");
    ann.hear("the coffee is hot").await;
    cleo.edit(&said, "the coffee is cold").await.expect("edited");
    let came = ann.hear("* hot → cold").await;
    assert_eq!(came.field("body"), "[cleo, front] * hot → cold");
    cleo.delete(&said).await.expect("deleted");
    ann.told("deleted: “the coffee is cold”").await;
    let native = |came: &&serde_json::Value| {
        ["replaces", "retracts", "reacts"].iter().any(|kind| !came[kind].is_null())
    };
    assert_eq!(ann.client.seen().iter().filter(native).count(), 0, "{:?}", ann.everything());
    assert_eq!(heard(&mut bob, "hot → cold").await, "<cleo> * hot → cold");
    bob.catch_up().await.expect("caught up");
    assert!(!bob.passed.iter().any(|line| line.contains("version") && line.contains("PRIVMSG")));
}
