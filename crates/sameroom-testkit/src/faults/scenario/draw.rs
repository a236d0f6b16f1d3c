//! A run drawn from a seed. Each seed has a temper of its own: most faults come in some runs only, so that what
//! each of them does is not drowned by the others.

use std::collections::BTreeSet;
use std::time::Duration;

use sameroom_types::room::Direction;

use super::super::Rng;
use super::{ReactionSketch, RoomSketch, Scenario, Step};

/// What a run has of each kind of event.
struct Temper {
    changes: bool,
    reactions: bool,
    replies: bool,
    files: bool,
    moderation: bool,
    tubes: bool,
    kicks: bool,
    refusals: bool,
    crashes: bool,
    power: bool,
    backup: bool,
    disk: bool,
    clock: bool,
}

pub(super) fn draw(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed);
    let count = if rng.one_in(12) { 7 + index(&mut rng, 6) } else { 2 + index(&mut rng, 5) };
    let rooms = (0..count).map(|_| draw_room(&mut rng)).collect();
    let tubes = draw_tubes(&mut rng, count);
    let temper = Temper {
        changes: !rng.one_in(5),
        reactions: rng.one_in(2),
        replies: rng.one_in(2),
        files: rng.one_in(3),
        moderation: rng.one_in(4),
        tubes: rng.one_in(6),
        kicks: rng.one_in(12),
        refusals: rng.one_in(4),
        crashes: !rng.one_in(6),
        power: rng.one_in(6),
        backup: false,
        disk: rng.one_in(5),
        clock: rng.one_in(5),
    };
    // A backup also forgets what was done to tubes since; what that means for order nobody can say.
    let temper = Temper { backup: !temper.tubes && rng.one_in(5), ..temper };
    let steps = draw_steps(&mut rng, count, tubes.len(), &temper);
    Scenario { seed, rooms, tubes, steps }
}

fn index(rng: &mut Rng, end: usize) -> usize {
    usize::try_from(rng.below(end as u64)).unwrap_or(0)
}

fn draw_room(rng: &mut Rng) -> RoomSketch {
    let key = rng.one_in(3);
    let history = rng.one_in(2);
    let window = [1, 1, 4, 64][index(rng, 4)];
    RoomSketch {
        key,
        history,
        echo: rng.one_in(3),
        edit: !rng.one_in(3),
        window,
        lines: rng.one_in(3),
        reactions: [ReactionSketch::None, ReactionSketch::Any, ReactionSketch::FullSet][index(rng, 3)],
        replies: !rng.one_in(3),
        files: rng.one_in(2),
        stutters: !rng.one_in(3),
    }
}

fn draw_tubes(rng: &mut Rng, count: usize) -> Vec<(usize, usize, Direction)> {
    let mut tubes = Vec::new();
    // Now and then a declared group: every pair is tied.
    if rng.one_in(8) {
        for b in 1..count {
            tubes.extend((0..b).map(|a| (a, b, Direction::Both)));
        }
        return tubes;
    }
    for room in 1..count {
        let direction = match rng.below(8) {
            0 => Direction::AToB,
            1 => Direction::BToA,
            _ => Direction::Both,
        };
        tubes.push((index(rng, room), room, direction));
    }
    for _ in 0..rng.below(3) {
        let (a, b) = (index(rng, count), index(rng, count));
        if a != b && !tubes.iter().any(|(x, y, _)| (*x, *y) == (a, b) || (*x, *y) == (b, a)) {
            tubes.push((a, b, Direction::Both));
        }
    }
    tubes
}

fn draw_steps(rng: &mut Rng, rooms: usize, tubes: usize, temper: &Temper) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    let mut at = Duration::from_secs(2);
    let mut numbers = 0_u32;
    let mut gone = BTreeSet::new();
    let mut saved = false;
    for _ in 0..20 + rng.below(60) {
        // Bursts and pauses.
        at += match rng.below(4) {
            0 => Duration::from_millis(rng.below(3)),
            1 | 2 => Duration::from_millis(rng.below(200)),
            _ => Duration::from_millis(rng.below(4_000)),
        };
        let room = index(rng, rooms);
        let tube = index(rng, tubes);
        let recent = |rng: &mut Rng| {
            numbers.checked_sub(1 + u32::try_from(rng.below(u64::from(numbers.min(6)))).unwrap_or(0))
        };
        let step = match rng.below(1_000) {
            0..480 => {
                let reply = if temper.replies && rng.one_in(3) { recent(rng) } else { None };
                let file = temper.files && rng.one_in(4);
                numbers += 1;
                Some(Step::Post { room, number: numbers - 1, reply, file })
            }
            480..590 if temper.changes => {
                recent(rng).filter(|number| !gone.contains(number)).map(|number| Step::Edit { number })
            }
            590..650 if temper.changes => {
                recent(rng).filter(|number| gone.insert(*number)).map(|number| Step::Delete { number })
            }
            650..780 if temper.reactions => {
                let last = numbers.checked_sub(1 + u32::try_from(rng.below(3)).unwrap_or(0));
                last.map(|number| Step::React {
                    room,
                    person: u8::try_from(rng.below(2)).unwrap_or(0),
                    number,
                    emoji: u8::try_from(rng.below(2)).unwrap_or(0),
                    on: rng.one_in(2),
                })
            }
            780..800 if temper.moderation => recent(rng).map(|number| Step::Moderate { room, number }),
            800..805 if temper.moderation => Some(Step::Purge { room, count: 3 }),
            805..815 if temper.tubes => Some(Step::Pause { tube }),
            815..830 if temper.tubes => Some(Step::Resume { tube }),
            830..838 if temper.tubes => Some(Step::Untie { tube }),
            838..850 if temper.tubes => Some(Step::Tie { tube }),
            850..856 if temper.kicks => Some(Step::Kick { room }),
            856..860 => Some(Step::Rename { room }),
            860..875 if temper.refusals => Some(Step::Refuse { room }),
            875..890 => Some(Step::Throttle { room, timed: rng.one_in(2) }),
            890..920 if temper.power => Some(Step::PowerLoss),
            890..940 => Some(Step::Cut { room }),
            940..944 => Some(Step::Revoke { room }),
            944..976 if temper.crashes => Some(Step::Kill),
            976..982 if temper.crashes => Some(Step::PowerLoss),
            982..988 if temper.backup => {
                let step = if saved { Step::Restore } else { Step::Backup };
                saved = true;
                Some(step)
            }
            988..992 if temper.disk => Some(Step::DiskFull),
            992..996 if temper.disk => Some(Step::SlowDisk),
            996..1_000 if temper.clock => {
                Some(Step::Clock { minutes: i32::try_from(rng.below(1_320)).unwrap_or(0) - 660 })
            }
            _ => None,
        };
        steps.extend(step.map(|step| (at, step)));
    }
    steps
}
