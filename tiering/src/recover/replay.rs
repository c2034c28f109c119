//! Replaying one shard along its holdings.

use std::sync::Arc;

use coordinator::ShardId;
use coordinator::cluster::{Cluster, Grant, HoldingEnd};

use super::source::Sources;
use super::{RecoverError, Recovered};
use crate::format::checkpoint::OwnedPartition;
use crate::format::index::Position;
use crate::format::slot::Record;
use crate::format::{group, keys, share};
use crate::mutant::{self, Mutant};

/// The state of a shard that was held so, from what has been loaded for it.
pub(super) fn shard(
    sources: &mut Sources<'_>,
    shard: ShardId,
    earlier: &[Grant],
) -> Result<Recovered, Arc<RecoverError>> {
    let is_base = |grant: &Grant| match grant.end {
        Some(HoldingEnd::Released(_)) => true,
        _ => sources.of(grant.session).is_some_and(|source| source.holds(shard, grant)),
    };
    let base = earlier.iter().rposition(is_base);
    if base.is_none()
        && let Some(first) = earlier.first().filter(|first| forgotten_before(sources.cluster, first))
    {
        // The checkpoint that has it can't be read, or it does not have what it says.
        let damaged = sources.of(first.session).and_then(|source| source.damaged.first());
        return Err(damaged.cloned().unwrap_or_else(|| {
            let path = keys::session(first.session).into();
            let reason = "its checkpoint lacks a shard that it held";
            Arc::new(RecoverError::Contradiction { path, reason })
        }));
    }
    let mut recovered = Recovered::default();
    for grant in &earlier[base.unwrap_or(0)..] {
        let end = match grant.end {
            Some(HoldingEnd::Released(end)) => {
                let slot = end.saturating_sub(1);
                let (partitions, groups, shares) =
                    sources.take_released(shard, grant, slot).ok_or_else(|| RecoverError::Contradiction {
                        path: keys::slot(grant.session, slot),
                        reason: "a shard was moved that is not released there",
                    })?;
                recovered.partitions.extend(partitions);
                recovered.groups.insert(shard, groups);
                recovered.shares.extend(shares);
                continue;
            }
            Some(HoldingEnd::Cut(cut)) => cut,
            None => 0,
        };
        let Some(source) = sources.of(grant.session) else { continue };
        if source.holds(shard, grant) {
            let state = source.checkpoint.as_ref().and_then(|c| c.shards.get(&shard));
            for (partition, state) in state.iter().flat_map(|s| &s.partitions) {
                let begins = OwnedPartition { state: state.clone(), positions: Vec::new() };
                recovered.partitions.insert(*partition, begins);
            }
            recovered.groups.insert(shard, state.map(|s| s.groups.clone()).unwrap_or_default());
            recovered.shares.extend(state.map(|s| s.shares.clone()).unwrap_or_default());
        }
        for (n, record) in source.records.get(&(shard, grant.epoch)).into_iter().flatten() {
            if *n < end || mutant::is(Mutant::TrustObjects) {
                replay(grant, *n, record, &mut recovered)?;
            }
        }
    }
    Ok(recovered)
}

/// Whether holdings before `grant` were forgotten because a checkpoint holds the shard.
fn forgotten_before(cluster: &Cluster, grant: &Grant) -> bool {
    let end = cluster.session(grant.session).and_then(|s| s.state.end());
    end.and_then(|e| e.checkpoint).is_some_and(|c| grant.epoch < c.as_of)
}

fn replay(grant: &Grant, slot: u64, record: &Record, recovered: &mut Recovered) -> Result<(), RecoverError> {
    match record {
        Record::Batch(b) => {
            let partition = recovered.partitions.entry(b.partition).or_default();
            if b.appended.base_offset != partition.state.partition.log_end {
                let path = keys::slot(grant.session, slot);
                return Err(RecoverError::Contradiction {
                    path,
                    reason: "a batch does not follow its log's end",
                });
            }
            partition.state.partition.apply(&b.appended);
            partition.positions.push(Position {
                session: grant.session,
                epoch: grant.epoch,
                slot,
                position: b.position,
                length: b.length,
                base_offset: b.appended.base_offset,
                last_offset_delta: b.appended.batch.last_offset_delta,
                max_timestamp: b.appended.batch.max_timestamp,
            });
        }
        Record::Trim { partition, trimmed, .. } => {
            let partition = recovered.partitions.entry(*partition).or_default();
            if trimmed.log_start > partition.state.partition.log_end {
                let path = keys::slot(grant.session, slot);
                return Err(RecoverError::Contradiction { path, reason: "a log is trimmed beyond its end" });
            }
            if !mutant::is(Mutant::ForgetTrims) {
                partition.trim(trimmed);
            }
        }
        Record::ProducersExpired { partition, producers, .. } => {
            recovered.partitions.entry(*partition).or_default().state.partition.expire(producers);
        }
        Record::Group { shard, group, changes, .. } => {
            group::replay(recovered.groups.entry(*shard).or_default(), group, changes);
        }
        Record::Share { id, changes, .. } => share::replay(&mut recovered.shares, id, changes),
        Record::Release { .. } | Record::Close => {}
    }
    Ok(())
}
