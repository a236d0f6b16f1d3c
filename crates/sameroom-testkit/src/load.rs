//! People who talk at full speed over raw sockets, and the book of what reached whom.
//!
//! For load tests and figures: no code shared with any connector, and no work per message but reading
//! its text. Every message ends in a word such as `A-17`: who sent it, and which one it is.

pub mod book;
pub mod gate;
pub mod irc;
pub mod web;
pub mod xmpp;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

pub use book::{Book, Verdict};

/// How long a window may stay full before the server is woken: some read a burst in full but handle
/// only its first lines until more bytes come.
const STUCK: Duration = Duration::from_millis(5);

/// Somebody who says things in one room.
#[derive(Clone, Debug)]
pub enum Speaker {
    /// In an IRC channel.
    Irc(irc::Speaker),
    /// In an XMPP room.
    Xmpp(xmpp::Speaker),
}

impl Speaker {
    /// Says this in a room.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn say(&self, room: &str, text: &str) -> io::Result<()> {
        match self {
            Self::Irc(speaker) => speaker.say(room, text).await,
            Self::Xmpp(speaker) => speaker.say(room, text).await,
        }
    }

    async fn nudge(&self) -> io::Result<()> {
        match self {
            Self::Irc(speaker) => speaker.nudge().await,
            Self::Xmpp(_) => Ok(()),
        }
    }
}

/// A stream of numbered messages into one room.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Who speaks.
    pub speaker: Speaker,
    /// Where.
    pub room: String,
    /// The word before the number.
    pub tag: String,
    /// Where it is heard.
    pub places: Vec<String>,
    /// What is kept of it.
    pub book: Arc<Book>,
}

impl Flow {
    async fn say(&self, number: u32) -> io::Result<()> {
        self.book.sent(&self.tag, number);
        self.speaker.say(&self.room, &format!("load {}-{number}", self.tag)).await
    }

    /// Says these numbers with at most `window` of them not yet heard in every place.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::TimedOut`] when nothing is heard for so long.
    pub async fn windowed(&self, numbers: Range<u32>, window: usize, patience: Duration) -> io::Result<()> {
        let before = self.heard();
        for (sent, number) in numbers.enumerate() {
            self.wait(before + (sent + 1).saturating_sub(window), patience).await?;
            self.say(number).await?;
        }
        Ok(())
    }

    /// Says these numbers at a steady pace, `every` apart.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn paced(&self, numbers: Range<u32>, every: Duration) -> io::Result<()> {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in numbers {
            ticks.tick().await;
            self.say(number).await?;
        }
        Ok(())
    }

    /// Waits until so many different messages were heard in every place.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when nothing new is heard for so long.
    pub async fn wait(&self, count: usize, patience: Duration) -> io::Result<()> {
        let mut most = 0;
        let mut since = Instant::now();
        loop {
            let changed = self.book.changed();
            let seen = self.heard();
            if seen >= count {
                return Ok(());
            }
            if seen > most {
                (most, since) = (seen, Instant::now());
            } else if since.elapsed() > patience {
                let why = format!("{seen} of {count} of {} came: {}", self.tag, self.book);
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            if timeout(STUCK, changed).await.is_err() {
                self.speaker.nudge().await?;
            }
        }
    }

    /// How many different messages were heard in every place.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.places.iter().map(|place| self.book.heard(place, &self.tag)).min().unwrap_or(0)
    }
}
