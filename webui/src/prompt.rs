//! Asks at a terminal for a new password, as `ntm-gateway password` and `ntm-dc password` do.

use std::io::{self, BufRead, IsTerminal, Read, Write};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1024;

/// What was typed twice, unseen; or the first line of standard input where that is no terminal.
pub fn new_password() -> io::Result<String> {
    if !io::stdin().is_terminal() {
        return line("");
    }
    let _silent = Silent::begin()?;
    let new = line("New password: ")?;
    if line("The same again: ")? != new {
        return Err(io::Error::other(
            "the two are not the same; nothing has changed",
        ));
    }
    Ok(new)
}

fn line(prompt: &str) -> io::Result<String> {
    say(prompt)?;
    let mut text = String::new();
    let mut input = io::stdin().lock().take(MAX_LINE);
    input.read_line(&mut text)?;
    if !prompt.is_empty() {
        say("\n")?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A terminal that does not show what is typed, as long as this lives.
struct Silent(libc::termios);

impl Silent {
    #[expect(unsafe_code, reason = "no safe wrapper for terminals")]
    fn begin() -> io::Result<Self> {
        // SAFETY: all zeros is a `termios`, and the kernel overwrites it.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one `termios`, which outlives the call.
        if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut silent = before;
        silent.c_lflag &= !libc::ECHO;
        // SAFETY: the kernel reads one `termios`, which outlives the call.
        if unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const silent) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(before))
    }
}

impl Drop for Silent {
    #[expect(unsafe_code, reason = "no safe wrapper for terminals")]
    fn drop(&mut self) {
        // SAFETY: the kernel reads one `termios`, which outlives the call.
        unsafe {
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const self.0);
        }
    }
}
