//! The file with the keys of the gateways that we have met.
//!
//! A new acquaintance is written after a while, and once an hour at most: strangers shall not wear out the flash. What the owner
//! has said is written before he is answered.

use crate::kept;
use ntm_enrolment::state::write_atomically;
use ntm_gateway::KnownKeys;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracing::warn;

/// The file's name inside the state directory.
const FILE_NAME: &str = "known-keys";
const BETWEEN: Duration = Duration::from_secs(3600);

pub(crate) struct KeysMet {
    file: PathBuf,
    written: KnownKeys,
    /// When it was last written; `None`: not in this run.
    at: Option<Instant>,
}

impl KeysMet {
    pub(crate) fn read(dir: &Path) -> Self {
        let file = dir.join(FILE_NAME);
        let text = kept::read(&file, "changed keys of other gateways are not noticed");
        Self {
            file,
            written: KnownKeys::read(&text),
            at: None,
        }
    }

    /// Those of the run before.
    pub(crate) fn keys(&self) -> KnownKeys {
        self.written.clone()
    }

    /// Writes what is not written yet, if it is time.
    pub(crate) fn keep(&mut self, keys: &KnownKeys, now: Instant) {
        if self.at.is_some_and(|at| now < at + BETWEEN) || self.written == *keys {
            return;
        }
        if let Err(error) = self.write(keys, now) {
            warn!("{error}");
        }
    }

    /// Writes what is not written yet.
    pub(crate) fn write(&mut self, keys: &KnownKeys, now: Instant) -> Result<(), String> {
        if self.written == *keys {
            return Ok(());
        }
        // Also if it fails: a full flash is not asked again and again.
        self.at = Some(now);
        write_atomically(&self.file, keys.text().as_bytes(), 0o600)
            .map_err(|error| format!("cannot write {}: {error}", self.file.display()))?;
        self.written.clone_from(keys);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_met_is_written_once_an_hour_and_at_once_where_somebody_waits() {
        let dir = std::env::temp_dir().join(format!("ntm-keys-met-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let start = Instant::now();
        let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let keys = |names: &[&str]| {
            let lines: Vec<String> = names
                .iter()
                .map(|name| format!("{name}.test {key}\n"))
                .collect();
            KnownKeys::read(&lines.concat())
        };
        let written = || KeysMet::read(&dir).keys();
        let mut met = KeysMet::read(&dir);
        met.keep(&keys(&[]), start);
        assert!(!dir.join(FILE_NAME).exists(), "nothing to write");
        met.keep(&keys(&["a"]), start);
        assert_eq!(written(), keys(&["a"]));
        met.keep(&keys(&["a", "b"]), start + BETWEEN / 2);
        assert_eq!(written(), keys(&["a"]), "not so soon");
        met.keep(&keys(&["a", "b"]), start + BETWEEN);
        assert_eq!(written(), keys(&["a", "b"]));
        met.write(&keys(&["b"]), start + BETWEEN).unwrap();
        assert_eq!(written(), keys(&["b"]));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(
            met.write(&keys(&["c"]), start)
                .unwrap_err()
                .contains("known-keys")
        );
    }
}
