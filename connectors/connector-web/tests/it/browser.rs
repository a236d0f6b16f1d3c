//! The page in a real browser, at the width of a desk and of a phone.

use std::path::PathBuf;

use sameroom_connector::contract::Peer as _;
use sameroom_testkit::browser::{Browser, keys};
use sameroom_types::action::{Action, OutboundPost, Rendered};
use sameroom_types::event::{Author, Role};
use serde_json::json;

use crate::place::Place;

/// Where pictures go when `SAMEROOM_SCREENSHOTS` names a folder.
async fn picture(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("SAMEROOM_SCREENSHOTS") else { return };
    let base64 = browser.screenshot().await.expect("a picture");
    std::fs::write(PathBuf::from(folder).join(format!("{name}.png.base64")), base64).expect("written");
}

/// A post of somebody in another room.
fn remote(name: &str, text: &str) -> Action {
    let author = Author {
        id: "irc-1".into(),
        name: name.to_owned(),
        username: None,
        avatar: None,
        is_bot: false,
        role: Role::Unknown,
    };
    let text = Rendered { text: text.to_owned(), styled: true };
    Action::Post(OutboundPost { text, author: Some(author), reply: None, thread: None, notice: false })
}

#[tokio::test]
async fn people_talk_in_the_page_at_a_desk() {
    talk("desk", 1_280, 800, false).await;
}

#[tokio::test]
async fn people_talk_in_the_page_on_a_phone() {
    talk("phone", 390, 780, true).await;
}

async fn talk(label: &str, width: u32, height: u32, phone: bool) {
    let place = Place::start().await;
    let (mut rig, room) = place.session().await;
    let mut bob = place.visitor("Bob Miller").await;
    let browser = Browser::start().await.expect("a browser");
    browser.show_as(width, height, phone).await.expect("a size");
    browser.open(&format!("http://{}{}", place.address, place.path())).await.expect("the page");
    browser.wait_text("Bob Miller entered").await.expect("the history");
    picture(&browser, &format!("{label}-1-enter")).await;

    browser.type_into("#name", "Anna").await.expect("a name");
    browser.press(keys::ENTER).await.expect("enter");
    browser.wait("composer", "!document.querySelector('#composer').hidden").await.expect("inside");
    browser.wait_text("Live").await.expect("live");

    // Sent by hand, seen by others; on a phone the button sends, because Enter starts a line there.
    browser.type_into("#text", "Hello **everyone**, is `main` green?").await.expect("typed");
    if phone {
        browser.click("#send").await.expect("sent");
    } else {
        browser.press(keys::ENTER).await.expect("sent");
    }
    let seen = bob.wait_for("Hello **everyone**").await.expect("seen by others");
    let id = seen.id.expect("an id");
    browser.wait("formatting", "document.querySelector('.text strong')").await.expect("bold");
    browser.wait("empty outbox", "!document.querySelector('.pending')").await.expect("acknowledged");
    rig.posted(&room, "is main green?").await.expect("reported");

    // Others' messages come live, from this room and from connected ones.
    bob.reply(&id, "It is, since ten minutes ago.").await.expect("a reply");
    browser.wait_text("since ten minutes ago").await.expect("live");
    bob.react(&id, "🎉").await.expect("a reaction");
    browser.wait("reaction", "document.querySelector('.reactions button')").await.expect("live");
    let code = "And the failing one was:\n```rust\nassert_eq!(rooms.len(), 2);\n```\n> flaky\n\nSee <https://ci.example/1>.";
    rig.send(&room, remote("Chloé (Libera)", code)).await.expect("sent");
    browser.wait_text("assert_eq!").await.expect("live");
    let notice = Action::Post(OutboundPost {
        text: Rendered { text: "Connected to #dev on IRC.".to_owned(), styled: true },
        author: None,
        reply: None,
        thread: None,
        notice: true,
    });
    rig.send(&room, notice).await.expect("sent");
    browser.wait_text("Connected to #dev").await.expect("a notice");

    // Changed with the keyboard: up, type, enter.
    if phone {
        browser.click(&format!("li[data-id=\"{id}\"] .more")).await.expect("the menu");
        picture(&browser, &format!("{label}-2-menu")).await;
        click_word(&browser, "Edit").await;
    } else {
        browser.click("#text").await.expect("focus");
        browser.press(keys::UP).await.expect("up");
    }
    browser
        .wait("editing", "document.querySelector('#text').value.startsWith('Hello')")
        .await
        .expect("editing");
    browser.type_into("#text", " Yes?").await.expect("typed");
    browser.click("#send").await.expect("saved");
    bob.wait_for("green? Yes?").await.expect("edited for others");
    browser.wait_text("(edited)").await.expect("marked");

    // A reaction and a reply by way of the menu of Bob's message.
    let bobs =
        "[...document.querySelectorAll('li')].find((li) => li.innerText.includes('ten minutes')).dataset.id";
    let bobs = browser.run(&format!("return {bobs}")).await.expect("an id");
    let bobs = bobs.as_str().expect("text").to_owned();
    open_menu(&browser, &bobs).await;
    if !phone {
        picture(&browser, &format!("{label}-2-menu")).await;
    }
    click_word(&browser, "👍").await;
    bob.wait_reaction(&bobs, "👍", true).await.expect("seen by others");
    open_menu(&browser, &bobs).await;
    click_word(&browser, "Reply").await;
    browser.wait_text("Reply to Bob Miller").await.expect("said");
    browser.type_into("#text", "Thanks!").await.expect("typed");
    picture(&browser, &format!("{label}-3-reply")).await;
    browser.click("#send").await.expect("sent");
    assert_eq!(bob.wait_for("Thanks!").await.expect("seen").reply, Some(bobs.clone()));

    // A picture and another file.
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("green.png");
    std::fs::write(&image, PNG).expect("written");
    browser.type_into("#files", &image.display().to_string()).await.expect("chosen");
    browser
        .wait("picture", "document.querySelector('.picture img')?.naturalWidth === 240")
        .await
        .expect("drawn");
    assert_eq!(bob.wait_file("green.png").await.expect("shared"), PNG);
    bob.upload("Minutes of the meeting, 2026-11.pdf", &[7; 70_000]).await.expect("shared");
    browser.wait_text("Minutes of the meeting").await.expect("live");

    // What is taken back goes.
    open_menu(&browser, &bobs).await;
    browser.press(keys::ESCAPE).await.expect("escape");
    browser.wait("closed menu", "!document.querySelector('.menu')").await.expect("closed");
    bob.delete(&bobs).await.expect("deleted");
    browser.wait_text("Message deleted").await.expect("marked");
    browser.wait_no_text("ten minutes ago").await.expect("gone from quotes too");
    browser
        .wait("end", "scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 90")
        .await
        .expect("at the end");
    picture(&browser, &format!("{label}-4-all")).await;
    browser.prefer_dark(true).await.expect("dark");
    picture(&browser, &format!("{label}-5-dark")).await;

    // Nothing is wider than the page, and nothing was loaded from elsewhere.
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.run(wide).await.expect("measured"), json!(false), "scrolls sideways");
    let hosts =
        "return [...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).host))]";
    assert_eq!(browser.run(hosts).await.expect("listed"), json!([place.address.to_string()]));
    browser.quit().await.expect("ended");
    rig.stop().await.expect("stopped");
    place.end().await;
}

async fn open_menu(browser: &Browser, id: &str) {
    browser.click(&format!("li[data-id=\"{id}\"] .more")).await.expect("the menu's button");
    browser.wait("menu", "document.querySelector('.menu')").await.expect("the menu");
}

async fn click_word(browser: &Browser, word: &str) {
    let script = format!(
        "[...document.querySelectorAll('.menu button')].find((b) => b.textContent === {})?.setAttribute('data-test', '1')",
        json!(word)
    );
    browser.run(&script).await.expect("found");
    browser.click(".menu button[data-test]").await.expect("clicked");
}

#[tokio::test]
async fn the_page_sends_again_what_a_dead_server_did_not_take() {
    let place = Place::start().await;
    let (rig, _) = place.session().await;
    let browser = Browser::start().await.expect("a browser");
    browser.show_as(800, 600, false).await.expect("a size");
    browser.open(&format!("http://{}{}", place.address, place.path())).await.expect("the page");
    browser.type_into("#name", "Anna").await.expect("a name");
    browser.press(keys::ENTER).await.expect("enter");
    browser.wait_text("Live").await.expect("live");
    let (kit, address) = (place.kit.clone(), place.address);
    rig.stop().await.expect("stopped");
    place.end().await;
    browser.wait_text("Reconnecting").await.expect("said");
    browser.type_into("#text", "while you were away").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    browser.wait_text("Waiting for the connection").await.expect("said");
    picture(&browser, "away").await;

    // Even a page that is loaded again sends it; the same id makes it one message.
    let place = Place::start_at(address, kit).await;
    let (mut rig, room) = place.session().await;
    let post = rig.posted(&room, "while you were away").await.expect("sent at last");
    assert_eq!(post.author.name, "Anna");
    browser
        .wait("empty outbox", "!document.querySelector('.pending') && outbox.length === 0")
        .await
        .expect("acknowledged");
    browser.open(&format!("http://{address}{}", place.path())).await.expect("again");
    browser.wait_text("while you were away").await.expect("history");
    let count = "return document.querySelectorAll('.message').length";
    assert_eq!(browser.run(count).await.expect("counted"), json!(1));
    browser.quit().await.expect("ended");
    place.end().await;
}

/// A light band on green, 240 by 120 pixels.
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 240, 0, 0, 0, 120, 1, 3, 0, 0, 0,
    246, 120, 237, 100, 0, 0, 0, 6, 80, 76, 84, 69, 32, 144, 80, 232, 244, 236, 198, 93, 159, 185, 0, 0, 0,
    35, 73, 68, 65, 84, 120, 218, 237, 201, 161, 1, 0, 0, 8, 3, 160, 253, 255, 180, 94, 160, 121, 1, 42, 9,
    80, 108, 94, 90, 107, 173, 181, 190, 26, 40, 182, 19, 226, 1, 98, 12, 157, 88, 3, 0, 0, 0, 0, 73, 69, 78,
    68, 174, 66, 96, 130,
];
