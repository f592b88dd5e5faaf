//! The configuration read once more while the gateway runs: what can be taken up, and what has to wait for the next start.

use crate::settings::Settings;
use anyhow::Result;
use ntm_gateway::config::Config;
use ntm_gateway::policy::Policy;
use std::path::PathBuf;

/// Where the configuration is, and what of it is in force.
pub(crate) struct Reload {
    pub(crate) dir: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) config: Config,
}

impl Reload {
    /// The policies of the file as it is now, and whether all else in it is as it was at the start.
    pub(crate) fn read(&mut self) -> Result<(Vec<Policy>, bool)> {
        let read = self.settings.read(&self.dir)?;
        self.config.policies.clone_from(&read.policies);
        let is_all = self.config == read;
        Ok((read.policies, is_all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_gateway::config::{EXAMPLE, FILE_NAME};

    #[test]
    fn policies_are_taken_up_and_other_changes_are_told_from_them() {
        let dir = std::env::temp_dir().join(format!("ntm-reload-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let write = |more: &str| std::fs::write(dir.join(FILE_NAME), more).unwrap();
        write(EXAMPLE);
        let settings = Settings::default();
        let config = settings.read(&dir).unwrap();
        let mut reload = Reload {
            dir: dir.clone(),
            settings,
            config,
        };
        assert_eq!(reload.read().unwrap(), (Vec::new(), true));
        let denies = format!("{EXAMPLE}[[policy]]\naction = \"deny\"\n");
        write(&denies);
        let (policies, is_all) = reload.read().unwrap();
        assert!(policies.len() == 1 && is_all);
        write(&denies.replace("masquerade = false", "masquerade = true"));
        let (policies, is_all) = reload.read().unwrap();
        assert!(policies.len() == 1 && !is_all);
        write(&denies.replace("deny", "drop"));
        assert!(reload.read().is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
