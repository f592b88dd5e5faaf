//! Where a daemon's control socket is: it and its command line know only the state directory, and find it alike.

use std::path::{Path, PathBuf};

/// The socket's name.
const FILE_NAME: &str = "ctl.sock";
/// Where systems keep what programs keep.
const STATE: &str = "/etc";
/// Where they have directories in memory, gone at the next boot.
const MEMORY: &str = "/var/run";

/// The socket of the daemon in `dir`: for /etc/NAME in /var/run/NAME/ctl, if the system has made that, else in `dir`.
///
/// On a router `dir` is on flash, and each start of the daemon, also of one that fails every second, would write there.
pub fn control_socket(dir: &Path) -> PathBuf {
    among(dir, Path::new(STATE), Path::new(MEMORY))
}

fn among(dir: &Path, state: &Path, memory: &Path) -> PathBuf {
    let name = dir.file_name().filter(|_| dir.parent() == Some(state));
    let in_memory = name.map(|name| memory.join(name).join("ctl"));
    match in_memory.filter(|place| place.is_dir()) {
        Some(place) => place.join(FILE_NAME),
        None => dir.join(FILE_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_socket_is_in_memory_where_there_is_a_place_for_it() {
        let root = std::env::temp_dir().join(format!("ntm-place-{}", std::process::id()));
        let (state, memory) = (root.join("etc"), root.join("run"));
        let found = |dir: &Path| among(dir, &state, &memory);
        let (dir, beside) = (state.join("ntm"), state.join("ntm/ctl.sock"));
        assert_eq!(found(&dir), beside);
        fs::create_dir_all(memory.join("ntm")).unwrap();
        assert_eq!(found(&dir), beside, "made for something else");
        fs::write(memory.join("ntm/ctl"), "").unwrap();
        assert_eq!(found(&dir), beside, "no directory");
        fs::remove_file(memory.join("ntm/ctl")).unwrap();
        fs::create_dir(memory.join("ntm/ctl")).unwrap();
        let in_memory = memory.join("ntm/ctl/ctl.sock");
        assert_eq!(found(&dir), in_memory);
        assert_eq!(found(&state.join("ntm/")), in_memory);
        for other in [root.join("ntm"), state.join("b/ntm"), "ntm".into()] {
            assert_eq!(found(&other), other.join("ctl.sock"), "another one");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
