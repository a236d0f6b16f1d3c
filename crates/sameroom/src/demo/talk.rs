//! The demo's conversation: said in one room, waited for in the others, printed as it happens.

use std::time::{Duration, Instant};

use anyhow::Context;
use simulator_irc::{Server, User};

use super::CHANNEL;
use super::visitor::{Shown, Visitor};
use crate::cli::say;

/// How long anything may take to be shown in another room.
const PATIENCE: Duration = Duration::from_secs(15);

/// A pause before each line, so that a person can follow.
const PAUSE: Duration = Duration::from_millis(500);

/// The three rooms and who sits in them.
pub(crate) struct Talk<'a> {
    irc: &'a Server,
    mia: User,
    anna: Visitor,
    tom: Visitor,
}

impl<'a> Talk<'a> {
    /// Has Mia join the channel, and Anna and Tom enter the two browser rooms.
    pub(crate) async fn begin(irc: &'a Server, garden: &str, office: &str) -> anyhow::Result<Self> {
        let mia = irc.user("mia", CHANNEL).map_err(|refused| anyhow::anyhow!("mia: {refused}"))?;
        let anna = Visitor::enter(garden, "Anna").await.context("enter the garden")?;
        let tom = Visitor::enter(office, "Tom").await.context("enter the office")?;
        Ok(Self { irc, mia, anna, tom })
    }

    /// Says all lines.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let hello = "Hello from IRC! Who is there?";
        let began = begin(&format!("IRC {CHANNEL}"), "mia", hello).await;
        self.mia.says(hello).map_err(|refused| anyhow::anyhow!("mia: {refused}"))?;
        let asked = self.in_garden(began, hello).await?;
        self.in_office(began, hello).await?;

        let answer = "I am, in a browser. **No account** needed.";
        let began = begin("Garden", "Anna", &format!("{answer}  (a reply)")).await;
        let said = self.anna.say(answer, Some(&asked.id)).await?;
        let copy = self.in_office(began, "No account").await?;
        self.on_irc(began, "No account").await?;

        let began = begin("Office", "Tom", "👍  (on what Anna said)").await;
        self.tom.react(&copy.id, "👍").await?;
        let shown = self.anna.wait(|shown| shown.emoji.iter().any(|emoji| emoji == "👍"));
        within("the reaction", shown).await?;
        line(began, "Garden", "👍 stands on Anna's message");

        let edited = "I am, in a browser. **No account** and nothing to install.";
        let began = begin("Garden", "Anna", &format!("{edited}  (changes it)")).await;
        self.anna.edit(&said, edited).await?;
        self.in_office(began, "nothing to install").await?;
        self.on_irc(began, "nothing to install").await?;

        let command = "-sameroom map";
        let began = begin("Office", "Tom", command).await;
        self.tom.say(command, None).await?;
        self.in_office(began, "between 3 rooms").await?;
        Ok(())
    }

    async fn in_garden(&mut self, began: Instant, text: &str) -> anyhow::Result<Shown> {
        let shown = within(text, self.anna.wait(|shown| shown.text.contains(text))).await?;
        line(began, "Garden", &format!("{}: {}", shown.author, shown.text));
        Ok(shown)
    }

    async fn in_office(&mut self, began: Instant, text: &str) -> anyhow::Result<Shown> {
        let shown = within(text, self.tom.wait(|shown| shown.text.contains(text))).await?;
        line(began, "Office", &format!("{}: {}", shown.author, shown.text));
        Ok(shown)
    }

    async fn on_irc(&self, began: Instant, text: &str) -> anyhow::Result<()> {
        let entry = self
            .irc
            .wait_for(CHANNEL, |entry| entry.text().is_some_and(|line| line.contains(text)))
            .await
            .with_context(|| format!("on IRC: {text:?} did not come"))?;
        let visible: String = entry
            .text()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control() && *c != '\u{200b}')
            .collect();
        line(began, &format!("IRC {CHANNEL}"), &format!("{}: {visible}", entry.by));
        Ok(())
    }
}

/// Prints what somebody is about to do, after a pause.
async fn begin(room: &str, who: &str, text: &str) -> Instant {
    tokio::time::sleep(PAUSE).await;
    say(&format!("\n  {room:<12} {who}: {text}"));
    Instant::now()
}

/// Prints what a room shows, and how long that took.
fn line(began: Instant, room: &str, text: &str) {
    let millis = began.elapsed().as_secs_f64() * 1_000.0;
    say(&format!("    -> {room:<12} {text}   ({millis:.1} ms)"));
}

async fn within<T>(what: &str, shown: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, shown)
        .await
        .map_err(|_| anyhow::anyhow!("{what:?} was not shown within {} s", PATIENCE.as_secs()))?
}
