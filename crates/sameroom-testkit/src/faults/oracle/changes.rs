//! Edits and deletions: the last one stands on every copy, and a moderator's stays in the moderator's room.

use super::{Pair, Verdict, must_arrive};
use crate::faults::platform::{Act, Entry, Gone};

pub(super) fn judge(
    pair: &Pair<'_>,
    source: &Entry,
    number: u32,
    found: &[(usize, u32, Option<Gone>)],
    verdict: &mut Verdict,
) {
    let Pair { from, to, origin, target, always } = pair;
    if !always || !to.sketch.edit || found.is_empty() {
        return;
    }
    // What a moderator removed here, or what was refused once, is no measure.
    let is_moderated =
        |entry: &Entry| entry.gone == Some(Gone::ByModerator) && entry.part_of() == Some(number);
    if to.entries.iter().any(is_moderated) || to.refused.contains(&number) {
        return;
    }
    let mut wanted = 0;
    let mut deleted = false;
    for (index, act) in from.acts.iter().enumerate() {
        let concerns = match act {
            Act::Edited { id, .. } | Act::Deleted { id } => *id == source.id,
            _ => false,
        };
        if !concerns {
            continue;
        }
        if !must_arrive(from, index) {
            return;
        }
        match act {
            Act::Edited { revision, .. } => wanted = *revision,
            _ => deleted = true,
        }
    }
    // Where nothing can be asked, a copy of which a power loss took the record is not known to stand.
    if deleted && verdict.crashes > 0 && !to.sketch.key && !to.sketch.history {
        return;
    }
    verdict.changes += 1;
    if source.gone == Some(Gone::ByModerator) && found.iter().all(|(_, _, gone)| gone.is_some()) {
        verdict.wrong.push(format!("m{number}: room {origin}'s moderator removed it in room {target} too"));
        return;
    }
    // A repeated send whose first copy has no known id can't be changed: only one of them has to be.
    let stands =
        found.iter().any(
            |(_, revision, gone)| {
                if deleted { gone.is_some() } else { *revision == wanted && gone.is_none() }
            },
        );
    if !stands {
        let what = if deleted { "its deletion".to_owned() } else { format!("v{wanted}") };
        verdict
            .lost
            .push(format!("m{number} of room {origin}: {what} is not in room {target}, which has {found:?}"));
    }
    if deleted && let Some(name) = &source.file {
        let file = |entry: &&Entry| entry.is_ours && entry.file.as_ref() == Some(name);
        let standing = to.entries.iter().filter(file).filter(|entry| entry.gone.is_none()).count();
        let all = to.entries.iter().filter(file).count();
        if all == 1 && standing == 1 {
            verdict.lost.push(format!("{name} of room {origin} was taken back and stands in room {target}"));
        }
    }
}
