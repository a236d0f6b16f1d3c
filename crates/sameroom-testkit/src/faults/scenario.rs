//! What a run consists of: rooms and their abilities, tubes, and steps in time.

mod draw;

use std::fmt;
use std::time::Duration;

use sameroom_types::room::Direction;

/// A whole run, drawn from a seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed of everything that is not drawn here: delays, tie-breaks, what a cut lets through.
    pub seed: u64,
    /// The rooms, each on a platform and account of its own.
    pub rooms: Vec<RoomSketch>,
    /// Tubes by the index of their rooms.
    pub tubes: Vec<(usize, usize, Direction)>,
    /// What happens, in order of time.
    pub steps: Vec<(Duration, Step)>,
}

/// Which reactions a room takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReactionSketch {
    /// None.
    None,
    /// One call for each emoji.
    Any,
    /// A call gives the whole set of the one who reacts, and reports do too.
    FullSet,
}

/// What a room can do.
#[derive(Clone, Copy, Debug)]
pub struct RoomSketch {
    /// Whether the platform drops a second send with the same key.
    pub key: bool,
    /// Whether the room can be read back and asked.
    pub history: bool,
    /// Whether our own messages are reported back to us, with their mark.
    pub echo: bool,
    /// Whether copies can be edited and deleted.
    pub edit: bool,
    /// How many sends may be unconfirmed.
    pub window: u16,
    /// Whether long texts are split into lines.
    pub lines: bool,
    /// Which reactions it takes.
    pub reactions: ReactionSketch,
    /// Whether a message can name the one it answers.
    pub replies: bool,
    /// Whether it takes files.
    pub files: bool,
    /// Whether the platform tells the same twice now and then.
    pub stutters: bool,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A person posts message `number` in a room.
    Post {
        /// The room.
        room: usize,
        /// Counts up over the run.
        number: u32,
        /// The number of the message that it answers, if that stands in the room.
        reply: Option<u32>,
        /// Whether a file comes with it.
        file: bool,
    },
    /// The author of message `number` changes it.
    Edit {
        /// The message.
        number: u32,
    },
    /// The author of message `number` takes it back.
    Delete {
        /// The message.
        number: u32,
    },
    /// A moderator of a room removes what stands there of a message, original or copy.
    Moderate {
        /// The room.
        room: usize,
        /// The message.
        number: u32,
    },
    /// A moderator removes the last few messages of a room at once.
    Purge {
        /// The room.
        room: usize,
        /// How many.
        count: u8,
    },
    /// A person puts an emoji on what stands of a message in a room, or takes it off.
    React {
        /// The room.
        room: usize,
        /// Who.
        person: u8,
        /// The message.
        number: u32,
        /// Which emoji.
        emoji: u8,
        /// On or off.
        on: bool,
    },
    /// Somebody pauses a tube.
    Pause {
        /// Which.
        tube: usize,
    },
    /// Somebody lets it go on.
    Resume {
        /// Which.
        tube: usize,
    },
    /// The file is read again without a tube.
    Untie {
        /// Which.
        tube: usize,
    },
    /// The file is read again with the tube.
    Tie {
        /// Which.
        tube: usize,
    },
    /// Our account is thrown out of a room.
    Kick {
        /// The room.
        room: usize,
    },
    /// The room has another name.
    Rename {
        /// The room.
        room: usize,
    },
    /// The next post into a room is refused for good.
    Refuse {
        /// The room.
        room: usize,
    },
    /// The next send to a room is answered with a request to wait, for the whole account or the room.
    Throttle {
        /// The room.
        room: usize,
        /// Whether a time is given.
        timed: bool,
    },
    /// A room's connection is cut.
    Cut {
        /// The room.
        room: usize,
    },
    /// The account of a room is refused for a while.
    Revoke {
        /// The room.
        room: usize,
    },
    /// The program is killed within the effects of one of its next steps.
    Kill,
    /// The machine loses power.
    PowerLoss,
    /// The data folder is copied.
    Backup,
    /// The machine dies and is set up again from the last copy.
    Restore,
    /// The disk is full for a moment.
    DiskFull,
    /// Flushes take long for a while.
    SlowDisk,
    /// The clock on the wall jumps: from now on it is off by so many minutes.
    Clock {
        /// Ahead, or behind.
        minutes: i32,
    },
}

impl Scenario {
    /// Draws a run.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        draw::draw(seed)
    }

    /// For each state that the tubes are in during the run: which rooms hear which.
    pub(crate) fn reaches(&self) -> Vec<Vec<Vec<usize>>> {
        let mut usable = vec![true; self.tubes.len()];
        let mut kicked = vec![false; self.rooms.len()];
        let mut paused = vec![false; self.tubes.len()];
        let mut versions = vec![self.reach(&usable, &kicked)];
        for (_, step) in &self.steps {
            match step {
                Step::Pause { tube } => paused[*tube] = true,
                Step::Resume { tube } => paused[*tube] = false,
                Step::Untie { tube } => usable[*tube] = false,
                Step::Tie { tube } => usable[*tube] = true,
                Step::Kick { room } => kicked[*room] = true,
                _ => continue,
            }
            let carrying: Vec<bool> =
                usable.iter().zip(&paused).map(|(usable, paused)| *usable && !paused).collect();
            versions.push(self.reach(&carrying, &kicked));
            // What was paused when it went may come back in either state.
            versions.push(self.reach(&usable, &kicked));
        }
        versions
    }

    fn reach(&self, usable: &[bool], kicked: &[bool]) -> Vec<Vec<usize>> {
        let ties: Vec<_> = self
            .tubes
            .iter()
            .zip(usable)
            .filter(|((a, b, _), usable)| **usable && !kicked[*a] && !kicked[*b])
            .map(|(tube, _)| tube)
            .collect();
        (0..self.rooms.len())
            .map(|origin| {
                let mut seen = std::collections::BTreeSet::from([origin]);
                let mut open = vec![origin];
                while let Some(room) = open.pop() {
                    for (a, b, direction) in &ties {
                        let next = match direction {
                            Direction::Both if *a == room => *b,
                            Direction::Both if *b == room => *a,
                            Direction::AToB if *a == room => *b,
                            Direction::BToA if *b == room => *a,
                            _ => continue,
                        };
                        if seen.insert(next) {
                            open.push(next);
                        }
                    }
                }
                seen.remove(&origin);
                seen.into_iter().collect()
            })
            .collect()
    }
}

impl fmt::Display for Scenario {
    /// A short story.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (index, room) in self.rooms.iter().enumerate() {
            writeln!(f, "room {index}: {room:?}")?;
        }
        for (index, (a, b, direction)) in self.tubes.iter().enumerate() {
            writeln!(f, "tube {index}: {a} - {b} {direction:?}")?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "{:>8} ms  {step:?}", at.as_millis())?;
        }
        Ok(())
    }
}
