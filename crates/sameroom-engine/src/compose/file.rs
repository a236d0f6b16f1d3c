//! Files of a copy: uploaded, linked or named.

use std::time::Duration;

use sameroom_types::capabilities::Files;
use sameroom_types::event::{Content, FileRef};
use sameroom_types::ids::{Seq, SpoolId};
use sameroom_types::policy::FilePolicy;

use crate::compose::Target;
use crate::engine::{Engine, FileState};
use crate::files::spool_id;

impl Engine {
    /// The state of each file of a message, or until when to wait for them.
    pub(crate) fn ready_files(
        &self,
        seq: Seq,
        content: &Content,
    ) -> Result<Vec<Option<FileState>>, Duration> {
        let mut states = Vec::new();
        for index in 0..content.files.len() {
            let state = self.files.get(&spool_id(seq, index)).cloned();
            if let Some(FileState::Fetching { until }) = &state
                && *until > self.now.mono
            {
                return Err(*until);
            }
            states.push(state);
        }
        Ok(states)
    }

    pub(crate) fn file_form(
        &mut self,
        target: &Target,
        file: &FileRef,
        spool: SpoolId,
        state: Option<FileState>,
    ) -> FileForm {
        let size = match &state {
            Some(FileState::Ready { size_bytes }) => Some(*size_bytes),
            _ => file.size_bytes,
        };
        let described = match size {
            Some(size) => format!("{} ({})", file.name, human_size(size)),
            None => file.name.clone(),
        };
        if let (Files::Upload { max_bytes, .. }, FilePolicy::Copy, Some(FileState::Ready { size_bytes })) =
            (target.can.files, target.policy.room.files, &state)
            && *size_bytes <= max_bytes
        {
            let size_bytes = Some(*size_bytes);
            return FileForm::Upload(FileRef { spool: Some(spool), size_bytes, ..file.clone() });
        }
        if target.policy.room.files != FilePolicy::No {
            if let Some(base) = self.config.public_url.clone()
                && matches!(state, Some(FileState::Ready { .. }))
            {
                let token = self.share(&spool, &file.name);
                return FileForm::Line(format!("{described} {base}/files/{token}/{}", url_name(&file.name)));
            }
            if let Some(url) = &file.public_url {
                return FileForm::Line(format!("{described} {url}"));
            }
        }
        FileForm::Line(match state {
            Some(FileState::Failed { why }) => format!("{described}: the file could not be copied ({why})"),
            _ => format!("{described}: the file was not copied"),
        })
    }

    pub(crate) fn share(&mut self, spool: &SpoolId, name: &str) -> String {
        // Derived, so that a second room gets the same link and nothing has to be remembered.
        let digest = self.digest(&("share", spool));
        let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.out.push(crate::input::Effect::Share {
            spool: spool.clone(),
            token: token.clone(),
            name: name.to_owned(),
        });
        token
    }
}

pub(crate) enum FileForm {
    Upload(FileRef),
    Line(String),
}

/// A size for people, in decimal units.
pub(crate) fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// A file name as the last segment of a URL.
pub(crate) fn url_name(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(human_size(999), "999 B");
        assert_eq!(human_size(119_001), "120 kB");
        assert_eq!(human_size(2_560_000), "2.5 MB");
    }
}
