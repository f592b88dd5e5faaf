//! Small files of ours in the state directory, as they are read at the start.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use tracing::warn;

/// Most bytes that are read; all that we write are far shorter.
const MOST: u64 = 128 << 10;

/// What the file says; nothing if there is none. If it cannot be read, `then` says what comes of that.
pub(crate) fn read(file: &Path, then: &str) -> String {
    let mut text = String::new();
    let opened = File::open(file).and_then(|file| file.take(MOST).read_to_string(&mut text));
    match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => warn!("cannot read {}: {error}; {then}", file.display()),
        Ok(_) => return text,
    }
    String::new()
}
