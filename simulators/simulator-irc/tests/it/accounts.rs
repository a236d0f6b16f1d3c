//! Logging in: SASL and NickServ.

use crate::{client::Client, has, server, tag};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use simulator_irc::{Options, Server};

async fn negotiating(server: &Server) -> Client {
    let mut client = Client::connect(server.addr()).await;
    client.send("CAP REQ :sasl\r\nNICK bot\r\nUSER bot 0 * :Bot").await;
    client.expect(" ACK ").await;
    client
}

#[tokio::test]
async fn plain() {
    let server =
        Server::start(Options { cloak_on_login: true, ..Options::default() }.account("ana", "secret"))
            .unwrap();
    let mut client = negotiating(&server).await;
    assert_eq!(client.ask("AUTHENTICATE PLAIN").await, ["AUTHENTICATE +"]);
    assert!(has(
        &client.ask(&format!("AUTHENTICATE {}", STANDARD.encode("ana\0ana\0wrong"))).await,
        " 904 bot "
    ));
    client.ask("AUTHENTICATE PLAIN").await;
    assert!(has(&client.ask("AUTHENTICATE *").await, " 906 "));
    client.ask("AUTHENTICATE PLAIN").await;
    assert!(has(&client.ask(&format!("AUTHENTICATE {}", "A".repeat(401))).await, " 905 "));
    assert!(has(&client.ask("AUTHENTICATE DANCE").await, " 908 bot PLAIN,SCRAM-SHA-256,EXTERNAL "));
    client.ask("AUTHENTICATE PLAIN").await;
    let done = client.ask(&format!("AUTHENTICATE {}", STANDARD.encode("\0ana\0secret"))).await;
    assert!(
        has(&done, " 900 bot bot!~bot@127.0.0.1 ana ")
            && has(&done, " 903 ")
            && has(&done, " 396 bot user/ana ")
    );
    client.send("CAP END").await;
    client.expect(" 376 ").await;
    assert!(has(&client.ask("WHOIS bot").await, " 330 bot bot ana "));
    assert!(has(&client.ask("WHO bot %tna,7").await, " 354 bot 7 bot ana"));
    server.stop().await;
}

#[tokio::test]
async fn chunks_of_exactly_400() {
    let password = "p".repeat(292);
    let server = Server::start(Options::default().account("ana", &password)).unwrap();
    let mut client = negotiating(&server).await;
    let payload = STANDARD.encode(format!("ana\0ana\0{password}"));
    assert_eq!(payload.len(), 400);
    client.ask("AUTHENTICATE PLAIN").await;
    assert!(client.ask(&format!("AUTHENTICATE {payload}")).await.is_empty());
    assert!(has(&client.ask("AUTHENTICATE +").await, " 903 "));
    server.stop().await;
}

#[tokio::test]
async fn external() {
    let server = server();
    let mut client = negotiating(&server).await;
    client.ask("AUTHENTICATE EXTERNAL").await;
    assert!(has(&client.ask("AUTHENTICATE +").await, " 904 "));
    server.stop().await;
    let options = Options { external_account: Some("ana".to_owned()), ..Options::default() };
    let server = Server::start(options).unwrap();
    let mut client = negotiating(&server).await;
    client.ask("AUTHENTICATE EXTERNAL").await;
    assert!(has(&client.ask("AUTHENTICATE +").await, " 903 "));
    server.stop().await;
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// One whole SCRAM exchange, written from RFC 5802; whether the server let us in.
async fn scram(client: &mut Client, password: &str) -> bool {
    client.ask("AUTHENTICATE SCRAM-SHA-256").await;
    let bare = "n=ana,r=rOprNGfwEbeRWgbNEkqO";
    let first = client.ask(&format!("AUTHENTICATE {}", STANDARD.encode(format!("n,,{bare}")))).await;
    let server_first = STANDARD.decode(first[0].strip_prefix("AUTHENTICATE ").unwrap()).unwrap();
    let server_first = String::from_utf8(server_first).unwrap();
    let part =
        |name: &str| server_first.split(',').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
    let salt = STANDARD.decode(part("s=")).unwrap();
    let salted =
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, part("i=").parse().unwrap());
    let without_proof = format!("c=biws,r={}", part("r="));
    let auth = format!("{bare},{server_first},{without_proof}");
    let client_key = hmac(&salted, "Client Key");
    let signature = hmac(&Sha256::digest(&client_key), &auth);
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let last = format!("{without_proof},p={}", STANDARD.encode(proof));
    let answer = client.ask(&format!("AUTHENTICATE {}", STANDARD.encode(last))).await;
    if has(&answer, " 904 ") {
        return false;
    }
    let verifier = format!("v={}", STANDARD.encode(hmac(&hmac(&salted, "Server Key"), &auth)));
    assert_eq!(answer, [format!("AUTHENTICATE {}", STANDARD.encode(verifier))]);
    has(&client.ask("AUTHENTICATE +").await, " 903 ")
}

#[tokio::test]
async fn scram_sha_256() {
    let server = server();
    let mut client = negotiating(&server).await;
    assert!(!scram(&mut client, "wrong").await);
    assert!(scram(&mut client, "secret").await);
    server.stop().await;
}

#[tokio::test]
async fn nickserv() {
    let server = server();
    let mut thief = Client::register(server.addr(), "ana", "").await;
    let mut ana = Client::register(server.addr(), "ana_", "account-tag echo-message").await;
    let mut says = async |text: &str| ana.ask(&format!("PRIVMSG NickServ :{text}")).await;
    assert!(has(
        &says("GHOST ana").await,
        ":NickServ!NickServ@services.irc.simulator.example NOTICE ana_ :Access denied"
    ));
    assert!(has(&says("IDENTIFY ana wrong").await, "Invalid password"));
    let identified = says("IDENTIFY ana secret").await;
    assert!(has(&identified, " 900 ana_ ") && has(&identified, "You are now identified for ana."));
    assert!(has(&says("REGAIN ana").await, " NICK :ana"));
    assert!(has(&says("DANCE").await, "Invalid command"));
    assert!(has(&thief.end().await, "GHOST command used by ana_"));
    ana.join("#den").await;
    assert_eq!(tag(&ana.ask("PRIVMSG #den :it is me").await[0], "account"), Some("ana"));
    let mut new = Client::register(server.addr(), "new", "").await;
    assert!(has(&new.ask("NS REGISTER hunter2 me@example.org").await, "new is now registered"));
    assert!(has(&new.ask("NS REGISTER hunter2").await, "already registered"));
    server.stop().await;
}

#[tokio::test]
async fn without_accounts_there_is_no_nickserv() {
    let server = Server::start(Options::default()).unwrap();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    assert!(has(&ana.ask("PRIVMSG NickServ :HELP").await, " 401 ana NickServ "));
    server.stop().await;
}
