//! Packs the files that browsers get, so that no router has to: each with gzip, and its ETag.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A name, and the files it is made of: those of the gateway, and those that only the operator's pages have.
type Asset = (&'static str, &'static [&'static str]);
const ASSETS: [Asset; 4] = [
    ("style.css", &["style.css"]),
    ("live.js", &["live.js"]),
    ("icon.svg", &["icon.svg"]),
    ("openapi.json", &["openapi.json"]),
];
const OPERATORS: [Asset; 2] = [
    ("operator.css", &["style.css", "operator.css"]),
    ("operator.json", &["operator.json"]),
];

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets it");
    // Two tables: what a program does not name is not in it.
    pack(&out, "assets.rs", &ASSETS);
    pack(&out, "operator.rs", &OPERATORS);
}

fn pack(out: &str, table_name: &str, assets: &[Asset]) {
    let mut table = String::new();
    for (name, files) in assets {
        let mut plain = Vec::new();
        for file in *files {
            let from = Path::new("assets").join(file);
            println!("cargo::rerun-if-changed={}", from.display());
            plain.extend(fs::read(&from).expect("it is beside us"));
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&plain).expect("memory takes it");
        let packed = packer.finish().expect("memory takes it");
        fs::write(Path::new(out).join(format!("{name}.gz")), &packed).expect("OUT_DIR is ours");
        table += &format!(
            "(\"\\\"{:016x}\\\"\", include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))),\n",
            fingerprint(&plain)
        );
    }
    let table = format!("[\n{table}]\n");
    fs::write(Path::new(out).join(table_name), table).expect("OUT_DIR is ours");
}

/// FNV-1a: it need not stand against malice, the files are ours.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
