//! What a delivery looks like in its room: author, text, files, fallbacks, by policy and capabilities.

mod author;
mod change;
mod file;
mod post;
mod reaction;

use std::sync::Arc;
use std::time::Duration;

use sameroom_types::action::{Action, OutboundPost, Rendered};
use sameroom_types::capabilities::Capabilities;
use sameroom_types::event::{Author, MemberChange, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, NativeIds, Seq};
use sameroom_types::rows::{DeliveryKind, SkipReason};
use sameroom_types::text::{Emoji, Text};

use crate::engine::Engine;
use crate::policy::Policy;
use crate::record::{End, EventBody};

/// Whether a delivery can be sent, and as what.
pub(crate) enum Prepared {
    /// As these actions.
    Ready { actions: Vec<Action>, files: u32, makes: Vec<u32>, placed: Option<Vec<Emoji>>, as_of: Seq },
    /// Not yet; at this time at the latest it is worth another look.
    Wait(Option<Duration>),
    /// It ends without being sent.
    End(End),
}

/// Everything about the target that composing needs.
pub(crate) struct Target {
    can: Capabilities,
    policy: Arc<Policy>,
    dialect: Arc<dyn sameroom_markup::Dialect>,
}

pub(crate) fn skip(why: SkipReason) -> Prepared {
    Prepared::End(End::Skipped(why))
}

impl Engine {
    pub(crate) fn prepare(&mut self, id: DeliveryId, account: &AccountId) -> Prepared {
        let Some(event) = self.events.get(&id.event) else { return skip(SkipReason::NoTarget) };
        let (kind, meta) = (event.meta.kind, event.meta.clone());
        let Some(body) = event.body.clone() else {
            return Prepared::End(End::Parked(sameroom_types::rows::ParkReason::Unreadable));
        };
        let policy = self.policy(id.room);
        let Some(view) = self.views.get(&(id.room, account.clone())) else { return Prepared::Wait(None) };
        let can = view.capabilities.clone();
        let platform = self.accounts.get(account).map(|known| known.spec.platform.clone());
        let dialect = self
            .setup
            .dialects
            .dialect(platform.as_ref().map_or("", |platform| platform.as_str()), can.formatting);
        let target = Target { can, policy, dialect };
        match (kind, &*body) {
            (DeliveryKind::Notice, EventBody::Notice(text)) => {
                ready(self.render(&target, &[], text).into_iter().map(|text| post(text, None, None, true)))
            }
            (DeliveryKind::Post, EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::Posted(message) | RoomEvent::Observed(message) => {
                    self.prepare_post(id, &target, message)
                }
                _ => skip(SkipReason::NoForm),
            },
            (DeliveryKind::Membership, EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::MemberChanged { member, change } => {
                    let room = self.name_for_others(meta.room);
                    let line = match change {
                        MemberChange::Joined => format!("{} joined {room}", member.name),
                        MemberChange::Left { .. } => format!("{} left {room}", member.name),
                        MemberChange::Renamed { from } => format!("{from} is now {}", member.name),
                    };
                    let text = Text::plain(&line);
                    ready(
                        self.render(&target, &[], &text).into_iter().map(|text| post(text, None, None, true)),
                    )
                }
                _ => skip(SkipReason::NoForm),
            },
            (_, EventBody::Inbound(inbound)) => self.prepare_change(id, &target, kind, &inbound.event),
            (_, EventBody::Notice(_)) => skip(SkipReason::NoForm),
        }
    }
}

pub(crate) fn ready(actions: impl Iterator<Item = Action>) -> Prepared {
    let actions: Vec<Action> = actions.collect();
    let makes = vec![u32::MAX; actions.len()];
    Prepared::Ready { actions, files: 0, makes, placed: None, as_of: Seq(0) }
}

pub(crate) fn post(text: Rendered, author: Option<Author>, reply: Option<NativeIds>, notice: bool) -> Action {
    Action::Post(OutboundPost { text, author, reply, thread: None, notice })
}

/// Words without line breaks, each a blank apart.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
