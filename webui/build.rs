//! Packs the files that browsers get, so that no router has to: each with gzip, and its ETag.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

const ASSETS: [&str; 4] = ["style.css", "live.js", "icon.svg", "openapi.json"];

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let mut table = String::new();
    for name in ASSETS {
        let from = Path::new("assets").join(name);
        println!("cargo::rerun-if-changed={}", from.display());
        let plain = fs::read(&from).expect("it is beside us");
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&plain).expect("memory takes it");
        let packed = packer.finish().expect("memory takes it");
        fs::write(Path::new(&out).join(format!("{name}.gz")), &packed).expect("OUT_DIR is ours");
        table += &format!(
            "(\"\\\"{:016x}\\\"\", include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))),\n",
            fingerprint(&plain)
        );
    }
    let table = format!("[\n{table}]\n");
    fs::write(Path::new(&out).join("assets.rs"), table).expect("OUT_DIR is ours");
}

/// FNV-1a: it need not stand against malice, the files are ours.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
