//! How the author of a copy and a room elsewhere are named.

use sameroom_markup::no_ping;
use sameroom_types::capabilities::Authorship;
use sameroom_types::event::{Author, ContentKind};
use sameroom_types::ids::{DeliveryId, RoomId};
use sameroom_types::text::Inline;

use crate::compose::Target;
use crate::engine::Engine;
use crate::record::EventBody;

impl Engine {
    /// The author as the platform itself can show them, or `None` where a prefix must do.
    pub(crate) fn shown_author(&self, target: &Target, author: &Author) -> Option<Author> {
        let native =
            matches!(target.can.author, Authorship::NamePicture | Authorship::Name | Authorship::Puppet);
        native.then(|| author.clone())
    }

    /// What stands before the text: the time of a late message, and the author by the room's format.
    pub(crate) fn prefix(
        &mut self,
        id: DeliveryId,
        target: &Target,
        author: &Author,
        is_native: bool,
        kind: &ContentKind,
        late: bool,
    ) -> Vec<Inline> {
        let mut prefix = String::new();
        if late && let Some(event) = self.events.get(&id.event) {
            let at = match event.body.as_deref() {
                Some(EventBody::Inbound(inbound)) => inbound.at.unwrap_or(event.meta.at),
                _ => event.meta.at,
            };
            prefix.push_str(&format!("({} UTC) ", at.hour_minute()));
        }
        if *kind == ContentKind::Action {
            let name = if target.can.text.multiline { author.name.clone() } else { no_ping(&author.name) };
            prefix.push_str(&format!("* {} ", sameroom_name(&name)));
        } else if !is_native {
            let origin = self.events.get(&id.event).map_or(id.room, |event| event.meta.room);
            prefix.push_str(&self.author_prefix(origin, target, author));
        }
        if prefix.is_empty() { Vec::new() } else { vec![Inline::Text(prefix)] }
    }

    pub(crate) fn author_prefix(&mut self, origin: RoomId, target: &Target, author: &Author) -> String {
        let name = sameroom_name(&author.name);
        let username = sameroom_name(author.username.as_deref().unwrap_or(&author.name));
        let single = !target.can.text.multiline;
        let origin_room = self.network.room(origin);
        let spec = origin_room.and_then(|room| room.specs.first().cloned());
        let account = spec.as_ref().and_then(|spec| self.accounts.get(&spec.account));
        let team = account.map_or_else(String::new, |account| account.spec.team.clone());
        let platform = account.map_or_else(String::new, |account| account.spec.platform_name.clone());
        let account_name = spec.map_or_else(String::new, |spec| spec.account.to_string());
        let label = self.label(origin).unwrap_or_default();
        let template = match target.policy.room.format.as_deref() {
            None if single => "<{nopingname}> ",
            None | Some("team") => "[{name}, {team}] ",
            Some("name" | "no-team") => "[{name}] ",
            Some("username") => "[{username}] ",
            Some("both") => "[{name} @{username}, {team}] ",
            Some("none") => "",
            Some(template) => template,
        };
        fill(template, |word| {
            Some(match word {
                "name" => name.clone(),
                "nopingname" => no_ping(&name),
                "username" => username.clone(),
                "team" => team.clone(),
                "platform" => platform.clone(),
                "room" => label.clone(),
                "account" => account_name.clone(),
                _ => return None,
            })
        })
    }

    /// What other rooms may see of a room, with the place it is in.
    pub(crate) fn name_for_others(&mut self, room: RoomId) -> String {
        let Some(name) = self.label(room) else { return "a room".into() };
        let known = self.network.room(room).and_then(|known| known.specs.first());
        let place =
            known.and_then(|spec| self.accounts.get(&spec.account)).map_or_else(String::new, |account| {
                format!("{} ({})", account.spec.team, account.spec.platform_name)
            });
        format!("{name} on {place}")
    }

    /// A room's label, else its name if it may be named.
    pub(crate) fn label(&mut self, room: RoomId) -> Option<String> {
        let label = self.policy(room).room.label.clone();
        let known = self.network.room(room)?;
        Some(label.unwrap_or_else(|| {
            if known.kind.is_nameable() { known.name.clone() } else { "a private room".to_owned() }
        }))
    }
}

/// A name that can't break out of its brackets or lines.
pub(crate) fn sameroom_name(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    clean.trim().to_owned()
}

/// Replaces `{word}` by what `value` says; an unknown word stays as written.
pub(crate) fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((word, tail)) => {
                match value(word) {
                    Some(found) => out.push_str(&found),
                    None => out.push_str(&format!("{{{word}}}")),
                }
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_and_unknown_words_stay() {
        let value = |word: &str| (word == "name").then(|| "Ann".to_owned());
        assert_eq!(fill("<{name}> ", value), "<Ann> ");
        assert_eq!(fill("{name} {huh} {", value), "Ann {huh} {");
    }
}
