//! Listing in key order: a directory is read and sorted as a whole, files are looked at as the caller gets
//! to them, and directories that lie before the offset are not entered.

use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::vec::IntoIter;

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::staging::STAGING;
use super::{Root, file_error, read, run};

/// Objects that one hop to the blocking pool looks at.
const BATCH: usize = 1000;

/// All objects below `prefix` whose key is greater than `after`.
pub(super) fn stream(
    root: Arc<Root>,
    prefix: Option<&Path>,
    after: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let walk = Walk::begin(prefix, after);
    futures::stream::try_unfold((root, Some(walk)), |(root, walk)| async move {
        let Some(mut walk) = walk else { return Ok(None) };
        let disk = Arc::clone(&root.disk);
        let look = async move {
            let batch: Vec<_> = std::iter::from_fn(|| walk.next(&root)).take(BATCH).collect();
            Ok((root, walk, batch))
        };
        let (root, walk, batch) = run(&*disk, look).await?;
        let walk = (batch.len() == BATCH).then_some(walk);
        Ok::<_, object_store::Error>(Some((batch, (root, walk))))
    })
    .flat_map(|batch| {
        futures::stream::iter(match batch {
            Ok(batch) => batch,
            Err(error) => vec![Err(error)],
        })
    })
    .boxed()
}

/// The objects directly below `prefix`, and the folders that have objects in them.
pub(super) fn one_level(root: &Root, prefix: Option<&Path>) -> Result<ListResult> {
    let at = start(prefix);
    let mut listed = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
    for name in names(&root.path, &at, None)? {
        let Ok(key) = Path::parse(format!("{at}{name}")) else { continue };
        if !name.ends_with('/') {
            listed.objects.extend(look(root, key)?);
        } else if Walk::begin(Some(&key), None).next(root).transpose()?.is_some() {
            listed.common_prefixes.push(key);
        }
    }
    Ok(listed)
}

/// A depth-first walk: for each directory on the way, its prefix and the names not yet visited.
struct Walk {
    after: Option<String>,
    enter: Option<String>,
    levels: Vec<(String, IntoIter<String>)>,
}

impl Walk {
    fn begin(prefix: Option<&Path>, after: Option<&Path>) -> Self {
        Self { after: after.map(Path::to_string), enter: Some(start(prefix)), levels: Vec::new() }
    }

    fn next(&mut self, root: &Root) -> Option<Result<ObjectMeta>> {
        loop {
            if let Some(at) = self.enter.take() {
                match names(&root.path, &at, self.after.as_deref()) {
                    Ok(names) => self.levels.push((at, names.into_iter())),
                    Err(error) => return Some(Err(error)),
                }
            }
            let (at, names) = self.levels.last_mut()?;
            match names.next() {
                None => drop(self.levels.pop()),
                Some(name) if name.ends_with('/') => self.enter = Some(format!("{at}{name}")),
                Some(name) => {
                    let Ok(key) = Path::parse(format!("{at}{name}")) else { continue };
                    match look(root, key) {
                        Ok(None) => {}
                        Ok(Some(found)) => return Some(Ok(found)),
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
    }
}

fn start(prefix: Option<&Path>) -> String {
    match prefix {
        Some(prefix) if !prefix.is_root() => format!("{prefix}/"),
        _ => String::new(),
    }
}

/// What a directory holds, folders with a slash at the end, in the order of the keys below them.
fn names(root: &FilePath, at: &str, after: Option<&str>) -> Result<Vec<String>> {
    let directory = root.join(at);
    let entries = match fs::read_dir(&directory) {
        Err(error) if read::is_absent(&error) => return Ok(Vec::new()),
        entries => entries.map_err(file_error)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(file_error)?;
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        if at.is_empty() && name == STAGING {
            continue;
        }
        let kind = entry.file_type().map_err(file_error)?;
        if kind.is_dir() || (kind.is_symlink() && directory.join(&name).is_dir()) {
            name.push('/');
        }
        if after.is_none_or(|after| reaches_past(at, &name, after)) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether `at` + `name`, or something below it, is greater than `after`.
fn reaches_past(at: &str, name: &str, after: &str) -> bool {
    let key = || at.bytes().chain(name.bytes());
    key().gt(after.bytes()) || (name.ends_with('/') && after.bytes().take(at.len() + name.len()).eq(key()))
}

/// Looks at one object; it may be gone by now.
fn look(root: &Root, key: Path) -> Result<Option<ObjectMeta>> {
    match fs::metadata(root.path.join(key.as_ref())) {
        Ok(found) if found.is_dir() => Ok(None),
        Ok(found) => Ok(Some(read::describe(key, &found))),
        Err(error) if read::is_absent(&error) => Ok(None),
        Err(error) => Err(file_error(error)),
    }
}
