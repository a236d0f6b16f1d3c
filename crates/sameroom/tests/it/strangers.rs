//! Nobody changes what somebody else said: not with its id, not under its author's nick, not from another room.

use sameroom_testkit::servers::ejabberd::Ejabberd;
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::web_client::{self, WebClient};
use serde_json::json;

use crate::people::{Occupant, Stanza, xmpp_account};
use crate::program::Program;

const DOMAIN: &str = "xmpp.test";

/// One room on Prosody, which tells who is who, one on ejabberd, which does not, and a browser room.
struct Stage {
    prosody: Prosody,
    ejabberd: Ejabberd,
    /// In Prosody's room; its owner.
    ann: Occupant,
    /// In ejabberd's room; its owner.
    bob: Occupant,
    /// In the browser room; its owner.
    cleo: WebClient,
    program: Program,
    barriers: u32,
}

async fn stage(rooms: &str) -> Stage {
    let (prosody, ejabberd) = tokio::join!(Prosody::start(ProsodyOptions::default()), Ejabberd::start());
    let (prosody, ejabberd) = (prosody.expect("prosody"), ejabberd.expect("ejabberd"));
    for user in ["bridge", "ann", "bob", "eve", "dan"] {
        prosody.add_user(user).expect("user");
        ejabberd.add_user(user).await.expect("user");
    }
    let (ann, bob) = tokio::join!(
        Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden"),
        Occupant::enter(ejabberd.addr(), "bob", DOMAIN, "office"),
    );
    let config = [
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        xmpp_account("beta", ejabberd.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"acme/garden\", \"beta/office\", \"front/lounge\"]\n".to_owned(),
        rooms.to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(3).await;
    let link = program.link("front/lounge").await;
    let cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    Stage { prosody, ejabberd, ann, bob, cleo, program, barriers: 0 }
}

impl Stage {
    /// After this everything that anybody did before was seen everywhere.
    async fn barrier(&mut self) {
        self.barriers += 1;
        let text = |who: &str| format!("barrier {} of {who}", self.barriers);
        let (a, b, c) = (text("ann"), text("bob"), text("cleo"));
        self.ann.say(&a).await;
        self.bob.hear(&a).await;
        self.cleo.text(&a).await.expect("heard");
        self.bob.say(&b).await;
        self.ann.hear(&b).await;
        self.cleo.text(&b).await.expect("heard");
        self.cleo.post(&c).await.expect("said");
        self.ann.hear(&c).await;
        self.bob.hear(&c).await;
    }

    /// What our accounts did in the two XMPP rooms with messages of others, and nothing else.
    fn acts(&self) -> Vec<String> {
        let mut acts = Vec::new();
        for occupant in [&self.ann, &self.bob] {
            let own = format!("{}/sameroom", occupant.room);
            for came in occupant.client.seen() {
                let stanza = Stanza(came.clone());
                for kind in ["replaces", "retracts", "retracts_old", "reacts"] {
                    if stanza.field("from") == own && !stanza.field(kind).is_empty() {
                        acts.push(format!("{kind} in {}: {}", occupant.room, stanza.field("xml")));
                    }
                }
            }
        }
        acts
    }

    /// The copy in the browser room.
    async fn copy(&self, text: &str) -> String {
        self.cleo.text(text).await.expect("heard")["id"].as_str().expect("an id").to_owned()
    }

    async fn is_untouched(&self, id: &str, text: &str) {
        let history = self.cleo.history().await.expect("history");
        let copy = history.iter().find(|message| message["id"] == id).expect("there");
        assert_eq!(copy["text"], text, "{copy}");
        assert!(copy["edited"].is_null() && copy["deleted"].is_null(), "{copy}");
    }
}

/// Tries all that one could with the id of another person's message.
async fn meddle(stranger: &mut Occupant, target: &Stanza) {
    stranger.edit(target, "I never said that").await;
    stranger.retract(target).await;
    stranger.react(target, &[]).await;
    // By the ids that one is not meant to use, too.
    let room = stranger.room.clone();
    for id in [target.archive(), target.sender()] {
        for xml in [
            format!("<replace xmlns='urn:xmpp:message-correct:0' id='{id}'/><body>forged</body>"),
            format!("<retract xmlns='urn:xmpp:message-retract:1' id='{id}'/><body>forged</body>"),
            format!(
                "<apply-to xmlns='urn:xmpp:fasten:0' id='{id}'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"
            ),
            format!(
                "<retract xmlns='urn:xmpp:message-retract:1' id='{id}'><moderated xmlns='urn:xmpp:message-moderate:1' by='{room}/ann'/></retract>"
            ),
            format!(
                "<apply-to xmlns='urn:xmpp:fasten:0' id='{id}'><moderated xmlns='urn:xmpp:message-moderate:0' by='{room}/ann'><retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to>"
            ),
        ] {
            let xml =
                format!("<message type='groupchat' to='{room}' id='forged-{}'>{xml}</message>", xml.len());
            stranger.ask("raw", json!({ "xml": xml })).await;
        }
    }
    stranger.say(&format!("{} is done", stranger.nick)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_occupant_with_somebody_elses_message_id_changes_nothing() {
    let mut stage = stage("").await;
    let originals = [stage.ann.say("Ann's own words").await, stage.bob.say("Bob's own words").await];
    let copy_of_bob = stage.ann.hear("Bob's own words").await;
    let copy_of_ann = stage.bob.hear("Ann's own words").await;
    let ids = [stage.copy("Ann's own words").await, stage.copy("Bob's own words").await];
    // Ann's reaction must survive somebody else's removal.
    stage.ann.react(&originals[0], &["👍"]).await;
    stage.bob.reacted(&copy_of_ann, &["👍"]).await;
    stage
        .cleo
        .until("reaction", &ids[0], |message| !web_client::reactions(message).is_empty())
        .await
        .expect("on");
    let before = stage.acts();

    let mut eve_one = Occupant::enter(stage.prosody.addr(), "eve", DOMAIN, "garden").await;
    let mut eve_two = Occupant::enter(stage.ejabberd.addr(), "eve", DOMAIN, "office").await;
    for target in [&originals[0], &copy_of_bob] {
        meddle(&mut eve_one, target).await;
    }
    for target in [&originals[1], &copy_of_ann] {
        meddle(&mut eve_two, target).await;
    }
    stage.barrier().await;
    assert_eq!(stage.acts(), before, "{}", stage.program.log());
    stage.is_untouched(&ids[0], "Ann's own words").await;
    stage.is_untouched(&ids[1], "Bob's own words").await;

    // A visitor of the browser room can't either, by the API.
    let link = stage.program.link("front/lounge").await;
    let mallory = WebClient::enter(stage.program.address, &link, "mallory").await.expect("entered");
    let own = stage.cleo.post("Cleo's own words").await.expect("said");
    let at_ann = stage.ann.hear("Cleo's own words").await;
    for id in [&own, &ids[0]] {
        assert!(mallory.edit(id, "forged").await.is_err_and(|why| why.starts_with("403")));
        assert!(mallory.delete(id).await.is_err_and(|why| why.starts_with("403")));
    }
    mallory.react(&own, "👍", false).await.expect("nothing to take back");
    stage.barrier().await;
    assert_eq!(stage.acts(), before);

    // The authors still can.
    stage.ann.edit(&originals[0], "Ann's better words").await;
    stage.bob.corrected(&copy_of_ann, "Ann's better words").await;
    stage.bob.retract(&originals[1]).await;
    stage.ann.retracted(&copy_of_bob).await;
    stage.cleo.edit(&own, "Cleo's better words").await.expect("edited");
    stage.ann.corrected(&at_ann, "Cleo's better words").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_a_nick_is_not_its_former_holder() {
    let mut stage = stage("").await;
    for (domain_is_known, addr, room) in
        [(true, stage.prosody.addr(), "garden"), (false, stage.ejabberd.addr(), "office")]
    {
        let mut dan = Occupant::enter_as(addr, "dan", DOMAIN, room, "daniel").await;
        let said = dan.say(&format!("Daniel's words in {room}")).await;
        let id = stage.copy(&format!("Daniel's words in {room}")).await;
        dan.react(&said, &["👍"]).await;
        stage
            .cleo
            .until("reaction", &id, |message| !web_client::reactions(message).is_empty())
            .await
            .expect("on");
        stage.barrier().await;
        let before = stage.acts();
        dan.ask("leave", json!({ "room": dan.room, "nick": "daniel" })).await;
        dan.client
            .wait("own leave", |came| (came["type"] == "unavailable").then_some(()))
            .await
            .expect("left");
        let mut eve = Occupant::enter_as(addr, "eve", DOMAIN, room, "daniel").await;
        meddle(&mut eve, &said).await;
        stage.barrier().await;
        assert_eq!(stage.acts(), before, "known: {domain_is_known}");
        stage.is_untouched(&id, &format!("Daniel's words in {room}")).await;
        let history = stage.cleo.history().await.expect("history");
        let copy = history.iter().find(|message| message["id"] == id.as_str()).expect("there");
        assert_eq!(web_client::reactions(copy).len(), 1, "Daniel's reaction stays: {copy}");
        // What the new holder says is theirs.
        let own = eve.say(&format!("Eve's words in {room}")).await;
        let id = stage.copy(&format!("Eve's words in {room}")).await;
        eve.edit(&own, "Eve's better words").await;
        stage
            .cleo
            .until("edit", &id, |message| message["text"] == "Eve's better words")
            .await
            .expect("edited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderators_deletion_stays_in_the_moderators_room() {
    let mut stage = stage("").await;
    let original = stage.bob.say("said by Bob").await;
    let copy = stage.ann.hear("said by Bob").await;
    let id = stage.copy("said by Bob").await;
    let own = stage.ann.say("said by Ann").await;
    let at_bob = stage.bob.hear("said by Ann").await;
    let own_id = stage.copy("said by Ann").await;
    let before = stage.acts();
    // Of a copy, of an original by its own moderator, and in the browser room by its owner.
    stage.ann.moderate(&copy).await;
    stage.ann.moderate(&own).await;
    stage.cleo.delete(&id).await.expect("deleted");
    stage.barrier().await;
    assert_eq!(stage.acts(), before);
    stage.is_untouched(&own_id, "said by Ann").await;
    // What was removed here no longer follows, elsewhere it does.
    stage.bob.edit(&original, "said better by Bob").await;
    stage.barrier().await;
    assert_eq!(stage.acts(), before, "nothing is left in the other rooms that could change");
    drop(at_bob);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_moderation_of_the_network_on_both_sides_it_travels() {
    let mut stage = stage(
        "[rooms.\"acme/garden\"]\nmoderation = \"network\"\n[rooms.\"front/lounge\"]\nmoderation = \"network\"\n",
    )
    .await;
    // The bridge must be a moderator itself to remove originals.
    let room = stage.ann.room.clone();
    stage
        .ann
        .ask("affiliate", json!({ "room": room, "jid": format!("bridge@{DOMAIN}"), "affiliation": "admin" }))
        .await;
    let own = stage.ann.say("said by Ann").await;
    let own_id = stage.copy("said by Ann").await;
    stage.bob.say("said by Bob").await;
    let at_ann = stage.ann.hear("said by Bob").await;
    let bobs = stage.copy("said by Bob").await;
    stage.barrier().await;
    let before = stage.acts();

    // A copy removed by a moderator goes where both agreed, and stays in the third room, which did not.
    stage.ann.moderate(&at_ann).await;
    stage.cleo.until("deletion", &bobs, |message| !message["deleted"].is_null()).await.expect("gone");
    stage.barrier().await;
    assert_eq!(stage.acts(), before, "the original in the third room stays");

    // The owner of the browser room removes Ann's words; her room agreed, and its moderator, we, removes the original.
    stage.cleo.delete(&own_id).await.expect("deleted");
    stage.ann.stanza("removal by the room, on our word", |came| came.is_removal_of(own.archive())).await;
    stage.barrier().await;
    let elsewhere: Vec<String> =
        stage.acts().into_iter().filter(|act| !before.contains(act) && act.contains("office@")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
