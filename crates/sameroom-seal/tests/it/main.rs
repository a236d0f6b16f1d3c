//! The master key from files, variables and commands.

use std::{fs, path::Path};

use sameroom_seal::{KeyError, KeySource, MasterKey, SeededEntropy};

fn load(source: &KeySource) -> Result<MasterKey, KeyError> {
    source.load(&mut SeededEntropy::new(1))
}

fn file(path: &Path) -> KeySource {
    KeySource::File(path.to_owned())
}

fn same(one: &MasterKey, two: &MasterKey) -> bool {
    one.derive("test").digest(b"") == two.derive("test").digest(b"")
}

#[test]
fn a_missing_file_is_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let made = load(&file(&path)).unwrap();
    let again = file(&path).load(&mut SeededEntropy::new(2)).unwrap();
    assert!(same(&made, &again));
    assert_eq!(fs::read(&path).unwrap().len(), 65);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_refused_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    load(&file(&path)).unwrap();
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = load(&file(&path)).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: found, .. } if found == mode));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_file_of_the_wrong_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    load(&file(&path)).unwrap();
    for content in [&b""[..], b"abcd", &[b'a'; 63], &[b'x'; 64], &[b'a'; 65]] {
        fs::write(&path, content).unwrap();
        let error = load(&file(&path)).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { bytes, .. } if bytes == content.len()), "{error}");
    }
    fs::write(&path, [9; 32]).unwrap();
    assert!(same(&load(&file(&path)).unwrap(), &MasterKey::from_bytes([9; 32])));
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(&file(&folder.path().join("no").join("master.key"))).unwrap_err();
    assert!(matches!(error, KeyError::Io { .. }));
}

#[test]
fn a_variable_that_is_not_set_or_holds_no_key_is_refused() {
    let unset = KeySource::Env("SAMEROOM_TEST_NO_SUCH_VARIABLE".to_owned());
    assert!(matches!(load(&unset).unwrap_err(), KeyError::NotSet(_)));
    let no_key = KeySource::Env("PATH".to_owned());
    let error = load(&no_key).unwrap_err();
    assert!(matches!(error, KeyError::Malformed { .. }));
    assert!(!error.to_string().contains(&std::env::var("PATH").unwrap()), "the content is not shown");
}

#[cfg(unix)]
#[test]
fn a_command_prints_the_key() {
    let shell = |script: &str| KeySource::Command(vec!["sh".into(), "-c".into(), script.into()]);
    let key = load(&shell("printf '%064d\\n' 0")).unwrap();
    assert!(same(&key, &MasterKey::from_bytes([0; 32])));
    assert!(matches!(load(&shell("exit 3")).unwrap_err(), KeyError::CommandFailed { .. }));
    assert!(matches!(load(&shell("echo no")).unwrap_err(), KeyError::Malformed { .. }));
    assert!(matches!(load(&KeySource::Command(Vec::new())).unwrap_err(), KeyError::NoCommand));
    let missing = KeySource::Command(vec!["/no/such/program".into()]);
    assert!(matches!(load(&missing).unwrap_err(), KeyError::CommandIo { .. }));
}
