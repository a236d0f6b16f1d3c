//! What `[rooms]` says about a room, seen in the room.

use sameroom_testkit::irc_client::IrcClient;
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::web_client::{self, WebClient};

use crate::people::{web_everything, web_notice};
use crate::program::{Program, heard, irc_account, person, tube};

const FRONT: &str = "[accounts.front]\nplatform = \"web\"\nteam = \"Front\"\n";

/// Enters browser rooms of a relay.
async fn enter(program: &Program, rooms: &[&str]) -> Vec<WebClient> {
    let mut clients = Vec::new();
    for room in rooms {
        let link = program.link(&format!("front/{room}")).await;
        let name = format!("guest of {room}");
        clients.push(WebClient::enter(program.address, &link, &name).await.expect("entered"));
    }
    clients
}

async fn id_of(client: &WebClient, text: &str) -> String {
    client.text(text).await.expect("there")["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_keeps_its_record_or_hears_of_no_change() {
    let config = [
        FRONT,
        "[[tubes]]\nrooms = [\"front/source\", \"front/keeps\", \"front/deaf\", \"front/plain\"]\n",
        "[rooms.\"front/keeps\"]\nedits = \"append\"\ndeletes = \"mark\"\n",
        "[rooms.\"front/deaf\"]\nedits = \"ignore\"\ndeletes = \"ignore\"\n",
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(6).await;
    let mut clients = enter(&program, &["source", "keeps", "deaf", "plain"]).await;
    let [source, keeps, deaf, plain] = clients.as_mut_slice() else { unreachable!("four") };
    let original = source.post("we meet at nine").await.expect("said");
    let (kept, unheard, followed) = (
        id_of(keeps, "we meet at nine").await,
        id_of(deaf, "we meet at nine").await,
        id_of(plain, "we meet at nine").await,
    );

    source.edit(&original, "we meet at ten").await.expect("edited");
    plain.until("edit", &followed, |message| message["text"] == "we meet at ten").await.expect("applied");
    let line = keeps.text("* nine → ten").await.expect("appended");
    assert_eq!((&line["author"]["name"], &line["kind"]), (&"guest of source".into(), &"message".into()));
    source.edit(&original, "we meet at eleven").await.expect("edited");
    keeps.text("* ten → eleven").await.expect("appended");

    source.delete(&original).await.expect("deleted");
    plain.until("deletion", &followed, |message| message["deleted"] == "author").await.expect("applied");
    let told = web_notice(keeps, "deleted").await;
    assert_eq!(
        told["text"].as_str().map(|text| text.replace(['\u{2060}', '\u{200b}'], "")).as_deref(),
        Some("guest of source deleted: “we meet at eleven”")
    );

    source.post("the last word").await.expect("said");
    deaf.text("the last word").await.expect("heard");
    for (client, id) in [(&*keeps, &kept), (&*deaf, &unheard)] {
        let history = client.history().await.expect("history");
        let copy = history.iter().find(|message| message["id"] == id.as_str()).expect("there");
        assert_eq!(copy["text"], "we meet at nine");
        assert!(copy["edited"].is_null() && copy["deleted"].is_null(), "{copy}");
    }
    let all = web_everything(deaf).await;
    assert!(!all.contains("ten") && !all.contains("eleven") && !all.contains("deleted:"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_linked_or_only_named() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut bob = person(ngircd.addr(), "bob", "#lobby").await;
    let config = [
        FRONT.to_owned(),
        irc_account("one", ngircd.addr(), ""),
        "[[tubes]]\nrooms = [\"front/source\", \"front/copies\", \"front/links\", \"front/names\", \"one/#lobby\"]\n"
            .to_owned(),
        "[rooms.\"front/links\"]\nfiles = \"link\"\n[rooms.\"front/names\"]\nfiles = \"no\"\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("public_url = \"https://chat.example.net\"", &config);
    program.ready(10).await;
    let mut clients = enter(&program, &["source", "copies", "links", "names"]).await;
    let [source, copies, links, names] = clients.as_mut_slice() else { unreachable!("four") };
    let content: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    source.upload("a plan.bin", &content).await.expect("uploaded");

    let copy = copies
        .wait("copy", |message| (message["file"]["name"] == "a plan.bin").then(|| message.clone()))
        .await
        .expect("copied");
    assert_eq!(copies.file(&copy).await.expect("fetched"), content);

    let linked = links.text("a plan.bin (70 kB) https://chat.example.net/files/").await.expect("linked");
    assert!(linked["file"].is_null(), "{linked}");
    let line = heard(&mut bob, "a plan.bin").await;
    for text in [linked["text"].as_str().expect("text"), &line] {
        let (_, url) = text.split_once("https://chat.example.net").expect("a link");
        let path = url.split([' ', '>', ')']).next().expect("a path");
        assert!(path.ends_with("/a%20plan.bin"), "{text}");
        let answer = web_client::request(program.address, "GET", path, &[], &[]).await.expect("fetched");
        assert_eq!(answer.status, 200, "{text}");
        assert!(answer.body == content, "the link gives the very file");
        assert!(answer.header("content-disposition").starts_with("attachment"));
    }

    let named = names.text("a plan.bin").await.expect("named");
    assert_eq!(named["text"], "a plan.bin (70 kB): the file was not copied");
    assert!(named["file"].is_null(), "{named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_may_only_hear_or_only_be_heard() {
    let config = [
        FRONT,
        "[[tubes]]\nrooms = [\"front/hears\", \"front/speaks\", \"front/plain\"]\n",
        "[rooms.\"front/hears\"]\nrelay = \"in\"\n[rooms.\"front/speaks\"]\nrelay = \"out\"\n",
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(3).await;
    let mut clients = enter(&program, &["hears", "speaks", "plain"]).await;
    let [hears, speaks, plain] = clients.as_mut_slice() else { unreachable!("three") };
    let kept = hears.post("stays in hears").await.expect("said");
    hears.react(&kept, "👍", true).await.expect("reacted");
    hears.edit(&kept, "stays, changed, in hears").await.expect("edited");
    let spoken = speaks.post("from speaks").await.expect("said");
    for client in [&*hears, plain] {
        client.text("from speaks").await.expect("heard");
    }
    plain.post("from plain").await.expect("said");
    hears.text("from plain").await.expect("heard");
    // Reactions of a room that only hears stay there as well, and those of others don't reach one that only speaks.
    let at_hears = id_of(hears, "from speaks").await;
    hears.react(&at_hears, "🎉", true).await.expect("reacted");
    let at_plain = id_of(plain, "from speaks").await;
    plain.react(&at_plain, "👀", true).await.expect("reacted");
    hears
        .until("reaction", &at_hears, |message| {
            web_client::reactions(message).iter().any(|one| one.starts_with('👀'))
        })
        .await
        .expect("shown");
    speaks.edit(&spoken, "from speaks, changed").await.expect("edited");
    plain.text("from speaks, changed").await.expect("changed");
    let all = web_everything(plain).await;
    assert!(!all.contains("hears") && !all.contains('🎉'), "{all}");
    let all = web_everything(speaks).await;
    assert!(!all.contains("from plain") && !all.contains("in hears") && !all.contains('👀'), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_replaced_shown_and_kept_quiet() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut bob = person(ngircd.addr(), "bob", "#lobby").await;
    let mut spammer = person(ngircd.addr(), "spammer", "#lobby").await;
    bob.join("#open").await.expect("joined");
    let config = [
        FRONT.to_owned(),
        irc_account("one", ngircd.addr(), ""),
        tube("one/#lobby", "front/target"),
        tube("one/#open", "front/quiet"),
        "[rooms.\"one/#lobby\"]\nlabel = \"The Lobby\"\nignore = { names = [\"^spam\"], text = [\"^!\"] }\n"
            .to_owned(),
        "[rooms.\"one/#open\"]\nbots = true\ncommands = \"nobody\"\n".to_owned(),
        "[rooms.\"front/target\"]\njoins = true\nreplace = [[\"colou?r\", \"hue\"], [\"(?i)\\\\bsecret\\\\b\", \"censored\"]]\n"
            .to_owned(),
        "[rooms.\"front/quiet\"]\nnotices = false\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(2).await;
    let mut clients = enter(&program, &["target", "quiet"]).await;
    let [target, quiet] = clients.as_mut_slice() else { unreachable!("two") };
    web_notice(target, "Connected to The Lobby on one (IRC)").await;

    spammer.say("#lobby", "buy this").await.expect("said");
    bob.say("#lobby", "!roll 3").await.expect("said");
    bob.send("NOTICE #lobby :from a program").await.expect("sent");
    bob.say("#lobby", "a colour and a color, Secret and secretary").await.expect("said");
    target.text("a hue and a hue, censored and secretary").await.expect("replaced");
    let mut dora = person(ngircd.addr(), "dora", "#lobby").await;
    web_notice(target, "dora joined The Lobby").await;
    dora.send("PART #lobby :bye").await.expect("sent");
    web_notice(target, "dora left The Lobby").await;
    let all = web_everything(target).await;
    assert!(!all.contains("buy this") && !all.contains("!roll") && !all.contains("from a program"), "{all}");

    bob.send("NOTICE #open :from a program").await.expect("sent");
    quiet.text("from a program").await.expect("relayed where programs are");
    // Where nobody commands, a command is a line like any other.
    bob.say("#open", "-sameroom help").await.expect("said");
    quiet.text("-sameroom help").await.expect("relayed");
    let all = web_everything(quiet).await;
    assert!(!all.contains("Connected to") && !all.contains("\"notice\""), "{all}");
    // And people who come and go elsewhere are not told where that isn't asked for.
    assert!(!all.contains("joined"), "{all}");
    bob.catch_up().await.expect("caught up");
    assert!(!bob.passed.iter().any(|line| line.contains("these lines")), "{:?}", bob.passed);
}

/// Says something in the browser room and gives how it appears in the channel.
async fn appears(client: &mut WebClient, reader: &mut IrcClient, text: &str) -> String {
    client.post(text).await.expect("said");
    heard(reader, text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn format_words_and_templates_say_who_speaks() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut bob = person(ngircd.addr(), "bob", "#lobby").await;
    let mut eve = person(ngircd.addr(), "eve", "#configured").await;
    let config = [
        FRONT.to_owned(),
        irc_account("one", ngircd.addr(), ""),
        tube("one/#lobby", "front/source"),
        tube("one/#configured", "front/source"),
        "[rooms.\"one/#configured\"]\nformat = \"{name} ({room}, {platform}, {account}) says: \"\n"
            .to_owned(),
        "[rooms.\"front/source\"]\nlabel = \"Source\"\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(2).await;
    let link = program.link("front/source").await;
    let mut cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    let shown = appears(&mut cleo, &mut bob, "message 0").await;
    assert_eq!(shown, "<cleo> message 0");
    let shown = heard(&mut eve, "message 0").await;
    assert_eq!(shown, "cleo (Source, Browser room, front) says: message 0");
    for (number, (word, expected)) in [
        ("name", "[cleo] "),
        ("TEAM", "[cleo, Front] "),
        ("no-team", "[cleo] "),
        ("both", "[cleo @cleo, Front] "),
        ("username", "[cleo] "),
        ("none", ""),
        ("{name}@{team}:", "cleo@Front: "),
        ("default", "<cleo> "),
    ]
    .into_iter()
    .enumerate()
    {
        bob.say("#lobby", &format!("-sameroom format {word}")).await.expect("said");
        heard(&mut bob, "Messages now appear here as").await;
        let text = format!("message {}", number + 1);
        let shown = appears(&mut cleo, &mut bob, &text).await;
        assert_eq!(shown, format!("{expected}{text}"), "{word}");
    }
    bob.say("#lobby", "-sameroom format nonsense").await.expect("said");
    heard(&mut bob, "is none of").await;
    bob.say("#lobby", "-sameroom format").await.expect("said");
    heard(&mut bob, "Messages appear here as: default.").await;
}
