//! The configuration read once more while the gateway runs: what can be taken up, and what has to wait for the next start.

use crate::settings::Settings;
use anyhow::Result;
use ntm_gateway::config::Config;
use std::path::PathBuf;

/// Where the configuration is, and what of it is in force.
pub(crate) struct Reload {
    pub(crate) dir: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) config: Config,
}

impl Reload {
    /// Takes over the policies, devices and limits of the file as it is now. What held so far, and whether all else in the file is as
    /// it was at the start.
    pub(crate) fn read(&mut self) -> Result<(Config, bool)> {
        let read = self.settings.read(&self.dir)?;
        let before = self.config.clone();
        self.config.policies.clone_from(&read.policies);
        self.config.lan.devices.clone_from(&read.lan.devices);
        self.config.wan.limit_mb.clone_from(&read.wan.limit_mb);
        let is_all = self.config == read;
        Ok((before, is_all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_gateway::config::{EXAMPLE, FILE_NAME};

    #[test]
    fn policies_devices_and_limits_are_taken_up_and_other_changes_are_told_from_them() {
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
        assert!(reload.read().unwrap().1);
        let denies = format!("{EXAMPLE}[[policy]]\naction = \"deny\"\n");
        write(&denies);
        let (before, is_all) = reload.read().unwrap();
        assert!(before.policies.is_empty() && reload.config.policies.len() == 1 && is_all);
        let device = "[[lan.static]]\nmac = \"02:00:00:00:00:01\"\nname = \"tv\"\n";
        let named = denies.replace("[wan]", &format!("{device}[wan]"));
        write(&named);
        let (before, is_all) = reload.read().unwrap();
        assert!(before.lan.devices.is_empty() && reload.config.lan.devices.len() == 1 && is_all);
        write(&denies.replace("# limit_mb", "limit_mb"));
        let (before, is_all) = reload.read().unwrap();
        assert!(before.wan.limit_mb.is_empty() && is_all);
        assert_eq!(reload.config.wan.limit_mb["wwan0"], 10_000);
        write(&denies.replace("masquerade = false", "masquerade = true"));
        let (_, is_all) = reload.read().unwrap();
        assert!(reload.config.policies.len() == 1 && !is_all);
        write(&denies.replace("deny", "drop"));
        assert!(reload.read().is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
