//! Settings of Kafka's brokers that may be changed while they run and that nothing here depends on: tools that set
//! them work, and nothing comes of it. By name.

use super::{BrokerDefinition, Update::ClusterWide, updated};
use crate::config::ConfigType::Double;
use crate::config::Effect::Inapplicable;
use crate::config::definition::{boolean, int, long, of};

/// Sorted by name.
pub(super) const DEFINITIONS: &[BrokerDefinition] = &[
    updated(
        ClusterWide,
        int(
            "background.threads",
            "10",
            Inapplicable,
            "How many threads do a broker's background work. Nodes here have one pool of tasks.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        boolean(
            "follower.fetch.last.tiered.offset.enable",
            Inapplicable,
            "Whether a new follower begins at the end of the remote tier. The store replicates here.",
        ),
    ),
    updated(
        ClusterWide,
        long(
            "follower.replication.throttled.rate",
            "9223372036854775807",
            Inapplicable,
            "How many bytes per second throttled followers copy. The store replicates here.",
        )
        .least(0),
    ),
    updated(
        ClusterWide,
        int(
            "group.coordinator.cached.buffer.max.bytes",
            "1048588",
            Inapplicable,
            "The largest buffer that a group coordinator keeps for reuse, in bytes.",
        )
        .least(524288),
    ),
    updated(
        ClusterWide,
        long(
            "leader.replication.throttled.rate",
            "9223372036854775807",
            Inapplicable,
            "How many bytes per second are sent to throttled followers. The store replicates here.",
        )
        .least(0),
    ),
    updated(
        ClusterWide,
        long(
            "log.cleaner.backoff.ms",
            "15000",
            Inapplicable,
            "How long a cleaner that finds nothing to do waits, in ms.",
        )
        .least(0),
    ),
    updated(
        ClusterWide,
        long(
            "log.cleaner.dedupe.buffer.size",
            "134217728",
            Inapplicable,
            "How much memory cleaners have for keys, in bytes.",
        ),
    ),
    updated(
        ClusterWide,
        of(
            Double,
            "log.cleaner.io.buffer.load.factor",
            "0.9",
            Inapplicable,
            "How full a cleaner's table of keys may get.",
        ),
    ),
    updated(
        ClusterWide,
        int(
            "log.cleaner.io.buffer.size",
            "524288",
            Inapplicable,
            "How much memory cleaners have for reading and writing, in bytes.",
        )
        .least(0),
    ),
    updated(
        ClusterWide,
        of(
            Double,
            "log.cleaner.io.max.bytes.per.second",
            "1.7976931348623157E308",
            Inapplicable,
            "How much cleaners read and write, in bytes per second.",
        ),
    ),
    updated(
        ClusterWide,
        int("log.cleaner.threads", "1", Inapplicable, "How many cleaners there are.").least(0),
    ),
    updated(
        ClusterWide,
        int(
            "num.io.threads",
            "8",
            Inapplicable,
            "How many threads handle requests. Nodes here have one pool of tasks.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "num.network.threads",
            "3",
            Inapplicable,
            "How many threads read and write sockets. Nodes here have one pool of tasks.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "num.recovery.threads.per.data.dir",
            "2",
            Inapplicable,
            "How many threads read a directory at the start. There are no such directories here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "num.replica.fetchers",
            "1",
            Inapplicable,
            "How many threads copy from each broker. The store replicates here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "remote.fetch.max.wait.ms",
            "500",
            Inapplicable,
            "How long a fetch from the remote tier may take, in ms. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        long(
            "remote.list.offsets.request.timeout.ms",
            "30000",
            Inapplicable,
            "How long ListOffsets may wait for the remote tier, in ms. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        long(
            "remote.log.index.file.cache.total.size.bytes",
            "1073741824",
            Inapplicable,
            "How much disk indexes of the remote tier may take, in bytes. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "remote.log.manager.copier.thread.pool.size",
            "10",
            Inapplicable,
            "How many threads copy to the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        long(
            "remote.log.manager.copy.max.bytes.per.second",
            "9223372036854775807",
            Inapplicable,
            "How many bytes per second are copied to the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "remote.log.manager.expiration.thread.pool.size",
            "10",
            Inapplicable,
            "How many threads delete in the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        long(
            "remote.log.manager.fetch.max.bytes.per.second",
            "9223372036854775807",
            Inapplicable,
            "How many bytes per second are read from the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "remote.log.manager.follower.thread.pool.size",
            "2",
            Inapplicable,
            "How many threads prepare followers for the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        int(
            "remote.log.reader.threads",
            "10",
            Inapplicable,
            "How many threads read the remote tier. All records are in the store here.",
        )
        .least(1),
    ),
    updated(
        ClusterWide,
        long(
            "replica.alter.log.dirs.io.max.bytes.per.second",
            "9223372036854775807",
            Inapplicable,
            "How many bytes per second move between directories. There are no such directories here.",
        )
        .least(0),
    ),
    updated(
        ClusterWide,
        int(
            "share.coordinator.cached.buffer.max.bytes",
            "1048588",
            Inapplicable,
            "The largest buffer that a share coordinator keeps for reuse, in bytes.",
        )
        .least(524288),
    ),
];
