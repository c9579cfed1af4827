//! The list of points at which a fault can stall a process is what the processes say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scenarios::points::POINTS;

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_point_of_a_process_is_listed_and_every_listed_one_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate of the workspace");
    let mut named = BTreeSet::new();
    for process in ["node", "controller", "lb"] {
        let mut files = Vec::new();
        sources(&root.join(process).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            for call in text.split(".point(\"").skip(1) {
                let name = call.split('"').next().expect("a first part");
                named.insert((name.to_owned(), process.to_owned()));
            }
        }
    }
    let listed: BTreeSet<_> = POINTS
        .iter()
        .map(|(point, process, _)| ((*point).to_owned(), (*process).to_owned()))
        .collect();
    assert_eq!(listed, named);
}
