//! Files out by the upload service, files and pictures in. The bytes go through tasks of their own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sameroom_connector::{FetchError, Report, Spool, SpoolError};
use sameroom_types::action::{OutboundFile, Outcome, RefusalKind, SendRequest, Wait};
use sameroom_types::event::FileRef;
use sameroom_types::ids::SpoolId;
use sha1::{Digest as _, Sha1};
use tokio::sync::{mpsc, oneshot};

use super::queries::Question;
use super::{Client, Confirmation, End, later, refused};
use crate::outbound::{self, Target};
use crate::upload::{self, Slot, avatar_of};
use crate::wire::{self, StanzaError};
use crate::xml::Element;

/// What a file task has to say.
#[derive(Debug)]
pub(crate) enum JobReport {
    /// It needs a place for a file of this size.
    SlotWanted {
        /// The file's name.
        name: String,
        /// Its size.
        size_bytes: u64,
        /// Its type.
        media_type: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Slot, StanzaError>>,
    },
    /// An upload ended: the link, or what to say of the send.
    Uploaded {
        /// The send.
        request: Box<SendRequest>,
        /// The link, or the outcome instead.
        result: Result<String, Outcome>,
    },
    /// A fetch ended.
    Fetched {
        /// Where it was put.
        spool: SpoolId,
        /// Its size, or why there is none.
        result: Result<u64, FetchError>,
    },
}

impl Client {
    /// Starts to upload; what follows for this room waits behind it.
    pub(super) async fn start_upload(
        &mut self,
        request: SendRequest,
        file: &OutboundFile,
    ) -> Result<(), End> {
        let is_room = self.rooms.contains_key(request.room.as_str());
        let (Some(_), Some(spool), true) = (&self.upload, file.file.spool.clone(), is_room) else {
            let outcome = refused(RefusalKind::Unsupported, "the server takes no files");
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        };
        self.behind.entry(request.room.as_str().to_owned()).or_default();
        let upload = Upload {
            spool: std::sync::Arc::clone(&self.kit.spool),
            id: spool,
            file: file.file.clone(),
            http: if self.config.is_private { self.http.allowing_private() } else { self.http.clone() },
            reports: self.job_sender.clone(),
        };
        let reports = self.job_sender.clone();
        self.jobs.spawn(async move {
            let result = upload.run().await;
            // Nobody hears this only when the session has ended.
            if reports.send(JobReport::Uploaded { request: Box::new(request), result }).await.is_err() {
                tracing::debug!("an upload ended after its session");
            }
        });
        Ok(())
    }

    /// Takes what a file task says.
    pub(crate) async fn on_job(&mut self, report: JobReport) -> Result<(), End> {
        match report {
            JobReport::SlotWanted { name, size_bytes, media_type, answer } => {
                let Some(service) = self.upload.clone().filter(|_| self.online) else { return Ok(()) };
                let id = self.fresh_id();
                let xml = upload::request(&service.jid, &id, &name, size_bytes, &media_type);
                self.ask(id, &xml, Question::Slot { answer });
                Ok(())
            }
            JobReport::Uploaded { request, result } => self.on_uploaded(*request, result).await,
            JobReport::Fetched { spool, result } => self.report(Report::Fetched { spool, result }).await,
        }
    }

    async fn on_uploaded(
        &mut self,
        request: SendRequest,
        result: Result<String, Outcome>,
    ) -> Result<(), End> {
        let room = request.room.as_str().to_owned();
        let Some(behind) = self.behind.remove(&room) else {
            // The session or the room went away meanwhile, and with it all that waited.
            let outcome = later(None, Wait::Room, "the connection was lost before the file was posted");
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        };
        match result {
            Err(outcome) => self.tell_outcome(request.delivery, request.part, outcome).await?,
            Ok(link) => {
                if let Some(service) = &mut self.upload {
                    service.host = upload::host_of(&link).map(str::to_owned);
                }
                let target = Target { to: &room, is_room: true, is_private: false };
                let key = request.key.as_str();
                if let sameroom_types::action::Action::File(file) = &request.action
                    && !file.caption.text.is_empty()
                {
                    let xml = outbound::caption(&file.caption, key, target);
                    self.send_stanza(&xml, None);
                }
                let xml = outbound::shared(&link, key, target);
                self.send_tracked(&request, &xml, Confirmation::Post).await?;
            }
        }
        let mut behind = behind;
        while let Some(next) = behind.pop_front() {
            self.dispatch(next).await?;
            // A second file takes what is left along.
            if let Some(again) = self.behind.get_mut(&room) {
                again.append(&mut behind);
            }
        }
        Ok(())
    }

    /// Fetches a file or a picture into the spool.
    pub(super) async fn fetch(&mut self, spool: SpoolId, file: FileRef, max_bytes: u64) -> Result<(), End> {
        if let Some((hash, occupant)) = avatar_of(&file.source) {
            if !self.online {
                let result = Err(FetchError::Network("not connected".into()));
                return self.report(Report::Fetched { spool, result }).await;
            }
            let id = self.fresh_id();
            let xml = wire::ask(Some(occupant), &id, "vCard", wire::VCARD);
            let hash = hash.to_owned();
            self.ask(id, &xml, Question::Card { spool, max_bytes, hash });
            return Ok(());
        }
        let http = self.http.clone();
        let kept = std::sync::Arc::clone(&self.kit.spool);
        let reports = self.job_sender.clone();
        self.jobs.spawn(async move {
            let result = fetch_link(&http, &*kept, &spool, &file.source, max_bytes).await;
            if reports.send(JobReport::Fetched { spool, result }).await.is_err() {
                tracing::debug!("a fetch ended after its session");
            }
        });
        Ok(())
    }

    /// Somebody's vCard came: puts the picture in it into the spool.
    pub(super) fn on_card(&mut self, spool: SpoolId, max_bytes: u64, hash: &str, iq: &Element) {
        let encoded = iq
            .child("vCard", wire::VCARD)
            .and_then(|card| card.own_child("PHOTO"))
            .and_then(|photo| photo.own_text("BINVAL"))
            .map(|text| text.split_whitespace().collect::<String>());
        let picture = encoded.and_then(|text| STANDARD.decode(text).ok()).filter(|bytes| !bytes.is_empty());
        let is_it = |bytes: &Vec<u8>| {
            let made: String = Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            made.eq_ignore_ascii_case(hash)
        };
        let picture = match picture {
            None => Err(FetchError::Gone("there is no picture".into())),
            Some(bytes) if bytes.len() as u64 > max_bytes => Err(FetchError::TooLarge { max_bytes }),
            Some(bytes) if !is_it(&bytes) => {
                Err(FetchError::Gone("the picture is another one by now".into()))
            }
            Some(bytes) => Ok(bytes),
        };
        let kept = std::sync::Arc::clone(&self.kit.spool);
        let reports = self.job_sender.clone();
        self.jobs.spawn(async move {
            let result = match picture {
                Ok(bytes) => keep(&*kept, &spool, &bytes).await,
                Err(error) => Err(error),
            };
            if reports.send(JobReport::Fetched { spool, result }).await.is_err() {
                tracing::debug!("a fetch ended after its session");
            }
        });
    }
}

async fn keep(spool: &dyn Spool, id: &SpoolId, bytes: &[u8]) -> Result<u64, FetchError> {
    let failed = |error: SpoolError| FetchError::Spool(error.to_string());
    let mut writer = spool.create(id).await.map_err(failed)?;
    for piece in bytes.chunks(64 * 1024) {
        writer.write(piece).await.map_err(failed)?;
    }
    writer.finish().await.map_err(failed)
}

async fn fetch_link(
    http: &sameroom_http::Client,
    spool: &dyn Spool,
    id: &SpoolId,
    link: &str,
    max_bytes: u64,
) -> Result<u64, FetchError> {
    use sameroom_http::HttpError;
    let failed = |error: HttpError| match error {
        HttpError::TooLarge { max_bytes } => FetchError::TooLarge { max_bytes },
        HttpError::Status { status, .. }
            if (400..500).contains(&status) && status != 408 && status != 429 =>
        {
            FetchError::Gone(format!("status {status}"))
        }
        HttpError::PrivateAddress | HttpError::BadUrl(_) => FetchError::Gone(error.to_string()),
        other => FetchError::Network(other.to_string()),
    };
    let mut download = http.get(link, max_bytes).await.map_err(failed)?;
    let lost = |error: SpoolError| FetchError::Spool(error.to_string());
    let mut writer = spool.create(id).await.map_err(lost)?;
    while let Some(piece) = download.piece().await.map_err(failed)? {
        writer.write(&piece).await.map_err(lost)?;
    }
    writer.finish().await.map_err(lost)
}

/// One file on its way to the upload service.
struct Upload {
    spool: std::sync::Arc<dyn Spool>,
    id: SpoolId,
    file: FileRef,
    http: sameroom_http::Client,
    reports: mpsc::Sender<JobReport>,
}

impl Upload {
    async fn run(self) -> Result<String, Outcome> {
        use sameroom_http::HttpError;
        let reader = match self.spool.open(&self.id).await {
            Ok(reader) => reader,
            Err(SpoolError::Missing | SpoolError::Damaged) => {
                return Err(refused(RefusalKind::Message, "the file is no longer kept"));
            }
            Err(error) => return Err(later(None, Wait::Message, &error.to_string())),
        };
        let size_bytes = reader.size_bytes();
        let media_type = self.file.media_type.clone().unwrap_or_else(|| "application/octet-stream".into());
        let (answer, slot) = oneshot::channel();
        let name = self.file.name.clone();
        let wanted = JobReport::SlotWanted { name, size_bytes, media_type: media_type.clone(), answer };
        if self.reports.send(wanted).await.is_err() {
            return Err(later(None, Wait::Room, "the session has ended"));
        }
        let slot = match slot.await {
            Ok(Ok(slot)) => slot,
            Ok(Err(error)) => return Err(no_slot(&error)),
            Err(_) => return Err(later(None, Wait::Room, "the upload service did not answer")),
        };
        let body = sameroom_http::Body::new(size_bytes, SpoolBody(reader));
        match self.http.put(&slot.put, &media_type, &slot.headers, body).await {
            Ok(()) => Ok(slot.link),
            Err(HttpError::Status { status: 413, .. }) => {
                Err(refused(RefusalKind::Message, "the file is larger than the server takes"))
            }
            Err(HttpError::Status { status, retry_after }) if status == 429 || status >= 500 => {
                Err(later(retry_after, Wait::Room, &format!("the upload service answered {status}")))
            }
            Err(HttpError::Status { status, .. }) => {
                Err(refused(RefusalKind::Message, &format!("the upload service answered {status}")))
            }
            Err(error @ (HttpError::PrivateAddress | HttpError::BadUrl(_))) => {
                Err(refused(RefusalKind::Message, &error.to_string()))
            }
            Err(error) => Err(later(None, Wait::Room, &error.to_string())),
        }
    }
}

/// What the upload service's refusal means.
fn no_slot(error: &StanzaError) -> Outcome {
    if error.own.as_deref() == Some("file-too-large") {
        return refused(RefusalKind::Message, "the file is larger than the server takes");
    }
    if error.kind == "wait" || error.condition == "resource-constraint" || error.retry.is_some() {
        return later(Some(Duration::from_secs(60)), Wait::Message, &error.say());
    }
    refused(RefusalKind::Message, &error.say())
}

/// A file of the spool as a body.
struct SpoolBody(Box<dyn sameroom_connector::SpoolReader>);

#[async_trait::async_trait]
impl sameroom_http::Source for SpoolBody {
    async fn piece(&mut self) -> std::io::Result<Option<bytes::Bytes>> {
        self.0.read().await.map_err(std::io::Error::other)
    }
}
