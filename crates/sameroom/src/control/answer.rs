//! Answers to the command line's questions.

use sameroom_engine::{Reply, Request};
use sameroom_types::ids::MessageId;
use sameroom_types::room::{Health, TubeState};
use serde_json::{Value, json};

use super::{Control, Question, accounts};
use crate::config::Config;

/// Who stands in the audit log for what the command line does.
const WHO: &str = "command line";

impl Control {
    pub(crate) async fn answer(&self, question: Question) -> anyhow::Result<Value> {
        let by = WHO.to_owned();
        let request = match question {
            Question::Apply { dry_run } => return self.apply(dry_run).await,
            Question::AddAccount { name, settings } => return self.add_account(name, settings).await,
            Question::RemoveAccount { name } => return self.remove_account(&name).await,
            Question::Trace { id } => {
                let rows = self.handle.trace(MessageId(id)).await??;
                return Ok(json!({ "trace": rows }));
            }
            Question::Audit { limit } => {
                let rows = self.handle.audit(limit).await??;
                return Ok(json!({ "audit": rows }));
            }
            Question::Accounts => Request::Accounts,
            Question::Rooms => Request::Rooms,
            Question::AddRoom { room } => Request::AddRoom { room, by },
            Question::RemoveRoom { room } => Request::RemoveRoom { room, by },
            Question::Tubes => Request::Tubes,
            Question::AddTube { a, b, direction } => Request::AddTube { a, b, direction, by },
            Question::ChangeTube { tube, change } => {
                use sameroom_engine::record::TubeChange;
                let change = match change.as_str() {
                    "remove" => TubeChange::Removed,
                    "pause" => TubeChange::Paused,
                    "resume" => TubeChange::Resumed,
                    other => anyhow::bail!("there is no change {other:?}"),
                };
                Request::ChangeTube { tube, change, by }
            }
            Question::AnswerRequest { request, accept } => Request::AnswerRequest { request, accept, by },
            Question::Portals => Request::Portals,
            Question::AddPortal { room, approval } => Request::AddPortal { room, approval, by },
            Question::RevokePortal { portal } => Request::RevokePortal { portal, by },
            Question::Deliveries { limit } => Request::Waiting { limit: limit.min(10_000) },
            Question::Retry { delivery } => Request::Retry(delivery),
            Question::Drop { delivery } => Request::Drop(delivery),
        };
        let reply = self.handle.request(request).await?;
        self.show(reply).await
    }

    async fn show(&self, reply: Reply) -> anyhow::Result<Value> {
        Ok(match reply {
            Reply::Tubes(tubes) => json!({ "tubes": tubes.iter().map(|view| {
                let (state, why) = tube_state(&view.state);
                json!({
                    "id": view.tube.id, "a": view.tube.a.to_string(), "b": view.tube.b.to_string(),
                    "direction": view.tube.direction, "made_by": view.tube.made_by,
                    "state": state, "why": why,
                })
            }).collect::<Vec<_>>() }),
            Reply::Rooms(rooms) => {
                let links = self.room_links();
                let base = self.config.lock().await.public_url.clone();
                json!({ "rooms": rooms.iter().map(|view| {
                    let names: Vec<String> = view.specs.iter().map(ToString::to_string).collect();
                    let link = links.iter().find(|(name, _)| names.contains(name));
                    let link = link.map(|(_, path)| format!("{base}{path}"));
                    json!({
                        "id": view.room, "rooms": names, "name": view.name,
                        "kind": view.kind, "state": if view.state.is_ok() { "usable" } else { "not usable" },
                        "why": view.state.as_ref().err(), "waiting": view.waiting, "link": link,
                    })
                }).collect::<Vec<_>>() })
            }
            Reply::Accounts(accounts) => json!({ "accounts": accounts.iter().map(|view| {
                let (state, why) = health(&view.health);
                json!({
                    "account": view.id, "platform": view.platform, "name": view.name,
                    "bridgebot": view.bridgebot, "state": state, "why": why,
                })
            }).collect::<Vec<_>>() }),
            Reply::Portals(portals) => {
                let base = self.config.lock().await.public_url.clone();
                json!({ "portals": portals.iter().map(|portal| json!({
                    "id": portal.id, "room": portal.room, "approval": portal.approval, "by": portal.by,
                    "url": format!("{base}/portal/{}", portal.token),
                })).collect::<Vec<_>>() })
            }
            Reply::Deliveries(deliveries) => json!({ "deliveries": deliveries.iter().map(|view| json!({
                "id": view.delivery.to_string(), "state": view.state, "accepted": view.accepted.to_string(),
            })).collect::<Vec<_>>() }),
            Reply::Figures(_) | Reply::Lines { .. } | Reply::Portal(_) => json!({}),
            Reply::Done(done) => json!({ "done": done }),
            Reply::Refused(why) => json!({ "refused": why }),
        })
    }

    /// The paths of browser rooms, by account and room.
    fn room_links(&self) -> Vec<(String, String)> {
        #[cfg(feature = "web")]
        {
            self.registry.web_links()
        }
        #[cfg(not(feature = "web"))]
        Vec::new()
    }

    /// Reads the file again and puts it into force.
    pub(crate) async fn apply(&self, dry_run: bool) -> anyhow::Result<Value> {
        let Some(file) = &self.file else { anyhow::bail!("this relay runs without a file") };
        let mut next = Config::load(file, &self.registry.connectors)?;
        accounts::add_stored(&mut next, &self.registry, &self.vault).await?;
        let mut current = self.config.lock().await;
        let differences = current.differences(&next);
        if !dry_run {
            self.handle.configure(next.engine.clone(), next.sessions.clone()).await?;
            *current = next;
            tracing::info!(changes = differences.len(), "configuration applied");
        }
        Ok(json!({ "changes": differences, "applied": !dry_run }))
    }

    async fn add_account(
        &self,
        name: String,
        settings: serde_json::Map<String, Value>,
    ) -> anyhow::Result<Value> {
        {
            let config = self.config.lock().await;
            if config.engine.accounts.iter().any(|account| account.id.as_str() == name) {
                anyhow::bail!("there is an account {name} already");
            }
        }
        accounts::save(&self.registry, &self.vault, &name, settings).await?;
        self.reload_accounts().await?;
        Ok(json!({ "done": format!("account {name} added") }))
    }

    async fn remove_account(&self, name: &str) -> anyhow::Result<Value> {
        if !accounts::remove(&self.vault, name).await? {
            anyhow::bail!(
                "account {name} was not added by command; one that the file declares is removed there"
            );
        }
        self.reload_accounts().await?;
        Ok(json!({ "done": format!("account {name} removed, with its tubes") }))
    }

    async fn reload_accounts(&self) -> anyhow::Result<()> {
        let mut current = self.config.lock().await;
        let mut next = current.clone();
        accounts::drop_stored(&mut next);
        accounts::add_stored(&mut next, &self.registry, &self.vault).await?;
        self.handle.configure(next.engine.clone(), next.sessions.clone()).await?;
        *current = next;
        Ok(())
    }
}

fn tube_state(state: &TubeState) -> (&'static str, Option<&str>) {
    match state {
        TubeState::Active => ("active", None),
        TubeState::Waiting { why } => ("waiting", Some(why)),
        TubeState::Paused => ("paused", None),
        TubeState::Failed { why } => ("failed", Some(why)),
        TubeState::Archived => ("archived", None),
    }
}

fn health(health: &Health) -> (&'static str, Option<&str>) {
    match health {
        Health::Connecting => ("connecting", None),
        Health::Connected => ("connected", None),
        Health::Retrying { why, .. } => ("retrying", Some(why)),
        Health::NeedsRelink { why } => ("needs relinking", Some(why)),
        Health::Stopped { why } => ("stopped", Some(why)),
    }
}
