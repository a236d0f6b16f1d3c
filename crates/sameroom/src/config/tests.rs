//! The file as people write it, and what is said when it is wrong.

use super::*;

fn connectors() -> Vec<Arc<dyn Connector>> {
    crate::registry::Registry::new().connectors
}

fn parse(text: &str) -> anyhow::Result<Config> {
    Config::parse(text, Path::new("/somewhere"), &connectors())
}

fn error_of(text: &str) -> String {
    format!("{:#}", parse(text).expect_err("refused"))
}

const TWO: &str = r##"
[accounts.libera]
platform = "irc"
server = "127.0.0.1:6667"
tls = false
nick = "sameroom"
pace = "off"

[accounts.second]
platform = "irc"
server = "127.0.0.1:6668"
tls = false
nick = "sameroom"
sasl = { mechanism = "PLAIN", username = "u", password = "p" }
bridgebot = true
"##;

#[test]
fn tubes_and_groups_become_pairs() {
    let config = parse(&format!(
        "{TWO}\n[[tubes]]\na = \"libera/#a\"\nb = \"second/#b\"\ndirection = \"a-to-b\"\n\n[[tubes]]\nrooms = [\"libera/#x\", \"second/#y\", \"second/#z\"]\n"
    ))
    .expect("good");
    assert_eq!(config.engine.tubes.len(), 4);
    assert_eq!(config.engine.tubes[0].direction, Direction::AToB);
    assert_eq!(config.data_dir, Path::new("/somewhere/sameroom-data"));
    assert!(config.engine.accounts[1].bridgebot);
    assert_eq!(config.engine.public_url, None, "loopback is never posted");
}

#[test]
fn a_wrong_key_names_its_line_and_the_nearest_right_one() {
    let error = error_of(&TWO.replacen("nick", "nikc", 1));
    assert!(error.contains("line 6") && error.contains("\"nikc\"") && error.contains("\"nick\""), "{error}");
    let error = error_of("[serfer]\nlisten = \"x\"\n");
    assert!(error.contains("line 1") && error.contains("\"server\""), "{error}");
    let error = error_of(&format!("{TWO}\n[rooms.\"libera/#a\"]\nformt = \"x\"\n"));
    assert!(error.contains("\"format\""), "{error}");
}

#[test]
fn wrong_values_name_their_line() {
    let check = |addition: &str, expected: &str| {
        let error = error_of(&format!("{TWO}\n{addition}\n"));
        assert!(error.contains("line ") && error.contains(expected), "{addition}: {error}");
    };
    check("[[tubes]]\na = \"libra/#a\"\nb = \"second/#b\"", "did you mean \"libera\"");
    check("[[tubes]]\na = \"libera\"\nb = \"second/#b\"", "not account/room");
    check("[[tubes]]\na = \"libera/#a\"", "either a and b, or rooms");
    check("[[tubes]]\na = \"libera/#a\"\nb = \"libera/#a\"", "itself");
    check("[defaults]\nedits = \"aply\"", "none of apply, append, ignore");
    check("[defaults]\nlate = { max_age = \"soon\" }", "no duration");
    check("[defaults]\nignore = { text = [\"(\"] }", "(");
    check("[server]\nlisten = \"everywhere\"", "127.0.0.1:8420");
    check("[accounts.third]\nplatform = \"icq\"", "there is no platform");
}

#[test]
fn policies_of_rooms_build_on_the_defaults() {
    let config = parse(&format!(
        "{TWO}\n[defaults]\nbots = true\nlate = {{ max_age = \"2h\", max_count = 9 }}\n[rooms.\"libera/#a\"]\nformat = \"<{{name}}> \"\nreplace = [[\"colour\", \"color\"]]\nlabel = \"Lobby\"\n"
    ))
    .expect("good");
    let room = RoomSpec::parse("libera/#a").expect("spec");
    let policy = &config.engine.rooms[&room];
    assert!(policy.bots);
    assert_eq!(policy.late.max_count, 9);
    assert_eq!(policy.late.max_age, Duration::from_secs(7200));
    assert_eq!(policy.replace, [("colour".to_owned(), "color".to_owned())]);
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("pw"), "geheim\n").expect("write");
    let text = TWO.replace("password = \"p\"", "password_file = \"pw\"");
    let config = Config::parse(&text, folder.path(), &connectors()).expect("good");
    assert_eq!(config.sessions[1].settings["sasl"]["password"], "geheim");
    let error =
        format!("{:#}", Config::parse(&text, Path::new("/nowhere"), &connectors()).expect_err("missing"));
    assert!(error.contains("password") && error.contains("/nowhere/pw"), "{error}");
}

#[test]
fn differences_are_told_in_lines() {
    let old = parse(TWO).expect("good");
    let new =
        parse(&format!("{TWO}\n[[tubes]]\na = \"libera/#a\"\nb = \"second/#b\"\n").replace("6668", "6669"))
            .expect("good");
    let lines = old.differences(&new);
    assert_eq!(lines, ["~ account second", "+ tube libera/#a - second/#b (Both)"]);
}
