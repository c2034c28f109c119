//! `docs/architecture.md` holds where a machine can tell: its paths exist, and it has every invariant that the code
//! cites.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn page() -> String {
    fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).expect("the page is readable")
}

/// What the page names of the tree: `paths` between backticks, and links, which are relative to its folder.
fn paths(page: &str) -> Vec<PathBuf> {
    let is_path = |span: &&str| {
        let of_path = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        span.contains('/') && span.chars().all(of_path)
    };
    let spans = page.split('`').skip(1).step_by(2).filter(is_path).map(PathBuf::from);
    let links = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
    spans.chain(links.map(|link| Path::new("docs").join(link))).collect()
}

/// The invariants that a text cites: I and a number, as a word of its own.
fn cited(text: &str) -> impl Iterator<Item = &str> {
    let is_citation = |word: &&str| {
        let number = word.strip_prefix('I').unwrap_or_default();
        (1..=2).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit())
    };
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(is_citation)
}

/// Every Rust file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn paths_exist() {
    let paths = paths(&page());
    assert!(paths.len() > 20, "the page names its files: {paths:?}");
    let missing: Vec<_> = paths.into_iter().filter(|path| !Path::new(ROOT).join(path).exists()).collect();
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:?}");
}

#[test]
fn invariants_that_are_cited_are_there() {
    let page = page();
    let mut files = Vec::new();
    sources(Path::new(ROOT), &mut files);
    let mut citations = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("the source is readable");
        citations.extend(cited(&text).map(|invariant| (invariant.to_owned(), file.clone())));
    }
    assert!(citations.len() > 5, "the code cites invariants: {citations:?}");
    citations.retain(|invariant, _| !page.contains(&format!("- **{invariant}** ")));
    assert!(citations.is_empty(), "docs/architecture.md lacks {citations:?}");
}
