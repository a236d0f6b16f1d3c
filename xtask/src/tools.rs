//! What tests need from outside: Debian packages, Python packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

/// Debian packages with the file by which each is recognised.
const PACKAGES: [(&str, &str); 8] = [
    ("ngircd", "/usr/sbin/ngircd"),
    ("inspircd", "/usr/sbin/inspircd"),
    ("atheme-services", "/usr/bin/atheme-services"),
    ("prosody", "/usr/bin/prosody"),
    ("prosody-modules", "/usr/lib/prosody/modules/mod_muc_moderation"),
    ("ejabberd", "/usr/sbin/ejabberdctl"),
    ("chromium", "/usr/bin/chromium"),
    ("chromium-driver", "/usr/bin/chromedriver"),
];

/// Python packages: official and independent clients.
const PYTHON: [&str; 1] = ["slixmpp==1.17.0"];

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Runs a command in the root and fails if it fails.
pub(crate) fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    println!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("start {program}"))?;
    ensure!(status.success(), "{program} {} failed ({status})", arguments.join(" "));
    Ok(())
}

/// Installs what is missing, or says exactly what to install.
pub(crate) fn install() -> anyhow::Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    install_python()
}

fn install_packages(missing: &[&str]) -> anyhow::Result<()> {
    let advice = format!("install the Debian packages: apt-get install {}", missing.join(" "));
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "0");
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    if !is_root || !has_apt {
        bail!("{advice}");
    }
    run("apt-get", &["update", "-qq"], &[]).context(advice.clone())?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(missing);
    // Packages may start their daemons; tests start their own on free ports and leave those alone.
    run("apt-get", &arguments, &[("DEBIAN_FRONTEND", "noninteractive")]).context(advice)
}

/// Where tests find Python with the clients.
pub(crate) fn python() -> PathBuf {
    root().join(".tools/venv/bin/python")
}

fn install_python() -> anyhow::Result<()> {
    let python = python();
    let has_all = python.exists()
        && Command::new(&python)
            .args(["-c", "import slixmpp"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if has_all {
        return Ok(());
    }
    let folder = root().join(".tools/venv");
    let folder = folder.to_string_lossy();
    let advice = "python3 with venv is needed: apt-get install python3-venv";
    run("python3", &["-m", "venv", &folder], &[]).context(advice)?;
    let python = python.to_string_lossy().into_owned();
    let mut arguments = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    arguments.extend(PYTHON);
    run(&python, &arguments, &[]).context("install the Python clients from PyPI")
}
