//! What an IRC channel shows of edits, deletions, reactions, replies and files.

use sameroom_testkit::irc_client::{self, IrcClient};
use sameroom_testkit::servers::inspircd::{Inspircd, InspircdOptions};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::web_client::{self, WebClient};

use crate::people::{Occupant, web_notice, xmpp_account};
use crate::program::{Program, heard, irc_account, person};

const DOMAIN: &str = "xmpp.test";

/// Two plain channels, one with message tags, an XMPP room and a browser room, all tied.
struct Stage {
    _ngircd: Ngircd,
    _inspircd: Inspircd,
    _prosody: Prosody,
    plain: IrcClient,
    second: IrcClient,
    modern: IrcClient,
    ann: Occupant,
    cleo: WebClient,
    program: Program,
}

async fn stage(rooms: &str) -> Stage {
    let (options, modern_options) = (NgircdOptions::default(), InspircdOptions::default());
    let (ngircd, inspircd, prosody) = tokio::join!(
        Ngircd::start(&options),
        Inspircd::start(&modern_options),
        Prosody::start(ProsodyOptions::default()),
    );
    let (ngircd, inspircd, prosody) =
        (ngircd.expect("ngircd"), inspircd.expect("inspircd"), prosody.expect("prosody"));
    prosody.add_user("bridge").expect("user");
    prosody.add_user("ann").expect("user");
    let plain = person(ngircd.addr(), "bob", "#lobby").await;
    let second = person(ngircd.addr(), "dan", "#second").await;
    let caps = ["message-tags", "server-time", "echo-message"];
    let mut modern = IrcClient::connect(inspircd.addr(), "ida", &caps).await.expect("connected");
    modern.join("#modern").await.expect("joined");
    let ann = Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        irc_account("two", inspircd.addr(), ""),
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"one/#lobby\", \"one/#second\", \"two/#modern\", \"acme/garden\", \"front/lounge\"]\n"
            .to_owned(),
        rooms.to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(10).await;
    let link = program.link("front/lounge").await;
    let cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    Stage {
        _ngircd: ngircd,
        _inspircd: inspircd,
        _prosody: prosody,
        plain,
        second,
        modern,
        ann,
        cleo,
        program,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_become_short_readable_lines() {
    let mut stage = stage("").await;
    let Stage { plain, second, modern, ann, cleo, program, .. } = &mut stage;
    let original = ann.say("I like teh garden behind the house").await;
    for client in [&mut *plain, second, modern] {
        assert_eq!(heard(client, "behind the house").await, "<ann> I like teh garden behind the house");
    }

    // Each correction says what changed since the last one, in every channel.
    ann.edit(&original, "I like the garden behind the house").await;
    for client in [&mut *plain, second, modern] {
        assert_eq!(heard(client, "→").await, "<ann> * teh → the");
    }
    ann.edit(&original, "I like the garden behind the barn").await;
    for client in [&mut *plain, second, modern] {
        assert_eq!(heard(client, "→").await, "<ann> * house → barn");
    }
    // What changes too much to be told briefly is told whole.
    ann.edit(&original, "Nothing of all that was ever true, and I take every single word of it back now")
        .await;
    for client in [&mut *plain, second, modern] {
        assert!(heard(client, "true").await.starts_with("<ann> (edited) Nothing of all that"));
    }

    // A reply quotes where the channel has no replies, and answers the copy where it has.
    ann.reply(&original, "did I say that?").await;
    for client in [&mut *plain, second] {
        assert_eq!(
            heard(client, "did I say that?").await,
            "<ann> (re ann: “Nothing of all that was ever true, and I take every single…”) did I say that?"
        );
    }
    let line = modern.wait(|line| line.contains("did I say that?")).await.expect("heard");
    assert!(irc_client::tag(&line, "+reply").is_some_and(|id| !id.is_empty()), "{line}");
    assert!(!line.contains("(re "), "{line}");

    // Answers and reactions from the channel that knows them.
    let copy = web(cleo, "Nothing of all that").await;
    let question = cleo.post("shall we go?").await.expect("said");
    let seen = modern.wait(|line| line.contains("shall we go?")).await.expect("heard");
    let msgid = irc_client::tag(&seen, "msgid").expect("an id").to_owned();
    modern.say_with(&format!("+reply={msgid}"), "#modern", "let us").await.expect("said");
    let answer = cleo.text("let us").await.expect("heard");
    assert_eq!(answer["reply"]["id"], question.as_str(), "{answer}");
    modern.send(&format!("@+draft/react=👍;+reply={msgid} TAGMSG #modern")).await.expect("sent");
    let has = |wanted: bool| {
        move |message: &serde_json::Value| {
            web_client::reactions(message).iter().any(|one| one.starts_with('👍')) == wanted
        }
    };
    cleo.until("reaction", &question, has(true)).await.expect("reacted");
    // Where none can be shown, a notice tells of it.
    for client in [&mut *plain, second] {
        let line = heard(client, "reacted").await;
        assert_eq!(line, "* ida reacted 👍 to cleo: “shall we go?”");
    }
    modern.send(&format!("@+draft/unreact=👍;+reply={msgid} TAGMSG #modern")).await.expect("sent");
    cleo.until("no reaction", &question, has(false)).await.expect("taken back");

    // A deletion is told, with the beginning of what it was about.
    let copy = copy["id"].as_str().expect("an id").to_owned();
    ann.retract(&original).await;
    cleo.until("deletion", &copy, |message| !message["deleted"].is_null()).await.expect("deleted");
    for client in [&mut *plain, second, modern] {
        let line = heard(client, "deleted").await;
        assert_eq!(line, "ann deleted: “Nothing of all that was ever true, and I take every single…”");
    }
    assert!(program.log().lines().all(|line| !line.contains("ERROR")), "{}", program.log());
}

/// A message of the browser room with these words, as it stands now.
async fn web(client: &WebClient, text: &str) -> serde_json::Value {
    client.text(text).await.expect("shown")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_named_and_no_link_of_ours_is_posted_while_nobody_could_follow_it() {
    let mut stage = stage("").await;
    let Stage { plain, second, modern, ann, cleo, program, .. } = &mut stage;
    cleo.upload("Plan for May.txt", &[b'x'; 2_048]).await.expect("uploaded");
    for client in [&mut *plain, second, modern] {
        assert_eq!(heard(client, "Plan").await, "<cleo> Plan for May.txt (3 kB): the file was not copied");
    }
    assert_eq!(ann.file("Plan%20for%20May.txt").await, [b'x'; 2_048]);
    // What lies on a server of the sender's own can be fetched there.
    ann.upload("notes.txt", &"n".repeat(500)).await;
    for client in [&mut *plain, second, modern] {
        let line = heard(client, "notes.txt").await;
        let (named, url) = line.split_once(") ").expect("a link");
        assert_eq!(named, "<ann> notes.txt (500 B");
        assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/notes.txt"), "{line}");
        assert!(!url.contains(&program.address.to_string()), "not ours: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notice_on_connecting_says_what_gets_lost_between_these_two() {
    let mut stage = stage("").await;
    let Stage { plain, modern, ann, cleo, .. } = &mut stage;
    let files = "files are only named, with a link where their own platform gives one";
    for (client, other) in [(&mut *plain, "garden on"), (modern, "garden on")] {
        let line = heard(client, &format!("Connected to {other}")).await;
        assert!(line.contains("edits become corrections, deletions are only told"), "{line}");
        assert!(line.ends_with(&format!("{files}.")), "{line}");
        assert_eq!(line.contains("reactions become lines"), client.nick == "bob", "{line}");
        assert_eq!(line.contains("replies quote"), client.nick == "bob", "{line}");
    }
    for (room, expected) in
        [("#second on one", "Between these two nothing gets lost."), ("a private room on front", files)]
    {
        let line = heard(plain, &format!("Connected to {room}")).await;
        assert!(line.contains(expected), "{line}");
    }
    let told = ann.told("Connected to a private room on front").await;
    assert!(told.text().contains("Between these two nothing gets lost."), "{told:?}");
    let told = web_notice(cleo, "Connected to garden").await;
    assert!(told["text"].as_str().is_some_and(|text| text.contains("nothing gets lost")), "{told}");
}
