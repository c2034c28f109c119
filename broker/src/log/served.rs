//! What the session serves of each shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::ShardId;
use parking_lot::RwLock;

/// By shard, something that has a lock of its own, which is locked before the open slot and never after.
///
/// What is here comes and goes while the open slot is locked. So who has locked both, and finds it here, may write what
/// it decided.
pub(super) struct Served<T>(RwLock<BTreeMap<ShardId, Arc<T>>>);

impl<T> Served<T> {
    pub(super) fn get(&self, shard: ShardId) -> Option<Arc<T>> {
        self.0.read().get(&shard).cloned()
    }

    pub(super) fn contains(&self, shard: ShardId) -> bool {
        self.0.read().contains_key(&shard)
    }

    /// Whether this is what is served of a shard, and nothing that came after it.
    pub(super) fn is(&self, shard: ShardId, served: &Arc<T>) -> bool {
        self.0.read().get(&shard).is_some_and(|found| Arc::ptr_eq(found, served))
    }

    pub(super) fn insert(&self, shard: ShardId, served: Arc<T>) {
        self.0.write().insert(shard, served);
    }

    pub(super) fn remove(&self, shard: ShardId) -> Option<Arc<T>> {
        self.0.write().remove(&shard)
    }

    /// Removes those of some shards, which is better dropped once nothing is locked any more.
    pub(super) fn take(&self, gone: impl Fn(ShardId) -> bool) -> Vec<Arc<T>> {
        let mut all = self.0.write();
        let gone: Vec<_> = all.keys().copied().filter(|shard| gone(*shard)).collect();
        gone.iter().filter_map(|shard| all.remove(shard)).collect()
    }

    pub(super) fn shards(&self) -> Vec<ShardId> {
        self.0.read().keys().copied().collect()
    }
}

impl<T> Default for Served<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}
