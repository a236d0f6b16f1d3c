//! The IRCv3 capabilities this server can offer. See <https://ircv3.net/registry#capabilities>.

/// One capability; each can be left out by [`crate::Options::capabilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named and specified in the IRCv3 registry")]
pub enum Capability {
    AccountNotify,
    AccountTag,
    AwayNotify,
    Batch,
    CapNotify,
    Chghost,
    ChatHistory,
    EventPlayback,
    EchoMessage,
    ExtendedJoin,
    InviteNotify,
    LabeledResponse,
    MessageRedaction,
    MessageTags,
    MultiPrefix,
    RelayMsg,
    Sasl,
    ServerTime,
    Setname,
    StandardReplies,
    UserhostInNames,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::AccountNotify,
        Self::AccountTag,
        Self::AwayNotify,
        Self::Batch,
        Self::CapNotify,
        Self::Chghost,
        Self::ChatHistory,
        Self::EventPlayback,
        Self::EchoMessage,
        Self::ExtendedJoin,
        Self::InviteNotify,
        Self::LabeledResponse,
        Self::MessageRedaction,
        Self::MessageTags,
        Self::MultiPrefix,
        Self::RelayMsg,
        Self::Sasl,
        Self::ServerTime,
        Self::Setname,
        Self::StandardReplies,
        Self::UserhostInNames,
    ];

    /// The name used in `CAP`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountNotify => "account-notify",
            Self::AccountTag => "account-tag",
            Self::AwayNotify => "away-notify",
            Self::Batch => "batch",
            Self::CapNotify => "cap-notify",
            Self::Chghost => "chghost",
            Self::ChatHistory => "draft/chathistory",
            Self::EventPlayback => "draft/event-playback",
            Self::EchoMessage => "echo-message",
            Self::ExtendedJoin => "extended-join",
            Self::InviteNotify => "invite-notify",
            Self::LabeledResponse => "labeled-response",
            Self::MessageRedaction => "draft/message-redaction",
            Self::MessageTags => "message-tags",
            Self::MultiPrefix => "multi-prefix",
            Self::RelayMsg => "draft/relaymsg",
            Self::Sasl => "sasl",
            Self::ServerTime => "server-time",
            Self::Setname => "setname",
            Self::StandardReplies => "standard-replies",
            Self::UserhostInNames => "userhost-in-names",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}
