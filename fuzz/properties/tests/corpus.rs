//! Every committed input, and every input that once found something, through its target's properties.

#![cfg(test)]

use ntm_fuzz::TARGETS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(kind: &str) -> BTreeSet<&'static str> {
    let (mut replayed, mut broken) = (BTreeSet::new(), Vec::new());
    for target in TARGETS {
        for file in inputs(&fuzz().join(kind).join(target.name)) {
            let input = std::fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| (target.check)(&input));
            if held.is_err() {
                broken.push(file);
            }
            replayed.insert(target.name);
        }
    }
    assert!(broken.is_empty(), "these do not hold: {broken:#?}");
    replayed
}

#[test]
fn every_target_holds_for_its_corpus() {
    let replayed = replay("corpus");
    for target in TARGETS {
        assert!(
            replayed.contains(target.name),
            "fuzz/corpus/{} is missing or empty",
            target.name
        );
    }
}

#[test]
fn what_was_mended_stays_mended() {
    replay("regressions");
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    for folder in inputs(&fuzz().join("regressions")) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            names.contains(&&*name),
            "regressions of a target that is not there: {name}"
        );
    }
}

#[test]
fn every_target_holds_for_its_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| (target.check)(seed));
    }
}

#[test]
fn every_module_is_a_libfuzzer_target_and_the_other_way_round() {
    let listed: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    let files = inputs(&fuzz().join("fuzz_targets"));
    let files = files
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(files.collect::<BTreeSet<_>>(), listed);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &listed {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\n")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}
