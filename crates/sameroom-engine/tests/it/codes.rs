//! Codes of `open`: good for two minutes, once, and not to be guessed.

use std::time::Duration;

use crate::stage::Stage;

/// Asks for a code in a room.
fn open(stage: &mut Stage, room: &str) -> String {
    stage.say(room, "-sameroom open");
    let told = stage.told(room);
    let answer = told.last().expect("an answer");
    answer.rsplit(' ').next().expect("a code").to_owned()
}

fn connect(stage: &mut Stage, room: &str, code: &str) -> String {
    stage.say(room, &format!("-sameroom connect {code}"));
    stage.told(room).join("\n")
}

#[test]
fn a_code_is_good_for_two_minutes_and_once() {
    let mut stage = Stage::new(&["one", "two", "three"]);
    let code = open(&mut stage, "one");
    stage.pass(Duration::from_secs(121));
    assert!(connect(&mut stage, "two", &code).contains("not, or no longer, good"));

    let code = open(&mut stage, "one");
    stage.pass(Duration::from_secs(119));
    assert!(connect(&mut stage, "two", &code).contains("Connected to lobby of one"));
    assert!(connect(&mut stage, "three", &code).contains("not, or no longer, good"), "used already");
}

#[test]
fn codes_are_not_to_be_guessed() {
    let mut stage = Stage::new(&["one", "two", "three"]);
    let code = open(&mut stage, "one");
    for _ in 0..10 {
        assert!(connect(&mut stage, "two", "QQQQQ").contains("not, or no longer, good"));
    }
    let refused = "Too many wrong codes from this room; try again in two minutes.";
    assert_eq!(connect(&mut stage, "two", &code), refused, "even the right one");
    // It is the room that guesses which waits, nobody else, and not for ever.
    assert!(connect(&mut stage, "three", &code).contains("Connected to lobby of one"));
    stage.pass(Duration::from_secs(121));
    let code = open(&mut stage, "one");
    assert!(connect(&mut stage, "two", &code).contains("Connected to lobby of one"));
}

#[test]
fn each_code_is_another_one() {
    let mut stage = Stage::new(&["one"]);
    let codes: std::collections::BTreeSet<String> = (0..50).map(|_| open(&mut stage, "one")).collect();
    assert_eq!(codes.len(), 50);
    assert!(codes.iter().all(|code| code.len() == 5 && code.bytes().all(|b| b.is_ascii_uppercase())));
}
