//! Which topics are left in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::Uuid;
use tokio::time::sleep;

use super::super::{Client, Topic};
use super::Shared;
use super::atlas::Atlas;

/// How long after the last change every node knows of it: nodes look once a second.
const SETTLED: Duration = Duration::from_secs(3);

/// A topic that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// As events name it.
    pub topic: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// As clients use it.
    pub named: Topic,
}

/// The topics that are there, of all that any client created, and those that are not, as events name them. To
/// be asked once nothing goes wrong any more.
pub async fn survey(client: &mut Client, yard: &Shared) -> (Vec<Survivor>, Vec<Arc<str>>) {
    sleep(SETTLED).await;
    let names = yard.lock().names();
    let mut atlas = Atlas::default();
    let mut found = BTreeMap::new();
    while found.len() < names.len() {
        let missing: Vec<_> = names.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
        match atlas.ask(client, yard, &missing, false).await {
            Ok(told) => found.extend(told),
            Err(_) => client.pause(50..500).await,
        }
    }
    let survivors: Vec<_> = found
        .into_iter()
        .filter_map(|(name, told)| {
            let told = told?;
            let named = Topic { name, partitions: told.partitions, keeps: -1 };
            Some(Survivor { topic: told.topic, id: told.id, named })
        })
        .collect();
    let is_left = |topic: &Arc<str>| survivors.iter().any(|survivor| survivor.topic == *topic);
    let gone = yard.lock().lots.keys().filter(|topic| !is_left(topic)).cloned().collect();
    (survivors, gone)
}
