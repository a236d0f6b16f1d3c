//! The checks, in the order in which they run. Each starts a session of its own.

use std::time::Duration;

use sameroom_types::action::{Action, OutboundPost, Outcome, RefusalKind, Rendered};
use sameroom_types::capabilities::{Capabilities, Files, Reactions};
use sameroom_types::event::{FileRef, RoomEvent};
use sameroom_types::ids::{NativeIds, RemoteMessageId, RemoteRoomId, SpoolId};
use sameroom_types::room::Health;
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;

use super::rig::{plain, post};
use super::{Failure, Peer, Problem, Rig, Stage, kit};
use crate::{Report, Resume, RoomReport};

/// How long ago the suite pretends to have heard last, when it tests what comes after downtime.
const ABSENCE: Duration = Duration::from_secs(60);

macro_rules! ensure {
    ($holds:expr, $($problem:tt)*) => {
        if !$holds {
            return Err(format!($($problem)*));
        }
    };
}

/// Runs all checks; gives the names of those that applied.
///
/// # Errors
/// The first check that does not hold.
pub async fn run(stage: &mut dyn Stage) -> Result<Vec<&'static str>, Failure> {
    let mut done = Vec::new();
    macro_rules! check {
        ($check:ident) => {
            let problem = |problem| Failure { check: stringify!($check), problem };
            if $check(stage).await.map_err(problem)? {
                done.push(stringify!($check));
            }
        };
    }
    check!(settings_that_are_wrong_are_refused);
    check!(posts_go_both_ways);
    check!(two_sends_arrive_in_order);
    check!(echoes_are_recognised);
    check!(what_is_declared_can_be_sent);
    check!(what_is_not_declared_is_refused);
    check!(what_is_declared_is_heard);
    check!(a_cut_while_sending_is_told);
    check!(an_unknown_send_can_be_asked_for);
    check!(a_kick_is_told);
    check!(an_invitation_is_told);
    check!(downtime_is_filled_or_told);
    check!(ping_is_answered);
    check!(stop_takes_less_than_a_second);
    Ok(done)
}

async fn ready(stage: &dyn Stage) -> Result<(Rig, RoomReport), Problem> {
    let mut rig = Rig::start(stage, Vec::new())?;
    let room = rig.join(&stage.room()).await?;
    Ok((rig, room))
}

async fn end(rig: Rig) -> Result<bool, Problem> {
    rig.stop().await.map(|_| true)
}

fn done(outcome: Outcome) -> Result<(Option<NativeIds>, bool), Problem> {
    match outcome {
        Outcome::Done { ids, shown } => Ok((ids, shown)),
        other => Err(format!("not done but {other:?}")),
    }
}

async fn settings_that_are_wrong_are_refused(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let mut settings = stage.settings();
    settings.insert("no_such_key".to_owned(), true.into());
    let account = "contract".into();
    let connector = stage.connector();
    match connector.session(&account, &settings, &kit()) {
        Ok(_) => return Err("an unknown key is accepted".to_owned()),
        Err(error) => ensure!(error.key.contains("no_such_key"), "the error names {:?} instead", error.key),
    }
    for field in connector.describe().fields.iter().filter(|field| field.required) {
        let mut settings = stage.settings();
        settings.remove(field.key);
        match connector.session(&account, &settings, &kit()) {
            Ok(_) => return Err(format!("runs without {:?}, which is declared as required", field.key)),
            Err(error) => {
                ensure!(error.key == field.key, "the error names {:?} instead of {:?}", error.key, field.key)
            }
        }
    }
    Ok(true)
}

async fn posts_go_both_ways(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contracta").await?;
    rig.wait("Connected", |report| matches!(report, Report::Connected { .. }).then_some(())).await?;
    peer.post("both ways: in").await?;
    let heard = rig.posted(&room.id, "both ways: in").await?;
    ensure!(!heard.author.id.as_str().is_empty(), "the author has no id");
    ensure!(heard.author.name == peer.name(), "the author is {:?}, not {:?}", heard.author.name, peer.name());
    done(rig.send(&room.id, post("both ways: out")).await?)?;
    peer.wait_for("both ways: out").await?;
    end(rig).await
}

async fn two_sends_arrive_in_order(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contractb").await?;
    let first = rig.submit_text(&room.id, "order: one").await?;
    let second = rig.submit_text(&room.id, "order: two").await?;
    done(rig.outcome(first).await?)?;
    done(rig.outcome(second).await?)?;
    peer.wait_for("order: two").await?;
    let seen: Vec<String> = peer.seen().await?.into_iter().map(|seen| seen.text).collect();
    let at = |text: &str| seen.iter().position(|seen| seen.contains(text));
    ensure!(
        at("order: one") < at("order: two") && at("order: one").is_some(),
        "seen in this order: {seen:?}"
    );
    let count = seen.iter().filter(|seen| seen.contains("order: ")).count();
    ensure!(count == 2, "{count} messages instead of two: {seen:?}");
    end(rig).await
}

async fn echoes_are_recognised(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contractc").await?;
    let delivery = rig.submit_text(&room.id, "echo: ours").await?;
    let mut ids = None;
    let (first, shown) = done(rig.outcome(delivery).await?)?;
    ids = first.or(ids);
    if room.capabilities.once.echo && !shown {
        let (second, shown) = done(rig.outcome(delivery).await?)?;
        ensure!(shown, "an echo is declared, but nothing is ever shown");
        ids = second.or(ids);
    }
    peer.wait_for("echo: ours").await?;
    peer.post("echo: theirs").await?;
    rig.posted(&room.id, "echo: theirs").await?;
    for report in rig.passed() {
        if let Report::Event { inbound, .. } = report
            && let RoomEvent::Posted(post) = &inbound.event
            && plain(&post.content.text).contains("echo: ours")
        {
            let is_marked = post
                .mark
                .as_ref()
                .is_some_and(|mark| (mark.token, mark.room) == (delivery.event.0, delivery.room));
            let is_known =
                ids.as_ref().is_some_and(|ids| ids.iter().any(|id| post.ids.iter().any(|seen| seen == id)));
            ensure!(is_marked || is_known, "our own post came back without mark or known id: {post:?}");
        }
    }
    end(rig).await
}

fn emoji() -> Emoji {
    Emoji::Unicode("👍".to_owned())
}

async fn what_is_declared_can_be_sent(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contractd").await?;
    let table = room.capabilities.clone();
    let theirs = peer.post("send: theirs").await?;
    let heard = rig.posted(&room.id, "send: theirs").await?;
    if table.replies.is_full() {
        let reply = OutboundPost {
            text: Rendered { text: "send: reply".to_owned(), styled: false },
            author: None,
            reply: Some(heard.ids.clone()),
            thread: None,
            notice: false,
        };
        done(rig.send(&room.id, Action::Post(reply)).await?)?;
        let seen = peer.wait_for("send: reply").await?;
        ensure!(seen.reply.is_some(), "the reply answers nothing: {seen:?}");
    }
    if matches!(table.reactions, Reactions::Any | Reactions::Allowed(_))
        && let Some(theirs) = &theirs
    {
        let (target, emoji) = (heard.ids.clone(), emoji());
        done(rig.send(&room.id, Action::React { target: target.clone(), emoji: emoji.clone() }).await?)?;
        peer.wait_reaction(theirs, "👍", true).await?;
        done(rig.send(&room.id, Action::Unreact { target, emoji }).await?)?;
        peer.wait_reaction(theirs, "👍", false).await?;
    }
    if table.reactions == Reactions::FullSet
        && let Some(theirs) = &theirs
    {
        let target = heard.ids.clone();
        done(
            rig.send(&room.id, Action::SetReactions { target: target.clone(), emoji: vec![emoji()] }).await?,
        )?;
        peer.wait_reaction(theirs, "👍", true).await?;
        done(rig.send(&room.id, Action::SetReactions { target, emoji: Vec::new() }).await?)?;
        peer.wait_reaction(theirs, "👍", false).await?;
    }
    if table.edit.is_full() || table.delete.is_full() {
        let ours = ids_of(&mut rig, &room.id, "send: teh first").await?;
        peer.wait_for("send: teh first").await?;
        if table.edit.is_full() {
            let text = Rendered { text: "send: the second".to_owned(), styled: false };
            done(rig.send(&room.id, Action::Edit { target: ours.clone(), text, author: None }).await?)?;
            peer.wait_for("send: the second").await?;
            peer.wait_gone("send: teh first").await?;
        }
        if table.delete.is_full() {
            done(rig.send(&room.id, Action::Delete { target: ours, moderate: false }).await?)?;
            peer.wait_gone("send: the second").await?;
            peer.wait_gone("send: teh first").await?;
        }
    }
    end(rig).await
}

/// Posts and waits for the ids under which the post can be changed.
async fn ids_of(rig: &mut Rig, room: &RemoteRoomId, text: &str) -> Result<NativeIds, Problem> {
    let delivery = rig.submit_text(room, text).await?;
    match done(rig.outcome(delivery).await?)?.0 {
        Some(ids) => Ok(ids),
        None => done(rig.outcome(delivery).await?)?
            .0
            .ok_or_else(|| "no ids are told for a post of ours".to_owned()),
    }
}

async fn what_is_not_declared_is_refused(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let table: Capabilities = room.capabilities.clone();
    let target = NativeIds::one(RemoteMessageId::new("none"));
    let mut actions = Vec::new();
    if !table.edit.is_full() {
        let text = Rendered { text: "refused".to_owned(), styled: false };
        actions.push(Action::Edit { target: target.clone(), text, author: None });
    }
    if !table.delete.is_full() && !table.moderate.is_full() {
        actions.push(Action::Delete { target: target.clone(), moderate: false });
    }
    if table.reactions == Reactions::None {
        actions.push(Action::React { target: target.clone(), emoji: emoji() });
    }
    if table.files == Files::Link {
        let file = FileRef {
            source: String::new(),
            name: "a.txt".to_owned(),
            size_bytes: Some(1),
            media_type: None,
            public_url: None,
            spool: Some(SpoolId::new("none")),
        };
        let caption = Rendered::default();
        let file = sameroom_types::action::OutboundFile {
            file,
            more: Vec::new(),
            author: None,
            caption,
            reply: None,
            thread: None,
        };
        actions.push(Action::File(file));
    }
    let any = !actions.is_empty();
    for action in actions {
        let what = format!("{action:?}");
        match rig.send(&room.id, action).await? {
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Unsupported => {}
            other => return Err(format!("{what} gave {other:?} although the table says it can't be done")),
        }
    }
    end(rig).await.map(|_| any)
}

async fn what_is_declared_is_heard(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contracte").await?;
    let heard = room.capabilities.heard;
    let id = peer.post("heard: teh first").await?;
    let first = rig.posted(&room.id, "heard: teh first").await?;
    let is_first = |id: &RemoteMessageId| first.ids.iter().any(|known| known == id);
    if heard.replies
        && let Some(id) = &id
    {
        peer.reply(id, "heard: reply").await?;
        let reply = rig.posted(&room.id, "heard: reply").await?.reply;
        ensure!(reply.as_ref().is_some_and(|reply| is_first(&reply.message)), "the reply answers {reply:?}");
    }
    if heard.reactions
        && let Some(id) = &id
    {
        peer.react(id, "👍").await?;
        rig.event("reaction", &room.id, |inbound| match &inbound.event {
            RoomEvent::Reacted(reaction) => {
                (is_first(&reaction.message) && reaction.emoji == emoji()).then_some(())
            }
            RoomEvent::ReactionSet(set) => {
                (is_first(&set.message) && set.emoji.contains(&emoji())).then_some(())
            }
            _ => None,
        })
        .await?;
        peer.unreact(id, "👍").await?;
        rig.event("reaction taken back", &room.id, |inbound| match &inbound.event {
            RoomEvent::Unreacted(reaction) => {
                (is_first(&reaction.message) && reaction.emoji == emoji()).then_some(())
            }
            RoomEvent::ReactionSet(set) => (is_first(&set.message) && set.emoji.is_empty()).then_some(()),
            _ => None,
        })
        .await?;
    }
    if heard.edits
        && let Some(id) = &id
    {
        peer.edit(id, "heard: the second").await?;
        let author = rig
            .event("edit", &room.id, |inbound| match &inbound.event {
                RoomEvent::Edited(edit) if is_first(&edit.message) => {
                    plain(&edit.content.text).contains("heard: the second").then(|| edit.author.id.clone())
                }
                RoomEvent::Observed(post) if post.ids.iter().any(is_first) => {
                    plain(&post.content.text).contains("heard: the second").then(|| post.author.id.clone())
                }
                _ => None,
            })
            .await?;
        ensure!(author == first.author.id, "the edit is by {author:?}, the message by {:?}", first.author.id);
    }
    if heard.deletes
        && let Some(id) = &id
    {
        peer.delete(id).await?;
        let by = rig
            .event("deletion", &room.id, |inbound| match &inbound.event {
                RoomEvent::Deleted(gone) if gone.messages.iter().any(is_first) => Some(gone.by.clone()),
                _ => None,
            })
            .await?;
        let is_theirs = by.as_ref().is_none_or(|by| by.id == first.author.id);
        ensure!(is_theirs, "the deletion is by {by:?}, the message by {:?}", first.author.id);
    }
    if heard.files {
        peer.upload("heard.txt", b"heard").await?;
        rig.event("file", &room.id, |inbound| match &inbound.event {
            RoomEvent::Posted(post) => {
                post.content.files.iter().any(|file| file.name == "heard.txt").then_some(())
            }
            _ => None,
        })
        .await?;
    }
    end(rig).await
}

async fn a_cut_while_sending_is_told(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer = stage.peer("contractf").await?;
    if !stage.cut_at_next_post().await? {
        return end(rig).await.map(|_| false);
    }
    rig.forget();
    let first = rig.submit_text(&room.id, "cut: one").await?;
    let second = rig.submit_text(&room.id, "cut: two").await?;
    rig.wait("Retrying", |report| matches!(report, Report::Health(Health::Retrying { .. })).then_some(()))
        .await?;
    stage.mend().await?;
    for (delivery, text) in [(first, "cut: one"), (second, "cut: two")] {
        // A platform that takes a broken connection up again loses nothing: then it must be there.
        match rig.outcome(delivery).await? {
            Outcome::Unknown { .. } | Outcome::Later { .. } => {}
            Outcome::Done { .. } => drop(peer.wait_for(text).await?),
            outcome @ Outcome::Refused(_) => {
                return Err(format!("a send that the cut hit ended as {outcome:?}"));
            }
        }
    }
    rig.wait("Connected", |report| matches!(report, Report::Health(Health::Connected)).then_some(())).await?;
    rig.wait("room after reconnecting", |report| match report {
        Report::Room(found) if found.id == room.id => Some(()),
        _ => None,
    })
    .await?;
    done(rig.send(&room.id, post("cut: after")).await?)?;
    peer.wait_for("cut: after").await?;
    end(rig).await
}

async fn an_unknown_send_can_be_asked_for(stage: &mut dyn Stage) -> Result<bool, Problem> {
    use crate::Command;
    use sameroom_types::action::Answer;
    use sameroom_types::ids::{DeliveryId, Mark, RoomId, Seq};

    let (mut rig, room) = ready(stage).await?;
    let since = kit().clock.wall();
    let delivery = rig.submit_text(&room.id, "ask: this").await?;
    done(rig.outcome(delivery).await?)?;
    let never = DeliveryId { event: Seq(999_999_999), room: RoomId(1) };
    for asked in [delivery, never] {
        if let Some(wait) = room.capabilities.once.history {
            // The connector itself says how long its history may lag, so there is no event to wait for.
            tokio::time::sleep(wait).await;
        }
        let key = Mark::key("contract", asked.event.0, asked.room, 0);
        rig.command(Command::Ask { delivery: asked, part: 0, room: room.id.clone(), key, since }).await?;
        let answer = rig.wait("answer", |report| match report {
            Report::Answer { delivery: of, answer, .. } if *of == asked => Some(answer.clone()),
            _ => None,
        });
        let answer = answer.await?;
        let is_right = match (room.capabilities.once.history.is_some(), asked == delivery) {
            (true, true) => matches!(answer, Answer::Found(_)),
            (true, false) => answer == Answer::Absent,
            (false, _) => answer == Answer::CannotTell,
        };
        ensure!(is_right, "asked for {asked}, the answer was {answer:?}");
    }
    end(rig).await
}

async fn a_kick_is_told(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    if !stage.kick().await? {
        return end(rig).await.map(|_| false);
    }
    rig.event("kick", &room.id, |inbound| matches!(inbound.event, RoomEvent::Kicked { .. }).then_some(()))
        .await?;
    let outcome = rig.send(&room.id, post("kick: after")).await?;
    let is_held = matches!(outcome, Outcome::Later { .. } | Outcome::Refused(_));
    ensure!(is_held, "after a kick a post ended as {outcome:?}");
    let is_back = |report: &Report| matches!(report, Report::Room(found) if found.id == room.id && found.asked.is_some());
    ensure!(!rig.passed().iter().any(is_back), "the session went back into the room by itself");
    end(rig).await
}

async fn an_invitation_is_told(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, _) = ready(stage).await?;
    let Some(other) = stage.other_room() else { return end(rig).await.map(|_| false) };
    if !stage.invite().await? {
        return end(rig).await.map(|_| false);
    }
    let invited = rig.wait("invitation", |report| match report {
        Report::Invited { room, .. } => Some(room.clone()),
        _ => None,
    });
    let invited = invited.await?;
    rig.join(&invited).await.map_err(|why| format!("invited to {other:?} as {invited:?}, but: {why}"))?;
    end(rig).await
}

async fn downtime_is_filled_or_told(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    let mut peer: Box<dyn Peer> = stage.peer("contractg").await?;
    peer.post("downtime: before").await?;
    let cursor = rig
        .event("post", &room.id, |inbound| match &inbound.event {
            RoomEvent::Posted(post) if plain(&post.content.text).contains("downtime: before") => {
                Some(inbound.cursor.clone())
            }
            _ => None,
        })
        .await?;
    rig.stop().await?;
    peer.post("downtime: while away").await?;
    let heard = kit().clock.wall().0 - i64::try_from(ABSENCE.as_millis()).unwrap_or(0);
    let resume = Resume { room: room.id.clone(), cursor, last_heard: Some(Timestamp(heard)) };
    let mut rig = Rig::start(stage, vec![resume])?;
    rig.join(&stage.room()).await?;
    if room.capabilities.history.is_some() {
        let is_history = rig
            .event("post from history", &room.id, |inbound| match &inbound.event {
                RoomEvent::Posted(post) if plain(&post.content.text).contains("downtime: while away") => {
                    Some(inbound.history)
                }
                _ => None,
            })
            .await?;
        ensure!(is_history, "a post from history is told as if it were said now");
    } else {
        rig.event("gap", &room.id, |inbound| matches!(inbound.event, RoomEvent::Gap { .. }).then_some(()))
            .await?;
    }
    peer.post("downtime: after").await?;
    rig.posted(&room.id, "downtime: after").await?;
    let again = rig.passed().iter().any(|report| match report {
        Report::Event { inbound, .. } => match &inbound.event {
            RoomEvent::Posted(post) => plain(&post.content.text).contains("downtime: before"),
            _ => false,
        },
        _ => false,
    });
    ensure!(!again, "what was read before the downtime is told again");
    end(rig).await
}

async fn ping_is_answered(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    rig.command(crate::Command::Ping { room: room.id.clone(), id: 7 }).await?;
    rig.wait("pong", |report| match report {
        Report::Pong { id: 7, result } => Some(result.clone()),
        _ => None,
    })
    .await??;
    end(rig).await
}

async fn stop_takes_less_than_a_second(stage: &mut dyn Stage) -> Result<bool, Problem> {
    let (mut rig, room) = ready(stage).await?;
    rig.submit_text(&room.id, "stop: under way").await?;
    let took = rig.stop().await?;
    ensure!(took < Duration::from_secs(1), "stopping took {took:?}");
    let early = Rig::start(stage, Vec::new())?;
    let took = early.stop().await?;
    ensure!(took < Duration::from_secs(1), "stopping while connecting took {took:?}");
    Ok(true)
}
