//! What a server says of itself in `005`: <https://modern.ircdocs.horse/#rplisupport-parameters>.

use crate::casemap::CaseMapping;

/// The tokens that matter here, with the RFC's values until told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Isupport {
    /// How names are compared.
    pub(crate) casemapping: CaseMapping,
    /// What rooms start with.
    pub(crate) chantypes: String,
    /// Mode letters of ranks and their signs, highest first.
    pub(crate) prefix: Vec<(char, char)>,
    /// Channel modes that are lists, and those that always or on setting take a parameter.
    pub(crate) modes_with_param: [String; 3],
    /// Signs that may stand before a room to reach only those of a rank.
    pub(crate) statusmsg: String,
    /// The network's name.
    pub(crate) network: Option<String>,
    /// The user mode of bots.
    pub(crate) bot: Option<char>,
    /// Whether `MONITOR` works.
    pub(crate) monitor: bool,
    /// The longest line with CR and LF, in bytes.
    pub(crate) line_len: usize,
    /// The longest nick in bytes.
    pub(crate) nick_len: usize,
    /// The most lines of one `CHATHISTORY` answer; 0 for no stated limit.
    pub(crate) chathistory: usize,
    /// Client-only tags that are refused, as listed.
    client_tag_deny: Vec<String>,
}

impl Default for Isupport {
    fn default() -> Self {
        Self {
            casemapping: CaseMapping::default(),
            chantypes: "#&".to_owned(),
            prefix: vec![('o', '@'), ('v', '+')],
            modes_with_param: ["b".to_owned(), "k".to_owned(), "l".to_owned()],
            statusmsg: String::new(),
            network: None,
            bot: None,
            monitor: false,
            line_len: crate::wire::LINE_MAX_BYTES,
            nick_len: 30,
            chathistory: 0,
            client_tag_deny: Vec::new(),
        }
    }
}

impl Isupport {
    /// Takes one token in: `KEY`, `KEY=value` or `-KEY`.
    pub(crate) fn take(&mut self, token: &str) {
        let defaults = Self::default();
        if let Some(key) = token.strip_prefix('-') {
            match key {
                "CASEMAPPING" => self.casemapping = defaults.casemapping,
                "CHANTYPES" => self.chantypes = defaults.chantypes,
                "PREFIX" => self.prefix = defaults.prefix,
                "STATUSMSG" => self.statusmsg = defaults.statusmsg,
                "BOT" => self.bot = None,
                "MONITOR" => self.monitor = false,
                "CLIENTTAGDENY" => self.client_tag_deny.clear(),
                _ => {}
            }
            return;
        }
        let (key, value) = token.split_once('=').unwrap_or((token, ""));
        match key {
            "CASEMAPPING" => self.casemapping = CaseMapping::from_name(value),
            "CHANTYPES" => value.clone_into(&mut self.chantypes),
            "PREFIX" => {
                if let Some((modes, signs)) = value.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                    self.prefix = modes.chars().zip(signs.chars()).take(16).collect();
                }
            }
            "CHANMODES" => {
                for (slot, modes) in self.modes_with_param.iter_mut().zip(value.split(',')) {
                    modes.clone_into(slot);
                }
            }
            "STATUSMSG" => value.clone_into(&mut self.statusmsg),
            "NETWORK" if !value.is_empty() => self.network = Some(value.replace("\\x20", " ")),
            "BOT" => self.bot = value.chars().next(),
            "MONITOR" => self.monitor = true,
            "LINELEN" => self.line_len = value.parse().unwrap_or(self.line_len).clamp(512, 65_536),
            "NICKLEN" | "MAXNICKLEN" => self.nick_len = value.parse().unwrap_or(self.nick_len).clamp(1, 512),
            "CHATHISTORY" => self.chathistory = value.parse().unwrap_or(0),
            "CLIENTTAGDENY" => self.client_tag_deny = value.split(',').map(str::to_owned).collect(),
            _ => {}
        }
    }

    /// Whether a name is a room's.
    pub(crate) fn is_room(&self, name: &str) -> bool {
        name.chars().next().is_some_and(|first| self.chantypes.contains(first))
    }

    /// Whether clients may send a client-only tag, given without its `+`.
    pub(crate) fn allows_tag(&self, tag: &str) -> bool {
        let denied = |name: &str| self.client_tag_deny.iter().any(|entry| entry == name);
        if denied("*") { denied(&format!("-{tag}")) } else { !denied(tag) }
    }

    /// The ranks that signs before a nick or mode letters stand for, as bits: bit 0 is the highest.
    pub(crate) fn rank_of_sign(&self, sign: char) -> Option<u16> {
        self.prefix
            .iter()
            .position(|(_, s)| *s == sign)
            .and_then(|index| 1_u16.checked_shl(u32::try_from(index).ok()?))
    }

    /// The rank that a mode letter gives.
    pub(crate) fn rank_of_mode(&self, mode: char) -> Option<u16> {
        self.prefix
            .iter()
            .position(|(m, _)| *m == mode)
            .and_then(|index| 1_u16.checked_shl(u32::try_from(index).ok()?))
    }

    /// Whether a channel mode takes a parameter when it is set or unset.
    pub(crate) fn takes_param(&self, mode: char, adding: bool) -> bool {
        let [lists, always, on_set] = &self.modes_with_param;
        self.rank_of_mode(mode).is_some()
            || lists.contains(mode)
            || always.contains(mode)
            || (adding && on_set.contains(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_in_and_back() {
        let mut server = Isupport::default();
        for token in [
            "CASEMAPPING=ascii",
            "PREFIX=(qov)~@+",
            "CHANTYPES=#",
            "NETWORK=A\\x20B",
            "BOT=B",
            "CHANMODES=beI,k,l,imn",
        ] {
            server.take(token);
        }
        assert_eq!(server.rank_of_sign('@'), Some(2));
        assert_eq!(server.rank_of_mode('q'), Some(1));
        assert_eq!(server.network.as_deref(), Some("A B"));
        assert!(server.is_room("#a") && !server.is_room("&a") && !server.is_room(""));
        assert!(
            server.takes_param('l', true)
                && !server.takes_param('l', false)
                && server.takes_param('I', false)
        );
        server.take("-BOT");
        assert_eq!(server.bot, None);
    }

    #[test]
    fn denied_tags() {
        let mut server = Isupport::default();
        assert!(server.allows_tag("draft/react"));
        server.take("CLIENTTAGDENY=*,-typing");
        assert!(server.allows_tag("typing") && !server.allows_tag("draft/react"));
        server.take("CLIENTTAGDENY=typing");
        assert!(!server.allows_tag("typing") && server.allows_tag("draft/react"));
    }
}
