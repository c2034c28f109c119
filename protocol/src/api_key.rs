//! The APIs of the protocol.

/// Defines the enum, its codes and the first version of each API with compact lengths and tags.
macro_rules! api_keys {
    ($($name:ident = $code:literal, $flexible:expr;)*) => {
        /// An API of the protocol, by its code. Knowing a key does not mean serving it. Kafka's keys 4 to 7
        /// were between its own brokers and are gone.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names are Kafka's")]
        #[repr(i16)]
        pub enum ApiKey {
            $($name = $code,)*
        }

        impl ApiKey {
            /// All keys, by ascending code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The key with this code.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The first version with compact lengths and tags.
            const fn first_flexible(self) -> Option<i16> {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, Some(9);
    Fetch = 1, Some(12);
    ListOffsets = 2, Some(6);
    Metadata = 3, Some(9);
    OffsetCommit = 8, Some(8);
    OffsetFetch = 9, Some(6);
    FindCoordinator = 10, Some(3);
    JoinGroup = 11, Some(6);
    Heartbeat = 12, Some(4);
    LeaveGroup = 13, Some(4);
    SyncGroup = 14, Some(4);
    DescribeGroups = 15, Some(5);
    ListGroups = 16, Some(3);
    SaslHandshake = 17, None;
    ApiVersions = 18, Some(3);
    CreateTopics = 19, Some(5);
    DeleteTopics = 20, Some(4);
    DeleteRecords = 21, Some(2);
    InitProducerId = 22, Some(2);
    OffsetForLeaderEpoch = 23, Some(4);
    AddPartitionsToTxn = 24, Some(3);
    AddOffsetsToTxn = 25, Some(3);
    EndTxn = 26, Some(3);
    WriteTxnMarkers = 27, Some(1);
    TxnOffsetCommit = 28, Some(3);
    DescribeAcls = 29, Some(2);
    CreateAcls = 30, Some(2);
    DeleteAcls = 31, Some(2);
    DescribeConfigs = 32, Some(4);
    AlterConfigs = 33, Some(2);
    AlterReplicaLogDirs = 34, Some(2);
    DescribeLogDirs = 35, Some(2);
    SaslAuthenticate = 36, Some(2);
    CreatePartitions = 37, Some(2);
    CreateDelegationToken = 38, Some(2);
    RenewDelegationToken = 39, Some(2);
    ExpireDelegationToken = 40, Some(2);
    DescribeDelegationToken = 41, Some(2);
    DeleteGroups = 42, Some(2);
    ElectLeaders = 43, Some(2);
    IncrementalAlterConfigs = 44, Some(1);
    AlterPartitionReassignments = 45, Some(0);
    ListPartitionReassignments = 46, Some(0);
    OffsetDelete = 47, None;
    DescribeClientQuotas = 48, Some(1);
    AlterClientQuotas = 49, Some(1);
    DescribeUserScramCredentials = 50, Some(0);
    AlterUserScramCredentials = 51, Some(0);
    Vote = 52, Some(0);
    BeginQuorumEpoch = 53, Some(1);
    EndQuorumEpoch = 54, Some(1);
    DescribeQuorum = 55, Some(0);
    AlterPartition = 56, Some(0);
    UpdateFeatures = 57, Some(0);
    Envelope = 58, Some(0);
    FetchSnapshot = 59, Some(0);
    DescribeCluster = 60, Some(0);
    DescribeProducers = 61, Some(0);
    BrokerRegistration = 62, Some(0);
    BrokerHeartbeat = 63, Some(0);
    UnregisterBroker = 64, Some(0);
    DescribeTransactions = 65, Some(0);
    ListTransactions = 66, Some(0);
    AllocateProducerIds = 67, Some(0);
    ConsumerGroupHeartbeat = 68, Some(0);
    ConsumerGroupDescribe = 69, Some(0);
    ControllerRegistration = 70, Some(0);
    GetTelemetrySubscriptions = 71, Some(0);
    PushTelemetry = 72, Some(0);
    AssignReplicasToDirs = 73, Some(0);
    ListConfigResources = 74, Some(0);
    DescribeTopicPartitions = 75, Some(0);
    ShareGroupHeartbeat = 76, Some(0);
    ShareGroupDescribe = 77, Some(0);
    ShareFetch = 78, Some(0);
    ShareAcknowledge = 79, Some(0);
    AddRaftVoter = 80, Some(0);
    RemoveRaftVoter = 81, Some(0);
    UpdateRaftVoter = 82, Some(0);
    InitializeShareGroupState = 83, Some(0);
    ReadShareGroupState = 84, Some(0);
    WriteShareGroupState = 85, Some(0);
    DeleteShareGroupState = 86, Some(0);
    ReadShareGroupStateSummary = 87, Some(0);
    StreamsGroupHeartbeat = 88, Some(0);
    StreamsGroupDescribe = 89, Some(0);
    DescribeShareGroupOffsets = 90, Some(0);
    AlterShareGroupOffsets = 91, Some(0);
    DeleteShareGroupOffsets = 92, Some(0);
    PeerPing = 32000, Some(0);
    PeerWitness = 32001, Some(0);
    PeerStatus = 32002, Some(0);
    PeerControl = 32003, Some(0);
    PeerShares = 32004, Some(0);
    PeerShareGrant = 32005, Some(0);
}

impl ApiKey {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether this version, known or not, has compact lengths and tags.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        self.first_flexible().is_some_and(|first| version >= first)
    }

    /// The version of the header in front of a request of this version: 1 or 2.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header in front of a response of this version: 0 or 1. That of ApiVersions is
    /// always 0, because its reader does not know yet what the sender speaks.
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && self.is_flexible(version))
    }
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn header_versions() {
        assert_eq!(
            (ApiKey::Produce.request_header_version(8), ApiKey::Produce.request_header_version(9)),
            (1, 2)
        );
        assert_eq!(
            (ApiKey::Fetch.response_header_version(11), ApiKey::Fetch.response_header_version(12)),
            (0, 1)
        );
        assert_eq!(ApiKey::SaslHandshake.request_header_version(99), 1);
        for version in [0, 3, 99] {
            assert_eq!(ApiKey::ApiVersions.response_header_version(version), 0);
        }
    }

    #[test]
    fn codes_are_unique_and_known() {
        assert!(ApiKey::ALL.is_sorted_by(|one, next| one.code() < next.code()));
        assert_eq!(ApiKey::from_code(4), None);
        assert_eq!(ApiKey::from_code(32_000), Some(ApiKey::PeerPing));
    }
}
