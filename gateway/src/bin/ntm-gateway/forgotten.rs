//! Devices that the coordinator has yet to be told to forget, in a file: a restart of ours does not keep it from hearing.
//!
//! Written before the owner is answered, and again when the coordinator has answered: mostly there is none.

use crate::kept;
use ntm_enrolment::state::write_atomically;
use ntm_proto::id::DeviceKey;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tracing::warn;

/// The list's name inside the state directory.
const FILE_NAME: &str = "forgotten";

/// What the file says.
pub(crate) struct Forgotten {
    file: PathBuf,
    /// Or could not be written: a full flash is not asked for the same again with each packet.
    written: BTreeSet<DeviceKey>,
}

impl Forgotten {
    /// What is no key there is none.
    pub(crate) fn read(dir: &Path) -> Self {
        let file = dir.join(FILE_NAME);
        let text = kept::read(&file, "the coordinator is not told what it says");
        let written = text.lines().filter_map(parse).collect();
        Self { file, written }
    }

    /// Those of the run before.
    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceKey> {
        self.written.iter().copied()
    }

    /// Writes what is not written yet.
    pub(crate) fn keep(&mut self, devices: &BTreeSet<DeviceKey>) {
        if self.written == *devices {
            return;
        }
        let lines = devices.iter().map(|key| line(*key));
        let text: String = lines.collect();
        self.written.clone_from(devices);
        if let Err(error) = write_atomically(&self.file, text.as_bytes(), 0o600) {
            warn!(
                "cannot write {}: {error}; what the coordinator has not forgotten at the next start it will not be told to",
                self.file.display()
            );
        }
    }
}

fn line(key: DeviceKey) -> String {
    format!("{:032x}\n", u128::from_be_bytes(key.0))
}

fn parse(line: &str) -> Option<DeviceKey> {
    let is_key = line.len() == 32 && line.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(line, 16).ok().filter(|_| is_key)?;
    Some(DeviceKey(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_be_forgotten_is_known_after_a_restart_until_it_is() {
        let dir = std::env::temp_dir().join(format!("ntm-forgotten-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let keys = BTreeSet::from([DeviceKey([1; 16]), DeviceKey([0xfe; 16])]);
        let mut forgotten = Forgotten::read(&dir);
        forgotten.keep(&BTreeSet::new());
        assert!(!dir.join(FILE_NAME).exists(), "nothing to write");
        forgotten.keep(&keys);
        let mut again = Forgotten::read(&dir);
        assert!(again.devices().eq(keys.iter().copied()));
        again.keep(&BTreeSet::new());
        assert_eq!(Forgotten::read(&dir).devices().count(), 0);
        for odd in [
            "",
            "\u{fffd}\n",
            "+0000000000000000000000000000001\n",
            "12\n",
        ] {
            std::fs::write(dir.join(FILE_NAME), odd).unwrap();
            assert_eq!(Forgotten::read(&dir).devices().count(), 0, "{odd:?}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
