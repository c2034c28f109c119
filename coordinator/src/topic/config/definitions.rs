//! The table of all topic settings of Apache Kafka 4.3, by name.
//!
//! `internal.segment.bytes`, which Kafka itself hides, is not among them.

use crate::config::Effect::{Enforced, Inapplicable, Stored};
use crate::config::definition::{boolean, int, list, long, of, string};
use crate::config::{ConfigType, Definition, Rule};

/// Every setting, sorted by name.
pub fn definitions() -> &'static [Definition] {
    DEFINITIONS
}

/// The setting of this name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.binary_search_by(|d| d.name.cmp(name)).ok().map(|at| &DEFINITIONS[at])
}

const FOREVER: &str = "9223372036854775807";

const COMPRESSIONS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

const DEFINITIONS: &[Definition] = &[
    list(
        "cleanup.policy",
        "delete",
        Stored,
        "What becomes of old records: `delete` drops them by age and size, `compact` keeps the last one of each \
         key, and an empty list keeps them all. With `compact`, a record without a key is refused; nothing is \
         compacted yet. Only with `delete` can records be deleted by request.",
    )
    .rule(Rule::EachOf(&["compact", "delete"]))
    .synonym("log.cleanup.policy"),
    int(
        "compression.gzip.level",
        "-1",
        Enforced,
        "The level at which records are compressed where `compression.type` is gzip and they were not; -1 is \
         gzip's own default.",
    )
    .rule(Rule::RangeOr { least: 1, most: 9, except: -1 })
    .same_synonym(),
    int(
        "compression.lz4.level",
        "9",
        Stored,
        "The level at which records are compressed where `compression.type` is lz4 and they were not. Nothing acts \
         on it: lz4's fast compressor is used, which is Kafka's, too, at the default level.",
    )
    .range(1, 17)
    .same_synonym(),
    string(
        "compression.type",
        "producer",
        Enforced,
        "How records are compressed in the log. `producer` keeps each batch as it came; with any other value, \
         batches that came otherwise are compressed anew, which costs the node time.",
    )
    .rule(Rule::OneOf(COMPRESSIONS))
    .same_synonym(),
    int(
        "compression.zstd.level",
        "3",
        Enforced,
        "The level at which records are compressed where `compression.type` is zstd and they were not.",
    )
    .range(-131_072, 22)
    .same_synonym(),
    long(
        "delete.retention.ms",
        "86400000",
        Stored,
        "How long a compacted topic keeps a key's deletion marker, in ms: the time that a reader has to get \
         from the first offset to the end without missing a deletion.",
    )
    .least(0)
    .synonym("log.cleaner.delete.retention.ms"),
    long(
        "file.delete.delay.ms",
        "60000",
        Inapplicable,
        "How long a broker waits before it removes a dropped segment's file, in ms. There are no such files here.",
    )
    .least(0)
    .synonym("log.segment.delete.delay.ms"),
    long(
        "flush.messages",
        FOREVER,
        Inapplicable,
        "After how many records a broker forces them to its disk. Here every acknowledged record is in the store.",
    )
    .least(1)
    .synonym("log.flush.interval.messages"),
    long(
        "flush.ms",
        FOREVER,
        Inapplicable,
        "After how many ms a broker forces records to its disk. Here every acknowledged record is in the store.",
    )
    .least(0)
    .unset("log.flush.interval.ms", "log.flush.scheduler.interval.ms", FOREVER),
    list(
        "follower.replication.throttled.replicas",
        "",
        Inapplicable,
        "Replicas whose followers copy at a limited rate, as `partition:broker,...`, or `*` for all. The store \
         replicates here.",
    )
    .rule(Rule::Replicas),
    int(
        "index.interval.bytes",
        "4096",
        Inapplicable,
        "How many bytes of log lie between two entries of a segment's index. Every batch is indexed here.",
    )
    .least(0)
    .synonym("log.index.interval.bytes"),
    list(
        "leader.replication.throttled.replicas",
        "",
        Inapplicable,
        "Replicas to which leaders send at a limited rate, as `partition:broker,...`, or `*` for all. The store \
         replicates here.",
    )
    .rule(Rule::Replicas),
    long(
        "local.retention.bytes",
        "-2",
        Inapplicable,
        "How many bytes of a partition a broker keeps on its own disk when a remote tier has them, too; -2 is \
         `retention.bytes`. No node keeps records of its own here.",
    )
    .least(-2)
    .synonym("log.local.retention.bytes"),
    long(
        "local.retention.ms",
        "-2",
        Inapplicable,
        "How long a broker keeps records on its own disk when a remote tier has them, too, in ms; -2 is \
         `retention.ms`. No node keeps records of its own here.",
    )
    .least(-2)
    .synonym("log.local.retention.ms"),
    long(
        "max.compaction.lag.ms",
        FOREVER,
        Stored,
        "After how many ms at the latest a record of a compacted topic may be compacted away.",
    )
    .least(1)
    .synonym("log.cleaner.max.compaction.lag.ms"),
    int(
        "max.message.bytes",
        "1048588",
        Enforced,
        "The largest batch of records that is taken, in bytes as sent, so after compression.",
    )
    .least(0)
    .synonym("message.max.bytes"),
    long(
        "message.timestamp.after.max.ms",
        "3600000",
        Enforced,
        "How many ms a record's timestamp may lie ahead of the broker's clock. It does not matter under \
         LogAppendTime.",
    )
    .least(0)
    .synonym("log.message.timestamp.after.max.ms"),
    long(
        "message.timestamp.before.max.ms",
        FOREVER,
        Enforced,
        "How many ms a record's timestamp may lie behind the broker's clock. It does not matter under \
         LogAppendTime.",
    )
    .least(0)
    .synonym("log.message.timestamp.before.max.ms"),
    string(
        "message.timestamp.type",
        "CreateTime",
        Enforced,
        "Who sets a record's timestamp: its producer (`CreateTime`), or the broker that appends it \
         (`LogAppendTime`).",
    )
    .rule(Rule::OneOf(&["CreateTime", "LogAppendTime"]))
    .synonym("log.message.timestamp.type"),
    of(
        ConfigType::Double,
        "min.cleanable.dirty.ratio",
        "0.5",
        Stored,
        "How large the share of a compacted partition that was not compacted yet must be before it is, from 0 to \
         1. Less means more work, and less space taken by old values.",
    )
    .rule(Rule::Fraction)
    .synonym("log.cleaner.min.cleanable.ratio"),
    long(
        "min.compaction.lag.ms",
        "0",
        Stored,
        "For how many ms at the least a record of a compacted topic is kept.",
    )
    .least(0)
    .synonym("log.cleaner.min.compaction.lag.ms"),
    int(
        "min.insync.replicas",
        "1",
        Inapplicable,
        "How many replicas must have a record before it is acknowledged under acks=all. The store replicates \
         here, and a record is acknowledged once the store has it.",
    )
    .least(1)
    .same_synonym(),
    boolean(
        "preallocate",
        Inapplicable,
        "Whether a segment's file is given its full size when it is made. There are no such files here.",
    )
    .synonym("log.preallocate"),
    boolean(
        "remote.log.copy.disable",
        Inapplicable,
        "Whether a topic stops copying to the remote tier. All records are in the store here.",
    ),
    boolean(
        "remote.log.delete.on.disable",
        Inapplicable,
        "Whether turning the remote tier off deletes what is in it. All records are in the store here.",
    ),
    boolean(
        "remote.storage.enable",
        Inapplicable,
        "Whether old segments go to a remote tier. All records are in the store here, so that `true` is refused.",
    )
    .rule(Rule::Off("all records are in the object store, and there is no second tier to move them to")),
    long(
        "retention.bytes",
        "-1",
        Enforced,
        "How many bytes a partition may have before its oldest records are dropped, if `cleanup.policy` has \
         `delete`; below 0, any number.",
    )
    .synonym("log.retention.bytes"),
    long(
        "retention.ms",
        "604800000",
        Enforced,
        "How long records are kept before they are dropped, in ms, if `cleanup.policy` has `delete`; -1 is for \
         ever.",
    )
    .least(-1)
    .unset("log.retention.ms", "log.retention.hours", "168"),
    int(
        "segment.bytes",
        "1073741824",
        Enforced,
        "How large a segment's file gets, in bytes. Here it bounds a batch only: a larger one is refused.",
    )
    .least(1 << 20)
    .synonym("log.segment.bytes"),
    int(
        "segment.index.bytes",
        "10485760",
        Inapplicable,
        "How large a segment's index gets, in bytes. There are no such files here.",
    )
    .least(4)
    .synonym("log.index.size.max.bytes"),
    long(
        "segment.jitter.ms",
        "0",
        Inapplicable,
        "By how much, at random, a segment is closed before `segment.ms`, in ms. There are no such files here.",
    )
    .least(0)
    .unset("log.roll.jitter.ms", "log.roll.jitter.hours", "0"),
    long(
        "segment.ms",
        "604800000",
        Inapplicable,
        "After how many ms a segment is closed, full or not. There are no such files here.",
    )
    .least(1)
    .unset("log.roll.ms", "log.roll.hours", "168"),
    boolean(
        "unclean.leader.election.enable",
        Inapplicable,
        "Whether a replica that lacks records may lead when no other can. Whoever leads here has every record, \
         from the store.",
    )
    .same_synonym(),
];
