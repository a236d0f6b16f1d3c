//! TLS: an authority of one's own, a pinned certificate, and neither.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use sameroom_connector::Report;
use sameroom_connector::contract::Rig;
use sameroom_types::room::Health;
use sha2::{Digest, Sha256};
use simulator_irc::{Options, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::hostile::AddressStage;

/// A simulator behind TLS: its port, its certificate, and the task that ends when dropped.
async fn server() -> (u16, CertifiedKey<rcgen::KeyPair>, JoinSet<()>) {
    let key = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let simulator = Server::start(Options::default()).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut pipes = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, addr) = (acceptor.clone(), simulator.addr());
            pipes.spawn(async move {
                let Ok(mut outer) = acceptor.accept(stream).await else { return };
                let mut inner = TcpStream::connect(addr).await.unwrap();
                tokio::io::copy_bidirectional(&mut outer, &mut inner).await.ok();
            });
        }
    });
    (port, key, tasks)
}

fn rig(port: u16, extra: &serde_json::Value) -> Rig {
    let mut settings = serde_json::json!({"server": format!("localhost:{port}"), "nick": "same"});
    for (key, value) in extra.as_object().unwrap() {
        settings[key] = value.clone();
    }
    Rig::start(&AddressStage(settings.as_object().unwrap().clone()), Vec::new()).unwrap()
}

#[tokio::test]
async fn an_authority_or_a_pinned_certificate_lets_us_in() {
    let (port, key, _tasks) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, key.cert.pem()).unwrap();
    let pin: String = Sha256::digest(key.cert.der()).iter().map(|byte| format!("{byte:02x}")).collect();
    for extra in [serde_json::json!({"ca_file": file}), serde_json::json!({"tls_fingerprint": pin})] {
        let mut rig = rig(port, &extra);
        rig.join("#lobby").await.unwrap();
        rig.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_stranger_does_not() {
    let (port, _key, _tasks) = server().await;
    for extra in [serde_json::json!({}), serde_json::json!({"tls_fingerprint": "ab".repeat(32)})] {
        let mut rig = rig(port, &extra);
        let why = rig.wait("Retrying", |report| match report {
            Report::Health(Health::Retrying { why, .. }) => Some(why.clone()),
            _ => None,
        });
        assert!(why.await.unwrap().contains("TLS"));
        rig.stop().await.unwrap();
    }
}
