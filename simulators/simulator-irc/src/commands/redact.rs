//! `REDACT`. Implements <https://ircv3.net/specs/extensions/message-redaction>.

use crate::{capability::Capability, client::ClientId, message::Message, state::State};

impl State {
    pub(super) fn redact(&mut self, id: ClientId, message: &Message) {
        let (Some(target), Some(msgid)) = (message.word(0), message.word(1)) else {
            return self.too_few(id, "REDACT");
        };
        let Some(name) = self.room(&target).map(|room| room.name.clone()) else {
            return self.fail(
                id,
                "REDACT",
                "INVALID_TARGET",
                &[&target],
                "No history is kept for this target",
            );
        };
        let Some(rank) = self.rank(&name, id) else {
            return self.fail(id, "REDACT", "INVALID_TARGET", &[&target], "You are not in this room");
        };
        let (account, mask) = (self.client(id).and_then(|client| client.account.clone()), self.mask_of(id));
        let (key, nick) = (self.fold(&name), self.nick_of(id));
        let event = self.logs.get_mut(&key).and_then(|log| log.find(&msgid)).filter(|event| !event.redacted);
        let Some(event) = event else {
            return self.fail(
                id,
                "REDACT",
                "UNKNOWN_MSGID",
                &[&target, &msgid],
                "This message does not exist",
            );
        };
        let own = event.entry.mask == mask
            || (account.is_some() && event.entry.account == account)
            || event.entry.relayed_by.as_ref() == Some(&nick);
        if !own && !rank.operator {
            let text = "You are not authorised to delete this message";
            return self.fail(id, "REDACT", "REDACT_FORBIDDEN", &[&target, &msgid], text);
        }
        event.redacted = true;
        let mut line = self.event(id, "REDACT").arg(&name).arg(&msgid);
        if let Some(reason) = message.params.get(2).filter(|reason| !reason.is_empty()) {
            line = line.text(reason);
        }
        for member in self.members(&name) {
            let hears = self.has(member, Capability::MessageRedaction);
            if hears && (member != id || self.has(id, Capability::EchoMessage)) {
                self.send(member, &line);
            }
        }
        self.record(&name, &line);
    }
}
