//! `TOPIC`.

use crate::{client::ClientId, message::Message, room::Topic, stamp, state::State};

/// Longest topic in bytes.
pub(super) const TOPIC_LEN: usize = 390;

impl State {
    pub(super) fn topic(&mut self, id: ClientId, message: &Message) {
        let Some(name) = message.word(0) else { return self.too_few(id, "TOPIC") };
        if !self.must_be_member(id, &name) {
            return;
        }
        let Some(text) = message.params.get(1) else {
            if self.room(&name).is_some_and(|room| room.topic.is_none()) {
                return self.reply(id, "331", &[&name], "No topic is set");
            }
            return self.show_topic(id, &name);
        };
        let locked = self.room(&name).is_some_and(|room| room.is('t'));
        if locked && !self.must_be_operator(id, &name) {
            return;
        }
        let text = text.get(..TOPIC_LEN).unwrap_or(text).to_vec();
        let (by, at) = (self.mask_of(id), self.now());
        let Some(room) = self.room_mut(&name) else { return };
        let spelled = room.name.clone();
        room.topic = (!text.is_empty()).then(|| Topic { text: text.clone(), by, at });
        let line = self.event(id, "TOPIC").arg(spelled).text(text);
        self.broadcast(&name, None, &line);
    }

    /// `332` and `333`, if there is a topic.
    pub(super) fn show_topic(&mut self, id: ClientId, name: &str) {
        let Some(room) = self.room(name) else { return };
        let Some(topic) = &room.topic else { return };
        let line = self.numeric(id, "332", &[&room.name]).text(&topic.text);
        let author = self.numeric(id, "333", &[&room.name, &topic.by, &stamp::unix(topic.at).to_string()]);
        self.send(id, &line);
        self.send(id, &author);
    }
}
