//! Kafka's APIs: which are served, in which versions, and by what.
//!
//! One file per API turns a decoded request into a response. Only here and below do wire types meet domain
//! types. How frames are read and written belongs to [`crate::connection`].

mod alter_configs;
mod alter_replica_log_dirs;
mod alter_share_group_offsets;
mod answer;
mod api_versions;
mod assignment;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod context;
mod create_partitions;
mod create_topics;
mod delegation_tokens;
mod delete_groups;
mod delete_records;
mod delete_share_group_offsets;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_share_group_offsets;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incoming;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod partition_reassignments;
mod peer;
mod produce;
mod quorum;
mod records;
mod resources;
mod row;
mod share_acknowledge;
mod share_fetch;
mod share_grants;
mod share_group_describe;
mod share_group_heartbeat;
mod share_offsets;
mod status;
mod sync_group;
mod topics;
mod unregister_broker;
mod update_features;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use prometheus_client::registry::Registry;
use protocol::{ApiKey, Str};

use crate::metrics::Metrics;
pub(crate) use answer::{Answer, Refusal, Reply};
pub(crate) use context::Context;
pub(crate) use incoming::Incoming;
use incoming::Outgoing;
use row::{Api, Stores, api, at_once, early, own, waits};
pub(crate) use row::{Contents, Stored};

/// The longest that anything is waited for which the client has set no time for: the start, the metadata log, a
/// slot's commit, the store. Clients hang up after 30 s or more, and what they ask next waits behind.
const PATIENCE: Duration = Duration::from_secs(15);

/// Every API that is served: its versions, what answers it, and how it is treated.
const APIS: &[Api] = &[
    // Old librdkafka compresses only for brokers that advertise Produce 0, which none serves any more.
    api(ApiKey::Produce, 3, 13, own!(produce::handle)).advertised(0).stores(Stores::Records),
    api(ApiKey::Fetch, 4, 18, own!(fetch::handle)).patient().kept(),
    api(ApiKey::ListOffsets, 1, 11, waits!(list_offsets::answer, cluster, version)),
    api(ApiKey::Metadata, 0, 13, own!(metadata::handle)).kept(),
    api(ApiKey::OffsetCommit, 2, 10, waits!(offset_commit::answer, cluster, version)).stores(Stores::State),
    api(ApiKey::OffsetFetch, 1, 10, waits!(offset_fetch::answer, cluster, version)).broad(),
    api(ApiKey::FindCoordinator, 0, 6, at_once!(find_coordinator::answer, context, cluster, version)),
    api(ApiKey::JoinGroup, 0, 9, own!(join_group::handle)).stores(Stores::State).patient(),
    api(ApiKey::Heartbeat, 0, 4, waits!(heartbeat::answer)),
    api(ApiKey::LeaveGroup, 0, 5, waits!(leave_group::answer, version)).stores(Stores::State),
    api(ApiKey::SyncGroup, 0, 5, waits!(sync_group::answer)).stores(Stores::State).patient(),
    api(ApiKey::DescribeGroups, 0, 6, waits!(describe_groups::answer, version)),
    api(ApiKey::ListGroups, 0, 5, waits!(list_groups::answer)),
    api(ApiKey::ApiVersions, 0, 4, early!(api_versions::handle)),
    api(ApiKey::CreateTopics, 2, 7, waits!(create_topics::answer)),
    api(ApiKey::DeleteTopics, 1, 6, waits!(delete_topics::answer, version)),
    api(ApiKey::DeleteRecords, 0, 2, waits!(delete_records::answer, cluster)),
    api(ApiKey::InitProducerId, 0, 5, waits!(init_producer_id::answer)),
    api(ApiKey::OffsetForLeaderEpoch, 2, 4, waits!(offset_for_leader_epoch::answer, cluster)),
    api(ApiKey::DescribeConfigs, 1, 4, own!(describe_configs::handle)),
    api(ApiKey::AlterConfigs, 0, 2, waits!(alter_configs::answer)),
    api(ApiKey::AlterReplicaLogDirs, 1, 2, at_once!(alter_replica_log_dirs::answer)),
    api(ApiKey::DescribeLogDirs, 1, 5, at_once!(describe_log_dirs::answer, context, cluster)).broad(),
    api(ApiKey::CreatePartitions, 0, 3, waits!(create_partitions::answer)),
    api(ApiKey::CreateDelegationToken, 1, 3, at_once!(delegation_tokens::create)),
    api(ApiKey::RenewDelegationToken, 1, 2, at_once!(delegation_tokens::renew)),
    api(ApiKey::ExpireDelegationToken, 1, 2, at_once!(delegation_tokens::expire)),
    api(ApiKey::DescribeDelegationToken, 1, 3, at_once!(delegation_tokens::describe)),
    api(ApiKey::DeleteGroups, 0, 2, waits!(delete_groups::answer)).stores(Stores::State),
    api(ApiKey::ElectLeaders, 0, 2, at_once!(elect_leaders::answer, cluster)),
    api(ApiKey::IncrementalAlterConfigs, 0, 1, waits!(alter_configs::answer_incremental)),
    api(ApiKey::AlterPartitionReassignments, 0, 1, at_once!(partition_reassignments::alter, cluster)),
    api(ApiKey::ListPartitionReassignments, 0, 0, at_once!(partition_reassignments::list)),
    api(ApiKey::OffsetDelete, 0, 0, waits!(offset_delete::answer, cluster)).stores(Stores::State),
    api(ApiKey::DescribeQuorum, 0, 2, at_once!(quorum::describe)),
    api(ApiKey::UpdateFeatures, 0, 2, at_once!(update_features::answer)),
    api(ApiKey::DescribeCluster, 0, 2, at_once!(describe_cluster::answer, context, cluster)),
    api(ApiKey::DescribeProducers, 0, 0, waits!(describe_producers::answer, cluster)),
    api(ApiKey::UnregisterBroker, 0, 0, at_once!(unregister_broker::answer, cluster)),
    api(ApiKey::ConsumerGroupHeartbeat, 0, 1, own!(consumer_group_heartbeat::handle))
        .stores(Stores::Heartbeat),
    api(ApiKey::ConsumerGroupDescribe, 0, 1, waits!(consumer_group_describe::answer, cluster)),
    api(
        ApiKey::ListConfigResources,
        0,
        1,
        at_once!(list_config_resources::answer, context, cluster, version),
    ),
    api(ApiKey::DescribeTopicPartitions, 0, 0, waits!(describe_topic_partitions::answer, cluster)).broad(),
    api(ApiKey::ShareGroupHeartbeat, 1, 1, own!(share_group_heartbeat::handle)).stores(Stores::Heartbeat),
    api(ApiKey::ShareGroupDescribe, 1, 1, waits!(share_group_describe::answer, cluster)),
    api(ApiKey::ShareFetch, 1, 2, own!(share_fetch::handle)).stores(Stores::State).patient(),
    api(ApiKey::ShareAcknowledge, 1, 2, waits!(share_acknowledge::answer, cluster, version))
        .stores(Stores::State),
    api(ApiKey::AddRaftVoter, 0, 1, at_once!(quorum::add_voter)),
    api(ApiKey::RemoveRaftVoter, 0, 0, at_once!(quorum::remove_voter)),
    api(ApiKey::DescribeShareGroupOffsets, 0, 1, waits!(describe_share_group_offsets::answer, cluster)),
    api(ApiKey::AlterShareGroupOffsets, 0, 0, waits!(alter_share_group_offsets::answer, cluster))
        .stores(Stores::State),
    api(ApiKey::DeleteShareGroupOffsets, 0, 0, waits!(delete_share_group_offsets::answer, cluster))
        .stores(Stores::State),
    // Between nodes, and from operators.
    api(ApiKey::PeerPing, 0, 0, early!(peer::ping)).private(),
    api(ApiKey::PeerWitness, 0, 0, early!(peer::witness)).private(),
    api(ApiKey::PeerStatus, 0, 0, early!(status::handle)).private(),
    api(ApiKey::PeerControl, 0, 0, waits!(status::control)).private(),
    api(ApiKey::PeerShares, 0, 0, waits!(share_offsets::answer)).private(),
    api(ApiKey::PeerShareGrant, 0, 0, waits!(share_grants::answer)).private(),
];

/// The APIs that are advertised.
fn advertised() -> impl Iterator<Item = &'static Api> {
    APIS.iter().filter(|api| !api.is_private)
}

/// Metrics of requests and connections, which are added to `registry`.
pub fn metrics_in(registry: &mut Registry) -> Arc<Metrics> {
    Metrics::register(registry, advertised().map(|api| api.key))
}

/// A message for a human, as the wire wants it. What it repeats of a request may be as long as a string can be.
fn text(message: impl std::fmt::Display) -> Option<Str> {
    Some(Str::cut(message.to_string()))
}
