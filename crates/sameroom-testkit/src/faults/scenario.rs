//! What a run consists of: rooms and their abilities, tubes, and steps in time.

use std::fmt;
use std::time::Duration;

use sameroom_types::room::Direction;

use super::Rng;

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

/// What a room can do.
#[derive(Clone, Copy, Debug)]
pub struct RoomSketch {
    /// Whether the platform drops a second send with the same key.
    pub key: bool,
    /// Whether the room can be read back and asked.
    pub history: bool,
    /// Whether copies can be edited and deleted.
    pub edit: bool,
    /// How many sends may be unconfirmed.
    pub window: u16,
    /// Whether long texts are split into lines.
    pub lines: bool,
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
    /// A room's connection is cut.
    Cut {
        /// The room.
        room: usize,
    },
    /// The program is killed within the effects of one of its next steps.
    Kill,
    /// The machine loses power.
    PowerLoss,
}

impl Scenario {
    /// Draws a run.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = 2 + usize::try_from(rng.below(5)).unwrap_or(0);
        let rooms = (0..count)
            .map(|_| {
                let key = rng.one_in(3);
                let history = rng.one_in(2);
                let windows = [1, 1, 4, 64];
                let window = windows[usize::try_from(rng.below(4)).unwrap_or(0)];
                RoomSketch { key, history, edit: !rng.one_in(3), window, lines: rng.one_in(3) }
            })
            .collect();
        let mut tubes = Vec::new();
        for room in 1..count {
            let other = usize::try_from(rng.below(room as u64)).unwrap_or(0);
            let direction = match rng.below(8) {
                0 => Direction::AToB,
                1 => Direction::BToA,
                _ => Direction::Both,
            };
            tubes.push((other, room, direction));
        }
        for _ in 0..rng.below(3) {
            let a = usize::try_from(rng.below(count as u64)).unwrap_or(0);
            let b = usize::try_from(rng.below(count as u64)).unwrap_or(0);
            if a != b && !tubes.iter().any(|(x, y, _)| (*x, *y) == (a, b) || (*x, *y) == (b, a)) {
                tubes.push((a, b, Direction::Both));
            }
        }
        let steps = draw_steps(&mut rng, count);
        Self { seed, rooms, tubes, steps }
    }
}

fn draw_steps(rng: &mut Rng, rooms: usize) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    let mut at = Duration::from_secs(2);
    let mut numbers = 0_u32;
    let mut deleted = Vec::new();
    for _ in 0..20 + rng.below(60) {
        // Bursts and pauses.
        at += match rng.below(4) {
            0 => Duration::from_millis(rng.below(3)),
            1 | 2 => Duration::from_millis(rng.below(200)),
            _ => Duration::from_millis(rng.below(4_000)),
        };
        let room = usize::try_from(rng.below(rooms as u64)).unwrap_or(0);
        let step = match rng.below(100) {
            0..60 => {
                numbers += 1;
                Step::Post { room, number: numbers - 1 }
            }
            60..75 if numbers > 0 => {
                let number = numbers - 1 - u32::try_from(rng.below(u64::from(numbers.min(6)))).unwrap_or(0);
                if deleted.contains(&number) {
                    continue;
                }
                Step::Edit { number }
            }
            75..82 if numbers > 0 => {
                let number = numbers - 1 - u32::try_from(rng.below(u64::from(numbers.min(6)))).unwrap_or(0);
                if deleted.contains(&number) {
                    continue;
                }
                deleted.push(number);
                Step::Delete { number }
            }
            82..90 => Step::Cut { room },
            90..96 => Step::Kill,
            96 => Step::PowerLoss,
            _ => continue,
        };
        steps.push((at, step));
    }
    steps
}

impl fmt::Display for Scenario {
    /// A short story.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (index, room) in self.rooms.iter().enumerate() {
            writeln!(
                f,
                "room {index}: key {}, history {}, edit {}, window {}, lines {}",
                room.key, room.history, room.edit, room.window, room.lines
            )?;
        }
        for (a, b, direction) in &self.tubes {
            writeln!(f, "tube {a} - {b} {direction:?}")?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "{:>8} ms  {step:?}", at.as_millis())?;
        }
        Ok(())
    }
}
