//! What the packages are made of: for each of them the licences of the crates that are linked into it, and a software bill of materials (CycloneDX).
//!
//! Everything comes from `cargo metadata`, Cargo.lock and the crates' own files, in an order of its own and without times, so that the same tree gives
//! the same bytes. Only what is linked counts: no development or build dependencies, for Linux.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::repo::Repo;

/// What is shipped, and the crate that it is made of.
const PACKAGES: [(&str, &str); 5] = [
    ("rust", "standfast-core"),
    ("c", "standfast-c"),
    ("python", "standfast-python"),
    ("node", "standfast-node"),
    ("lab", "standfast-lab"),
];

/// Write `target/supply/THIRD-PARTY-LICENSES-<package>.txt` and `target/supply/<package>.cdx.json`.
pub(crate) fn run(repo: &Repo) -> Result<ExitCode> {
    let folder = repo.output("supply")?;
    let graph = Graph::read(repo)?;
    for (package, root) in PACKAGES {
        let crates = graph.linked_into(root)?;
        fs::write(folder.join(format!("THIRD-PARTY-LICENSES-{package}.txt")), licences(&crates)?)?;
        let bill = serde_json::to_string_pretty(&bill(package, &crates))?;
        fs::write(folder.join(format!("{package}.cdx.json")), bill + "\n")?;
        println!("{package}: {} crates", crates.len());
    }
    println!("written to {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// A crate of somebody else.
#[derive(Debug, PartialEq)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    checksum: String,
    folder: std::path::PathBuf,
}

/// Who depends on whom.
struct Graph {
    packages: BTreeMap<String, Value>,
    nodes: BTreeMap<String, Vec<String>>,
    lock: String,
}

impl Graph {
    fn read(repo: &Repo) -> Result<Graph> {
        let words = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
        let output = repo.cargo(&words).output()?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata has another form");
        let mut graph = Graph {
            packages: BTreeMap::new(),
            nodes: BTreeMap::new(),
            lock: fs::read_to_string(repo.path("Cargo.lock"))?,
        };
        for package in metadata["packages"].as_array().context("no packages")? {
            graph.packages.insert(text(&package["id"])?, package.clone());
        }
        for node in metadata["resolve"]["nodes"].as_array().context("no nodes")? {
            let linked = |dep: &&Value| {
                dep["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
            };
            let deps = node["deps"].as_array().context("no deps")?.iter().filter(linked);
            graph.nodes.insert(text(&node["id"])?, deps.map(|dep| text(&dep["pkg"])).collect::<Result<_>>()?);
        }
        Ok(graph)
    }

    /// Everybody else's crates in it, by name.
    fn linked_into(&self, root: &str) -> Result<Vec<Crate>> {
        let start = self.packages.iter().find(|(_, package)| package["name"] == root).context("no such package")?.0;
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(&self.nodes[id]);
            }
        }
        let mut crates = Vec::new();
        for id in seen {
            let package = &self.packages[id];
            let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
            // Macros run when it is built; nothing of them is linked.
            let is_macro =
                package["targets"].as_array().is_some_and(|all| all.iter().any(|one| one["kind"][0] == "proc-macro"));
            if package["source"].is_null() || is_macro {
                continue;
            }
            let (name, version) = (field("name"), field("version"));
            let manifest = field("manifest_path");
            crates.push(Crate {
                checksum: self.checksum(&name, &version)?,
                licence: field("license").replace('/', " OR "),
                folder: Path::new(&manifest).parent().context("a manifest has a folder")?.to_owned(),
                name,
                version,
            });
        }
        crates.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        Ok(crates)
    }

    fn checksum(&self, name: &str, version: &str) -> Result<String> {
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        let package = self.lock.split("[[package]]\n").find(|package| package.starts_with(&entry));
        let sum = package.and_then(|package| package.split("checksum = \"").nth(1)?.split('"').next());
        Ok(sum.with_context(|| format!("{name} {version} is not in Cargo.lock"))?.to_owned())
    }
}

/// Every text once, with those that it is from.
fn licences(crates: &[Crate]) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut whole = String::from("Standfast contains the following software of others.\n\n");
    for one in crates {
        let Crate { name, version, licence, .. } = one;
        whole += &format!("{name} {version} ({licence})\n");
        for text in texts_of(&one.folder)? {
            texts.entry(text).or_default().push(format!("{name} {version}"));
        }
    }
    for (text, of) in texts {
        whole += &format!("\n{}\n{}\n\n{}\n", "=".repeat(80), of.join(", "), text.trim_end());
    }
    Ok(whole)
}

fn texts_of(folder: &Path) -> Result<Vec<String>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let is_licence = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        path.is_file() && ["LICEN", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|begin| name.starts_with(begin))
    };
    files.retain(|path| is_licence(path));
    files.iter().map(|path| Ok(String::from_utf8_lossy(&fs::read(path)?).replace("\r\n", "\n"))).collect()
}

fn bill(package: &str, crates: &[Crate]) -> Value {
    let purl = |one: &Crate| format!("pkg:cargo/{}@{}", one.name, one.version);
    let component = |one: &Crate| {
        json!({
            "type": "library",
            "bom-ref": purl(one),
            "name": one.name,
            "version": one.version,
            "purl": purl(one),
            "hashes": [{"alg": "SHA-256", "content": one.checksum}],
            "licenses": [{"expression": one.licence}],
        })
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "library",
            "bom-ref": "standfast",
            "name": format!("standfast ({package})"),
            "version": env!("CARGO_PKG_VERSION"),
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }},
        "components": crates.iter().map(component).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_names_all_that_is_linked_into_it_the_same_way_each_time() {
        let repo = Repo::find().unwrap();
        for (package, root) in PACKAGES {
            let crates = Graph::read(&repo).unwrap().linked_into(root).unwrap();
            let names: Vec<_> = crates.iter().map(|one| one.name.as_str()).collect();
            assert!(names.contains(&"tokio"), "{package}: {names:?}");
            assert!(!names.contains(&"proptest") && !names.contains(&"cbindgen"), "{package} does not link its tests");
            assert!(crates.iter().all(|one| one.checksum.len() == 64 && !one.licence.is_empty()), "{crates:?}");
            let text = licences(&crates).unwrap();
            let bare: Vec<_> =
                crates.iter().filter(|one| texts_of(&one.folder).unwrap().is_empty()).map(|one| &one.name).collect();
            assert!(bare.len() * 10 < crates.len(), "{package}: without a text of its own: {bare:?}");
            let again = Graph::read(&repo).unwrap().linked_into(root).unwrap();
            assert_eq!(text, licences(&again).unwrap());
            assert_eq!(bill(package, &crates).to_string(), bill(package, &again).to_string());
        }
    }
}
