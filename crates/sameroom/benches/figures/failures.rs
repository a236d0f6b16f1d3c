//! Starting, being killed, and a server that is away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use sameroom_testkit::load::gate::Gate;
use sameroom_testkit::load::{Book, Flow};
use tokio::time::{Instant, sleep};

use crate::relay::Relay;
use crate::sheet::Sheet;
use crate::world::{Kind, SILENCE, Server, flow, tube};

/// How often each figure is taken.
const ROUNDS: u32 = 3;

/// From the start of the process to the first message that is relayed.
pub(crate) async fn start(sheet: &mut Sheet) -> anyhow::Result<()> {
    for (name, kind) in [("ngIRCd to InspIRCd", Kind::Inspircd), ("ngIRCd to Prosody", Kind::Prosody)] {
        let (source, target) = (Server::start(Kind::Ngircd).await?, Server::start(kind).await?);
        let (mut ours, mut control) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let book = Arc::new(Book::default());
            let (here, there) = (source.room("lobby"), target.room("lobby"));
            let ann = source.person("ann", std::slice::from_ref(&here), &book).await?;
            let began = Instant::now();
            let _bob = target.person("bob", std::slice::from_ref(&there), &book).await?;
            control.push(began.elapsed().as_secs_f64());
            let accounts = [source.account("a", source.addr()), target.account("b", target.addr())].concat();
            let spec = tube(&source.spec("a", "lobby"), &target.spec("b", "lobby"));
            let began = Instant::now();
            let relay = Relay::start(&[accounts, spec].concat())?;
            let flow = flow(&ann, &here, "A", &[format!("bob {there}")], &book);
            ours.push((first(&flow, 0).await? - began).as_secs_f64());
            drop(relay);
        }
        sheet.add(name, "start to first relayed message", "s", &ours, Some(&control));
    }
    Ok(())
}

/// Talks until something of it is heard; gives when.
async fn first(flow: &Flow, from: u32) -> anyhow::Result<Instant> {
    let deadline = Instant::now() + SILENCE;
    let mut number = from;
    while flow.heard() == 0 {
        ensure!(Instant::now() < deadline, "nothing is relayed");
        flow.paced(number..number + 1, Duration::from_millis(1)).await?;
        number += 1;
        sleep(Duration::from_millis(5)).await;
    }
    let list = flow.book.list(&flow.places[0], &flow.tag);
    list.first().map(|heard| heard.at).ok_or_else(|| anyhow::anyhow!("nothing heard"))
}

/// Killed under 100 messages in a second and started again at once.
pub(crate) async fn kill(sheet: &mut Sheet) -> anyhow::Result<()> {
    for (name, kind) in [("killed, to InspIRCd", Kind::Inspircd), ("killed, to Prosody", Kind::Prosody)] {
        let (source, target) = (Server::start(Kind::Ngircd).await?, Server::start(kind).await?);
        let (mut silent, mut lost) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let book = Arc::new(Book::default());
            let (here, there) = (source.room("lobby"), target.room("lobby"));
            let ann = source.person("ann", std::slice::from_ref(&here), &book).await?;
            let _near = source.person("near", std::slice::from_ref(&here), &book).await?;
            let _bob = target.person("bob", std::slice::from_ref(&there), &book).await?;
            let accounts = [source.account("a", source.addr()), target.account("b", target.addr())].concat();
            let spec = tube(&source.spec("a", "lobby"), &target.spec("b", "lobby"));
            let mut relay = Relay::start(&[accounts, spec].concat())?;
            relay.ready(1).await?;
            let place = format!("bob {there}");
            let flow = flow(&ann, &here, "A", std::slice::from_ref(&place), &book);
            let kill = async {
                sleep(Duration::from_secs(2)).await;
                let at = Instant::now();
                relay.kill().await?;
                relay.start_again()?;
                anyhow::Ok(at)
            };
            let talk = async { flow.paced(0..700, Duration::from_millis(10)).await.map_err(Into::into) };
            let (at, ()) = tokio::try_join!(kill, talk)?;
            // What the server had shown to others for a while must come; the last one shows the end.
            let end = Flow { tag: "Z".into(), ..flow };
            end.windowed(0..1, 1, SILENCE).await?;
            end.wait(1, SILENCE).await?;
            let list = book.list(&place, "A");
            let back =
                list.iter().map(|heard| heard.at).find(|heard| *heard > at + Duration::from_millis(20));
            silent.push(back.map_or(f64::NAN, |back| (back - at).as_secs_f64()));
            let near = book.list(&format!("near {here}"), "A");
            let accepted = near.iter().filter(|heard| heard.at + Duration::from_millis(200) < at);
            let missing = book.missing(&place, "A", 0..700);
            lost.push(f64::from(u32::try_from(
                accepted.filter(|heard| missing.contains(&heard.number)).count(),
            )?));
            relay.kill().await?;
        }
        sheet.add(name, "silent after kill -9", "s", &silent, None);
        sheet.add(name, "accepted and lost", "", &lost, None);
    }
    Ok(())
}

/// The target server down for 10 s under 20 messages in a second.
pub(crate) async fn outage(sheet: &mut Sheet) -> anyhow::Result<()> {
    for (name, kind) in [("away: ngIRCd", Kind::Ngircd), ("away: Prosody", Kind::Prosody)] {
        let source = Server::start(Kind::Ngircd).await?;
        let mut target = Server::start(kind).await?;
        let (mut silent, mut lost, mut disordered) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let book = Arc::new(Book::default());
            let mut gate = Gate::open(target.addr()).await?;
            let (here, there) = (source.room("lobby"), target.room("lobby"));
            let ann = source.person("ann", std::slice::from_ref(&here), &book).await?;
            let bob = target.person("bob", std::slice::from_ref(&there), &book).await?;
            let accounts = [source.account("a", source.addr()), target.account("b", gate.addr())].concat();
            let spec = tube(&source.spec("a", "lobby"), &target.spec("b", "lobby"));
            let relay = Relay::start(&[accounts, spec].concat())?;
            relay.ready(1).await?;
            let place = format!("bob {there}");
            let flow = flow(&ann, &here, "A", std::slice::from_ref(&place), &book);
            let away = async {
                sleep(Duration::from_secs(1)).await;
                gate.close().await;
                target.stop().await?;
                drop(bob);
                sleep(Duration::from_secs(10)).await;
                target.start_again().await?;
                let bob = target.person("bob", std::slice::from_ref(&there), &book).await?;
                gate.reopen().await?;
                anyhow::Ok((Instant::now(), bob))
            };
            let talk = async { flow.paced(0..300, Duration::from_millis(50)).await.map_err(Into::into) };
            let ((back, _bob), ()) = tokio::try_join!(away, talk)?;
            flow.wait(300, SILENCE).await?;
            let list = book.list(&place, "A");
            let heard = list.iter().map(|heard| heard.at).find(|heard| *heard > back);
            silent.push(heard.map_or(f64::NAN, |heard| (heard - back).as_secs_f64()));
            let verdict = book.verdict(&place, "A", 0..300);
            lost.push(f64::from(u32::try_from(verdict.lost + verdict.doubled)?));
            disordered.push(f64::from(u32::try_from(verdict.disordered)?));
        }
        sheet.add(name, "silent after its return", "s", &silent, None);
        sheet.add(name, "lost or doubled", "", &lost, None);
        sheet.add(name, "out of order", "", &disordered, None);
    }
    Ok(())
}
