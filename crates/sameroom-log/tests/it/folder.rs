//! The data folder.

use std::fs;

use sameroom_log::{
    DataFolder, FolderError,
    disk::{Disk as _, DiskFile as _},
};
use sameroom_seal::{OsEntropy, SeededEntropy};

fn open(path: &std::path::Path) -> Result<DataFolder, FolderError> {
    DataFolder::open(path, &mut OsEntropy)
}

#[test]
fn is_made_once_and_keeps_its_name() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let folder = DataFolder::open(&path, &mut SeededEntropy::new(1)).unwrap();
    let installation = folder.installation();
    let log = folder.subfolder("log").unwrap();
    log.create("x").unwrap().write_at(b"y", 0).unwrap();
    drop(folder);
    let folder = open(&path).unwrap();
    assert_eq!(folder.installation(), installation);
    assert_eq!(folder.path(), path);
    assert_eq!(fs::read(path.join("log").join("x")).unwrap(), b"y");
    #[cfg(unix)]
    for (path, expected) in [(path.clone(), 0o700), (path.join("log"), 0o700), (path.join("log/x"), 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, expected, "{}", path.display());
    }
}

#[test]
fn is_taken_by_one_process_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let folder = open(&path).unwrap();
    let Err(FolderError::Disk(error)) = open(&path) else { panic!("taken twice") };
    assert!(error.source.to_string().starts_with(&format!("in use by pid {}", std::process::id())));
    drop(folder);
    open(&path).unwrap();
}

#[test]
fn of_another_format_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    drop(open(&path).unwrap());
    let made = fs::read_to_string(path.join("FORMAT")).unwrap();
    let with = |text: &str| {
        fs::write(path.join("FORMAT"), text).unwrap();
        open(&path).map(drop)
    };
    assert!(matches!(with(&made.replace("format 1", "format 2")), Err(FolderError::Newer { found: 2, .. })));
    assert!(matches!(with(&made.replace("format 1", "format 0")), Err(FolderError::Older { found: 0, .. })));
    for text in
        ["", "hello", "Sameroom data folder\nformat x\n", &made.replace("installation ", "installation +")]
    {
        assert!(matches!(with(text), Err(FolderError::Damaged { .. })), "{text}");
    }
    with(&made).unwrap();
}

#[test]
fn with_files_of_others_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    drop(open(&path).unwrap());
    fs::remove_file(path.join("FORMAT")).unwrap();
    open(&path).unwrap();
    fs::remove_file(path.join("FORMAT")).unwrap();
    fs::write(path.join("letter.txt"), "dear").unwrap();
    assert!(matches!(open(&path), Err(FolderError::NotOurs { .. })));
    assert!(!path.join("FORMAT").exists());
}

#[cfg(unix)]
#[test]
fn open_to_others_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    drop(open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
}
