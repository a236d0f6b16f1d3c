//! Which IRCv3 capabilities are asked for and which are on: <https://ircv3.net/specs/extensions/capability-negotiation>.

use std::collections::BTreeMap;

/// Asked for together, as one refusal of them is unlikely.
const CORE: &[&str] = &[
    "multi-prefix",
    "message-tags",
    "server-time",
    "echo-message",
    "batch",
    "account-tag",
    "account-notify",
    "extended-join",
    "chghost",
    "cap-notify",
];

/// Asked for one by one. `labeled-response` needs `batch`, so it comes after.
const SINGLE: &[&str] = &[
    "labeled-response",
    "standard-replies",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-redaction",
    "draft/relaymsg",
];

/// The most capabilities noted of one server.
const OFFERED_MAX: usize = 256;

/// The state of the negotiation.
#[derive(Debug, Default)]
pub(crate) struct Caps {
    /// What the server offers, with values.
    pub(crate) offered: BTreeMap<String, String>,
    /// Requests that wait for their `ACK` or `NAK`.
    pub(crate) pending: usize,
    /// What is on.
    pub(crate) on: On,
}

/// The capabilities that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is switched by the server on its own")]
pub(crate) struct On {
    pub(crate) tags: bool,
    pub(crate) echo: bool,
    pub(crate) labels: bool,
    pub(crate) time: bool,
    pub(crate) account_tag: bool,
    pub(crate) chathistory: bool,
    pub(crate) redaction: bool,
    pub(crate) relaymsg: bool,
    pub(crate) extended_join: bool,
    pub(crate) sasl: bool,
    pub(crate) batch: bool,
}

impl On {
    /// Nothing.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        tags: false,
        echo: false,
        labels: false,
        time: false,
        account_tag: false,
        chathistory: false,
        redaction: false,
        relaymsg: false,
        extended_join: false,
        sasl: false,
        batch: false,
    };

    /// Whether messages can be taken back: without echoes the ids of our own are not known.
    pub(crate) fn redacts(self) -> bool {
        self.redaction && self.tags && self.echo
    }

    /// Whether every line sent is answered by name.
    pub(crate) fn answers(self) -> bool {
        self.labels && self.echo
    }
}

impl Caps {
    /// Notes what `LS` or `NEW` lists.
    pub(crate) fn offer(&mut self, list: &str) {
        for word in list.split_ascii_whitespace() {
            if self.offered.len() >= OFFERED_MAX {
                return;
            }
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            self.offered.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Notes what `DEL` lists.
    pub(crate) fn withdraw(&mut self, list: &str) {
        for name in list.split_ascii_whitespace() {
            self.offered.remove(name);
            self.switch(name, false);
        }
    }

    /// The requests to make for what is offered and not on, each a list of names.
    pub(crate) fn requests(&self, sasl: bool) -> Vec<String> {
        let is_open = |name: &&&str| self.offered.contains_key(**name) && !self.is_on(name);
        let core: Vec<&str> = CORE.iter().filter(is_open).copied().collect();
        let mut out = Vec::new();
        if !core.is_empty() {
            out.push(core.join(" "));
        }
        out.extend(SINGLE.iter().filter(is_open).map(|name| (*name).to_owned()));
        if sasl && self.offered.contains_key("sasl") && !self.on.sasl {
            out.push("sasl".to_owned());
        }
        out
    }

    /// Notes what an `ACK` switched on or, with `-`, off.
    pub(crate) fn acknowledge(&mut self, list: &str) {
        for word in list.split_ascii_whitespace() {
            match word.strip_prefix('-') {
                Some(name) => self.switch(name, false),
                None => self.switch(word, true),
            }
        }
    }

    fn is_on(&self, name: &str) -> bool {
        let on = &self.on;
        match name {
            "message-tags" => on.tags,
            "echo-message" => on.echo,
            "labeled-response" => on.labels,
            "server-time" => on.time,
            "account-tag" => on.account_tag,
            "draft/chathistory" => on.chathistory,
            "draft/message-redaction" => on.redaction,
            "draft/relaymsg" => on.relaymsg,
            "extended-join" => on.extended_join,
            "batch" => on.batch,
            "sasl" => on.sasl,
            _ => false,
        }
    }

    fn switch(&mut self, name: &str, value: bool) {
        let on = &mut self.on;
        match name {
            "message-tags" => on.tags = value,
            "echo-message" => on.echo = value,
            "labeled-response" => on.labels = value,
            "server-time" => on.time = value,
            "account-tag" => on.account_tag = value,
            "draft/chathistory" => on.chathistory = value,
            "draft/message-redaction" => on.redaction = value,
            "draft/relaymsg" => on.relaymsg = value,
            "extended-join" => on.extended_join = value,
            "batch" => on.batch = value,
            "sasl" => on.sasl = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_and_off_is_asked_for() {
        let mut caps = Caps::default();
        caps.offer("batch sasl=PLAIN labeled-response unknown/thing multi-prefix");
        assert_eq!(caps.requests(true), ["multi-prefix batch", "labeled-response", "sasl"]);
        caps.acknowledge("batch labeled-response sasl");
        assert_eq!(caps.requests(true), ["multi-prefix"]);
        caps.withdraw("sasl");
        assert!(!caps.on.sasl && caps.on.labels);
        caps.acknowledge("-labeled-response");
        assert!(!caps.on.labels);
    }
}
