//! A sorted map whose copies share what they have in common, as a checkpoint's copy of a group does, or the states of
//! the cluster before and after an entry: a change to one copies a leaf, not the map.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

/// How many entries a leaf has at most.
const MOST: usize = 64;

type Leaf<K, V> = Vec<(K, Arc<V>)>;

/// Entries by key. A copy costs a pointer for every 32 to 64 of them.
pub struct Map<K, V> {
    /// In the order of their keys. None is empty.
    leaves: Vec<Arc<Leaf<K, V>>>,
    len: usize,
}

impl<K: Ord + Clone, V> Map<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The entry of a key.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (leaf, place) = self.find(key);
        let (key, value) = self.leaves.get(leaf)?.get(place.ok()?)?;
        Some((key, value))
    }

    /// Whether there is an entry of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Puts an entry in the place of the one with its key, if there is one.
    pub fn insert(&mut self, key: K, value: V) {
        let value = Arc::new(value);
        let (at, place) = self.find(&key);
        let Some(leaf) = self.leaves.get_mut(at) else {
            self.leaves.push(Arc::new(vec![(key, value)]));
            self.len = 1;
            return;
        };
        let leaf = own(leaf);
        match place {
            Ok(place) => leaf[place].1 = value,
            Err(place) => {
                leaf.insert(place, (key, value));
                self.len += 1;
                if leaf.len() > MOST {
                    let upper = leaf.split_off(MOST / 2);
                    self.leaves.insert(at + 1, Arc::new(upper));
                }
            }
        }
    }

    /// Removes the entry of a key, if there is one.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let (at, Ok(place)) = self.find(key) else { return };
        let leaf = own(&mut self.leaves[at]);
        leaf.remove(place);
        self.len -= 1;
        let left = leaf.len();
        if left == 0 {
            self.leaves.remove(at);
            return;
        }
        // With a neighbour, if both are small: the one behind it, or the one before.
        let small = |first: usize| {
            Some(self.leaves.get(first)?.len() + self.leaves.get(first + 1)?.len() <= MOST / 2)
        };
        let first =
            [Some(at), at.checked_sub(1)].into_iter().flatten().find(|first| small(*first) == Some(true));
        if let Some(first) = first {
            let next = self.leaves.remove(first + 1);
            own(&mut self.leaves[first]).extend(next.iter().cloned());
        }
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All entries, by key.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { leaves: &self.leaves, leaf: &[] }
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The entries from a key on.
    pub fn from<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let (at, Ok(place) | Err(place)) = self.find(key);
        let (leaf, leaves) = match self.leaves.get(at..) {
            Some([leaf, leaves @ ..]) => (&leaf[place..], leaves),
            _ => (&[][..], &[][..]),
        };
        Iter { leaves, leaf }
    }

    /// The keys that `later` lacks: of a copy that has been changed, found by the leaves that the two do not share.
    pub fn missing_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'a K> {
        let shared: BTreeSet<_> = later.leaves.iter().map(Arc::as_ptr).collect();
        let own = self.leaves.iter().filter(move |leaf| !shared.contains(&Arc::as_ptr(leaf)));
        own.flat_map(|leaf| leaf.iter().map(|(key, _)| key)).filter(|key| {
            #[cfg(test)]
            crate::steps::count(1);
            !later.contains_key(*key)
        })
    }

    /// The leaf that a key belongs to, and its place there: the last leaf that begins at the key or before it.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let after = self.leaves.partition_point(|leaf| leaf.first().is_some_and(|(k, _)| k.borrow() <= key));
        let at = after.saturating_sub(1);
        let place =
            self.leaves.get(at).map_or(Err(0), |leaf| leaf.binary_search_by(|(k, _)| k.borrow().cmp(key)));
        (at, place)
    }
}

/// The leaf, copied first if a copy of the map has it too.
fn own<K: Clone, V>(leaf: &mut Arc<Leaf<K, V>>) -> &mut Leaf<K, V> {
    #[cfg(test)]
    if Arc::strong_count(leaf) > 1 {
        crate::steps::count(leaf.len());
    }
    Arc::make_mut(leaf)
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        #[cfg(test)]
        crate::steps::count(self.leaves.len());
        Self { leaves: self.leaves.clone(), len: self.len }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { leaves: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Eq> Eq for Map<K, V> {}

impl<K: Ord + Clone + fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord + Clone, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        entries.into_iter().for_each(|(key, value)| map.insert(key, value));
        map
    }
}

/// Panics if there is no entry of this key.
impl<Q: Ord + ?Sized, K: Ord + Clone + Borrow<Q>, V> Index<&Q> for Map<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("an entry of this key")
    }
}

impl<'a, K: Ord + Clone, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

/// Entries by key.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    leaves: &'a [Arc<Leaf<K, V>>],
    leaf: &'a [(K, Arc<V>)],
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        while self.leaf.is_empty() {
            let (leaf, leaves) = self.leaves.split_first()?;
            (self.leaf, self.leaves) = (leaf, leaves);
        }
        let ((key, value), rest) = self.leaf.split_first()?;
        self.leaf = rest;
        #[cfg(test)]
        crate::steps::count(1);
        Some((key, value))
    }
}

#[cfg(test)]
#[path = "map_test.rs"]
mod tests;
