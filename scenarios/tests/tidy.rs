//! The rules of this repository that no lint knows: which crate may use which, how files begin,
//! how long they get, and that none lies about unused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may use of the others (DESIGN section 3): dependencies run one way.
const LAYERS: [(&str, &[&str]); 7] = [
    ("host", &[]),
    ("sim", &["host"]),
    ("node", &["host"]),
    ("controller", &["host", "node"]),
    ("lb", &["host", "node"]),
    ("reports", &["host", "sim"]),
    ("scenarios", &["host", "sim", "node", "controller", "lb", "reports"]),
];

/// A file that gets longer is split along a seam that means something.
const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate of the workspace").to_owned()
}

/// Every Rust file of every crate, with its content.
fn sources() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for (name, _) in LAYERS {
        collect(&root().join(name), &mut found);
    }
    found
}

fn collect(dir: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

#[test]
fn dependencies_run_one_way() {
    for (name, allowed) in LAYERS {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let used = manifest["dependencies"].as_table().unwrap().keys();
        for used in used.filter(|used| LAYERS.iter().any(|(layer, _)| layer == used)) {
            assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_is_of_readable_length() {
    for (path, text) in sources() {
        let path = path.display();
        assert!(text.starts_with("//!"), "{path} does not begin with what it is");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{path} has {lines} lines; split it");
    }
}

#[test]
fn every_file_is_used() {
    let all = sources();
    let roots = ["lib", "main", "mod"];
    for path in all.keys().filter(|path| path.components().any(|part| part.as_os_str() == "src")) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let named = [format!("mod {stem};"), format!("\"{stem}.rs\"")];
        let used = all.values().any(|text| named.iter().any(|name| text.contains(name.as_str())));
        assert!(used || roots.contains(&stem), "{} is in no module", path.display());
    }
}
