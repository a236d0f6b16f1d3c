//! The page of a browser room in a real browser, tied to an XMPP room and an IRC channel.

use sameroom_testkit::browser::{Browser, keys};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use serde_json::json;

use crate::people::{Occupant, xmpp_account};
use crate::program::{Program, heard, irc_account, person};

const DOMAIN: &str = "xmpp.test";

/// Opens the menu of the message with these words and chooses an entry.
async fn choose(browser: &Browser, words: &str, entry: &str) {
    let find = format!(
        "[...document.querySelectorAll('li[data-id]')].find((li) => li.innerText.includes({}))?.dataset.id",
        json!(words)
    );
    let id = browser.run(&format!("return {find}")).await.expect("found");
    let id = id.as_str().expect("an id").to_owned();
    browser.click(&format!("li[data-id=\"{id}\"] .more")).await.expect("the menu's button");
    browser.wait("menu", "document.querySelector('.menu')").await.expect("the menu");
    let mark = format!(
        "[...document.querySelectorAll('.menu button')].find((b) => b.textContent === {})?.setAttribute('data-test', '1')",
        json!(entry)
    );
    browser.run(&mark).await.expect("marked");
    browser.click(".menu button[data-test]").await.expect("chosen");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_a_browser_talks_with_people_on_xmpp_and_irc() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = Prosody::start(ProsodyOptions::default()).await.expect("prosody");
    for user in ["bridge", "ann"] {
        prosody.add_user(user).expect("user");
    }
    let mut bob = person(ngircd.addr(), "bob", "#lobby").await;
    let mut ann = Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"one/#lobby\", \"acme/garden\", \"front/lounge\"]\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(3).await;
    let link = program.link("front/lounge").await;
    let browser = Browser::start().await.expect("a browser");
    browser.show_as(1_280, 800, false).await.expect("a size");
    browser.open(&link).await.expect("the page");
    browser.wait_text("Connected to garden").await.expect("what it is connected to");
    browser.type_into("#name", "Cleo").await.expect("a name");
    browser.press(keys::ENTER).await.expect("enter");
    browser.wait_text("Live").await.expect("live");

    // Out: said, changed with the keyboard.
    browser.type_into("#text", "Hello from **my browser**").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    let copy = ann.stanza("the copy", |came| came.text().contains("my browser")).await;
    assert_eq!(copy.text(), "[Cleo, front] Hello from *my browser*", "bold is bold there");
    assert_eq!(heard(&mut bob, "my browser").await, "<Cleo> Hello from \u{2}my browser\u{f}");
    browser.wait("empty outbox", "!document.querySelector('.pending')").await.expect("acknowledged");
    browser.press(keys::UP).await.expect("up");
    browser
        .wait("editing", "document.querySelector('#text').value.startsWith('Hello')")
        .await
        .expect("editing");
    browser.type_into("#text", " again").await.expect("typed");
    browser.press(keys::ENTER).await.expect("saved");
    ann.corrected(&copy, "Hello from *my browser* again").await;

    // In: said by others, answered, reacted to, changed, taken back, all live.
    let said = ann.say("Good morning, Cleo").await;
    browser.wait_text("Good morning, Cleo").await.expect("live");
    bob.say("#lobby", "and from IRC").await.expect("said");
    browser.wait_text("and from IRC").await.expect("live");
    choose(&browser, "Good morning, Cleo", "👍").await;
    ann.reacted(&said, &["👍"]).await;
    choose(&browser, "Good morning, Cleo", "Reply").await;
    browser.type_into("#text", "Morning!").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    ann.answered(&said, "Morning!").await;
    ann.react(&copy, &["🎉"]).await;
    browser.wait("reaction", "document.body.innerText.includes('🎉')").await.expect("live");
    ann.edit(&said, "Good evening, Cleo").await;
    browser.wait_text("Good evening, Cleo").await.expect("changed");
    ann.upload("minutes.txt", "all agreed").await;
    browser.wait_text("minutes.txt").await.expect("shared");
    ann.retract(&said).await;
    browser.wait_no_text("Good evening, Cleo").await.expect("gone, from the quote too");

    // A command is answered here and shown nowhere else.
    browser.type_into("#text", "-sameroom map").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    browser.wait_text("3 tubes between 3 rooms").await.expect("answered");
    browser.type_into("#text", "the end").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    ann.hear("the end").await;
    assert!(!ann.everything().iter().any(|xml| xml.contains("3 tubes") || xml.contains("-sameroom map")));
    browser.quit().await.expect("ended");
}
