//! Files that are either whole or not there: written aside, synced, renamed, readable by their owner alone.

use anyhow::{Context, Result, anyhow};
use ntm_dc::config::{self, Config};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes `dir` and its parents, closed to other users. A directory that exists keeps its mode.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the directory {}", dir.display()))
}

/// Writes `path` atomically with mode 0600. After a crash the old file or the new one is there, never half.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let hint = || {
        format!(
            "cannot write {}; is the disk full or read-only?",
            path.display()
        )
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let aside = path.with_file_name(name);
    // A left-over of a crash must not lend its mode.
    let _ = std::fs::remove_file(&aside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&aside).with_context(hint)?;
    let written = file.write_all(bytes).and_then(|()| put(&aside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written.with_context(hint)
}

/// Puts the file `aside` in the place of `path`, after it has reached the disk: the old one or the new one is there.
pub(crate) fn put(aside: &Path, path: &Path) -> std::io::Result<()> {
    File::open(aside)?.sync_all()?;
    std::fs::rename(aside, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes `path`, empty and with mode 0600, unless it is there.
pub(crate) fn touch(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop)
}

/// Reads a file that `ntm-dc init` made.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the system has many reasons, these need advice"
)]
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::NotFound => "; `ntm-dc init` makes it, --dir names its directory",
            ErrorKind::PermissionDenied => "; run this as the user that owns it",
            _ => "",
        };
        anyhow!("cannot read {}: {error}{advice}", path.display())
    })
}

/// Reads the configuration in `dir`.
pub(crate) fn config(dir: &Path) -> Result<Config> {
    let path = dir.join(config::FILE);
    Ok(Config::parse(&read(&path)?, &path.display().to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_whole_and_private() {
        let dir = Scratch::new();
        let path = dir.path().join("key");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_path() {
        let error = write(Path::new("/nowhere/at/all"), b"x").unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/at/all"));
        assert!(
            format!("{:#}", read(Path::new("/nowhere/key")).unwrap_err()).contains("ntm-dc init")
        );
    }
}
