//! What a message answers, natively or as a quote.

use std::time::Duration;

use sameroom_markup::{first_line, no_ping, prepend};
use sameroom_types::event::{Post, ReplyTo};
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RoomId, Seq};
use sameroom_types::text::{Block, Inline, Text};

use crate::compose::Target;
use crate::compose::author::sameroom_name;
use crate::engine::{Engine, Reference};
use crate::refer::Wanted;

/// What a post answers in the target.
pub(crate) enum Answered {
    /// Not known yet.
    Wait(Option<Duration>),
    /// This message, or a quote of whom and what.
    By { reply: Option<NativeIds>, quoted: Option<(Option<String>, String)> },
}

impl Engine {
    pub(crate) fn answer_of(&mut self, id: DeliveryId, target: &Target, message: &Post) -> Answered {
        let Some(given) = &message.reply else { return Answered::By { reply: None, quoted: None } };
        if self.reference_of(id.event) == Reference::None
            && let Some(room) = self.events.get(&id.event).map(|event| event.meta.room)
        {
            self.find_reference(id.event, room, given.message.clone(), Wanted::Message);
        }
        match self.reference_of(id.event) {
            Reference::Loading => Answered::Wait(None),
            Reference::Awaited { until } if until > self.now.mono => Answered::Wait(Some(until)),
            Reference::Known(known) => self.answer_to(id, target, known, Some(given)),
            reference => {
                if matches!(reference, Reference::Awaited { .. }) {
                    self.give_up_reference(id.event, Wanted::Message);
                }
                let quoted = Some((given.author.clone(), given.excerpt.clone().unwrap_or_default()));
                Answered::By { reply: None, quoted }
            }
        }
    }

    /// The answer to a message that we know.
    pub(crate) fn answer_to(
        &self,
        id: DeliveryId,
        target: &Target,
        known: MessageId,
        given: Option<&ReplyTo>,
    ) -> Answered {
        // What is read back late may answer what is accepted only after it; that is not waited for.
        if known.0 < id.event.0 && self.is_in_lane(id.room, Seq(known.0)) {
            return Answered::Wait(None);
        }
        if target.can.replies.is_full()
            && let Some(ids) = self.ids_here(known, id.room, target.space)
        {
            return Answered::By { reply: Some(ids), quoted: None };
        }
        let excerpt = self.excerpt_in(known, id.room).cloned();
        let (author, text) = match excerpt {
            Some(excerpt) => (Some(excerpt.author), Some(excerpt.text)),
            None => (given.and_then(|given| given.author.clone()), None),
        };
        let text = text.or_else(|| given.and_then(|given| given.excerpt.clone())).unwrap_or_default();
        Answered::By { reply: None, quoted: Some((author, text)) }
    }

    pub(crate) fn is_in_lane(&self, room: RoomId, seq: Seq) -> bool {
        self.lanes.get(&room).is_some_and(|lane| lane.items.contains_key(&seq))
    }

    /// The ids by which a room knows a message.
    pub(crate) fn ids_here(&self, message: MessageId, room: RoomId, space: RoomId) -> Option<NativeIds> {
        self.messages.get(message)?.parts_in(room, space).into_iter().next().map(|(_, ids, _)| ids)
    }
}

pub(crate) fn with_quote(target: &Target, text: Text, who: Option<&str>, excerpt: &str) -> Text {
    let start = first_line(&Text::plain(excerpt), 60);
    let who = who.map(sameroom_name);
    if who.is_none() && start.is_empty() {
        return text;
    }
    if target.can.text.multiline {
        let mut line = Vec::new();
        if let Some(who) = who {
            line.push(Inline::Bold(vec![Inline::Text(who)]));
            line.push(Inline::Text(": ".into()));
        }
        line.push(Inline::Text(if start.is_empty() { "…".into() } else { start }));
        let mut blocks = vec![Block::Quote(vec![Block::Paragraph(line)])];
        blocks.extend(text.blocks);
        return Text { blocks };
    }
    let who = who.map(|who| no_ping(&who));
    let lead = match (who, start.is_empty()) {
        (Some(who), false) => format!("(re {who}: “{start}”) "),
        (Some(who), true) => format!("(re {who}) "),
        (None, false) => format!("(re “{start}”) "),
        (None, true) => String::new(),
    };
    prepend(&[Inline::Text(lead)], text)
}
