//! Everything somebody who helps may want to see, in one file, and nothing that must not be seen: no key, no password,
//! no code. What is put in is named here one by one; the directory with the secrets is not read, but for what the node is
//! called and where its coordinator is.

use crate::configure::Configure;
use crate::log;
use ntm_enrolment::state;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// The most of one program's words, in bytes.
const LONGEST: usize = 48 << 10;

/// What belongs to us in the kernel, and the programs that show it. Not all routers have them.
const SHOWN: [(&str, &[&str]); 5] = [
    ("nft", &["list", "table", "inet", "ntm"]),
    ("ip", &["rule", "show"]),
    ("ip", &["route", "show", "table", "all"]),
    ("ip", &["-6", "rule", "show"]),
    ("ip", &["address", "show"]),
];

/// The bundle; `live` is what the gateway says of itself.
pub(crate) fn bundle(dir: &Path, configure: &Configure, live: Value) -> Value {
    let text = configure.export().map(|mut file| file["text"].take());
    let kernel = std::fs::read_to_string("/proc/version").unwrap_or_default();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let node = state::load(dir).ok().map(|node| {
        let addresses = node.dc_addresses.iter().map(ToString::to_string);
        json!({
            "name": node.name.to_string(),
            "domain": node.domain.to_string(),
            "coordinator": addresses.collect::<Vec<_>>(),
            "virtual4": node.prefixes.v4.to_string(),
            "virtual6": node.prefixes.v6.to_string(),
        })
    });
    let kernel_of_ours: Vec<Value> = SHOWN
        .iter()
        .map(|(program, words)| shown(program, words))
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": kernel.trim(),
        "system": system.lines().take(20).collect::<Vec<_>>(),
        "node": node,
        "configuration": text.unwrap_or_else(Value::String),
        "gateway": live,
        "log": log::last(),
        "kernel_state": kernel_of_ours,
    })
}

fn shown(program: &str, words: &[&str]) -> Value {
    let ran = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output();
    let lines = match &ran {
        Ok(output) => {
            let all = if output.status.success() {
                &output.stdout
            } else {
                &output.stderr
            };
            let text = String::from_utf8_lossy(&all[..all.len().min(LONGEST)]).into_owned();
            text.lines().map(str::to_owned).collect()
        }
        Err(error) => vec![format!("{error}")],
    };
    json!({"command": format!("{program} {}", words.join(" ")), "lines": lines})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password;
    use crate::settings::Settings;
    use ntm_gateway::config::{EXAMPLE, FILE_NAME};

    #[test]
    fn no_secret_is_in_it() {
        let dir = std::env::temp_dir().join(format!("ntm-diagnose-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(FILE_NAME), EXAMPLE).unwrap();
        std::fs::write(dir.join(state::KEY_FILE), "the-secret-key\n").unwrap();
        password::keep(&dir, "$argon2id$v=19$secret-of-the-page").unwrap();
        // Whatever else somebody may have put beside them.
        std::fs::write(dir.join("other.key"), "secret-beside").unwrap();
        let configure = Configure::new(&dir, &Settings::default());
        let text = bundle(&dir, &configure, json!({"status": "live"})).to_string();
        assert!(!text.contains("argon2id") && !text.contains("secret"));
        assert!(
            text.contains("live") && text.contains("br-lan") && text.contains("nft list table")
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
