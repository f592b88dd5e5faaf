//! A file on its way to a browser: read by a thread of its own, a piece at a time, as fast as the browser takes it.

use super::live::Live;
use axum::body::Bytes;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use tokio::sync::mpsc;

/// Read at a time.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the browser.
const WAITING: usize = 2;

/// The file's length and content. Its name is gone from here on, so that nothing is left over whatever happens.
pub(super) fn open(path: &Path) -> io::Result<(u64, Live)> {
    let file = File::open(path)?;
    fs::remove_file(path)?;
    let length = file.metadata()?.len();
    let (pieces, content) = mpsc::channel(WAITING);
    thread::Builder::new()
        .name("download".into())
        .spawn(move || read(file, length, &pieces))?;
    Ok((length, Live(content)))
}

/// A file that breaks off ends the connection, and the browser sees that something is missing.
fn read(mut file: File, length: u64, pieces: &mpsc::Sender<Bytes>) {
    let mut left = length;
    while left > 0 {
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        if file.read_exact(&mut piece).is_err() {
            return;
        }
        left -= piece.len() as u64;
        if pieces.blocking_send(piece.into()).is_err() {
            return;
        }
    }
}
