//! Stored objects that are damaged, and restored later, as from a backup.

use std::fmt;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tiering::format::slot::{HEADER, Header};
use tiering::store::MemoryStore;

use super::Ledger;
use super::store::{bit_of, flip};

/// How often an object that is damaged can't be read at all, in hundredths.
const UNREADABLE: u32 = 30;

/// An object that is not what was written.
#[derive(Debug)]
pub struct Damage {
    key: Path,
    harm: Harm,
}

#[derive(Debug)]
enum Harm {
    /// A bit is another one.
    Bit(u64),
    /// It is there, and no read of it succeeds.
    Unreadable,
}

impl Damage {
    /// Damages an object; `None` if there is no such object, or nothing in it, or if it is a damaged seal. A bit is one of
    /// the last `within` bytes.
    pub async fn to(
        objects: &MemoryStore,
        ledger: &Ledger,
        key: &Path,
        within: u64,
        rng: &mut StdRng,
    ) -> Option<Self> {
        let which: u32 = rng.random();
        let length = objects.head(key).await.ok()?.size;
        let within = within.min(length);
        if within == 0 {
            return None;
        }
        let harm = match rng.random_ratio(UNREADABLE, 100) {
            true => Harm::Unreadable,
            false => Harm::Bit((length - within) * 8 + bit_of(within, which)),
        };
        // A seal is known with one damaged byte, and not with two.
        if matches!(harm, Harm::Bit(_)) && length == HEADER as u64 {
            let bytes = objects.get(key).await.ok()?.bytes().await.ok()?;
            Header::decode(&bytes).ok()?;
        }
        let damage = Self { key: key.clone(), harm };
        match damage.harm {
            Harm::Bit(bit) => damage.turn(objects, bit).await?,
            Harm::Unreadable => ledger.hide(key),
        }
        Some(damage)
    }

    /// Damages any object.
    pub async fn anywhere(objects: &MemoryStore, ledger: &Ledger, rng: &mut StdRng) -> Option<Self> {
        let prefix = *["wal", "wal", "meta"].choose(rng)?;
        let listed: Vec<_> = objects.list(Some(&Path::from(prefix))).try_collect().await.ok()?;
        let key = listed.choose(rng)?.location.clone();
        Self::to(objects, ledger, &key, u64::MAX, rng).await
    }

    /// Restores it, if it has not been deleted meanwhile. Other damage to it remains.
    pub async fn undo(self, objects: &MemoryStore, ledger: &Ledger) {
        match self.harm {
            // A store in memory takes everything.
            Harm::Bit(bit) => drop(self.turn(objects, bit).await),
            Harm::Unreadable => ledger.show(&self.key),
        }
    }

    async fn turn(&self, objects: &MemoryStore, bit: u64) -> Option<()> {
        let bytes = objects.get(&self.key).await.ok()?.bytes().await.ok()?;
        objects.put(&self.key, flip(&bytes, bit).into()).await.ok().map(drop)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.harm {
            Harm::Bit(bit) => write!(f, "{} is damaged at bit {bit}", self.key),
            Harm::Unreadable => write!(f, "{} can't be read", self.key),
        }
    }
}
