//! Stored objects that are damaged, and restored later, as from a backup.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tiering::store::MemoryStore;

use super::store::{bit_of, flip};

/// An object of which one bit is another one.
#[derive(Debug)]
pub struct Damage {
    key: Path,
    bit: u64,
}

impl Damage {
    /// Damages an object, in the last `within` bytes; `None` if there is no such object, or nothing in it.
    pub async fn to(objects: &MemoryStore, key: &Path, within: u64, rng: &mut StdRng) -> Option<Self> {
        let which: u32 = rng.random();
        let length = objects.head(key).await.ok()?.size;
        let within = within.min(length);
        if within == 0 {
            return None;
        }
        let bit = (length - within) * 8 + bit_of(within, which);
        let damage = Self { key: key.clone(), bit };
        damage.turn(objects).await?;
        Some(damage)
    }

    /// Damages any object.
    pub async fn anywhere(objects: &MemoryStore, rng: &mut StdRng) -> Option<Self> {
        let prefix = *["wal", "wal", "meta"].choose(rng)?;
        let listed: Vec<_> = objects.list(Some(&Path::from(prefix))).try_collect().await.ok()?;
        let key = listed.choose(rng)?.location.clone();
        Self::to(objects, &key, u64::MAX, rng).await
    }

    /// The object.
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// Restores it, if it has not been deleted meanwhile. Other damage to it remains.
    pub async fn undo(self, objects: &MemoryStore) {
        // A store in memory takes everything.
        self.turn(objects).await;
    }

    async fn turn(&self, objects: &MemoryStore) -> Option<()> {
        let bytes = objects.get(&self.key).await.ok()?.bytes().await.ok()?;
        objects.put(&self.key, flip(&bytes, self.bit).into()).await.ok().map(drop)
    }
}
