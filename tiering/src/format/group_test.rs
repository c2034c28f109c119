use coordinator::group::consumer::{
    ClassicFacet, ConsumerGroup, ConsumerMember, Held, MemberState, Progress,
};
use coordinator::group::share::{ShareGroup, ShareMember};
use coordinator::group::{ClassicGroup, ClassicMember, ClassicState};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::testing::{partition_id, written};
use super::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,6}", "[\\PC]{0,4}"]
}

fn blob() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..9).prop_map(Bytes::from)
}

fn assignments() -> impl Strategy<Value = Assignment> {
    btree_map(any::<[u8; 16]>().prop_map(TopicId), btree_set(0..20i32, 0..4), 0..3)
}

fn classic_groups() -> impl Strategy<Value = Membership> {
    let states = prop_oneof![
        Just(ClassicState::Empty),
        Just(ClassicState::PreparingRebalance),
        Just(ClassicState::CompletingRebalance),
        Just(ClassicState::Stable),
    ];
    (states, any::<i32>(), option::of(name()), option::of(name()), option::of(name())).prop_map(
        |(state, generation, protocol_type, protocol, leader)| {
            let leader = leader.map(Into::into);
            Membership::Classic(ClassicGroup { state, generation, protocol_type, protocol, leader })
        },
    )
}

fn classic_members() -> impl Strategy<Value = Member> {
    let who = (option::of(name()), name(), name());
    (who, any::<[i32; 2]>(), vec((name(), blob()), 0..3), blob()).prop_map(
        |((instance, client_id, client_host), timeouts, protocols, assignment)| {
            let [rebalance_timeout_ms, session_timeout_ms] = timeouts;
            Member::Classic(ClassicMember {
                instance,
                client_id,
                client_host,
                rebalance_timeout_ms,
                session_timeout_ms,
                protocols,
                assignment,
            })
        },
    )
}

fn consumer_groups() -> impl Strategy<Value = Membership> {
    (any::<i32>(), any::<i32>(), any::<u64>()).prop_map(|(group_epoch, assignment_epoch, metadata_hash)| {
        Membership::Consumer(ConsumerGroup { group_epoch, assignment_epoch, metadata_hash })
    })
}

fn held() -> impl Strategy<Value = Held> {
    btree_map(any::<[u8; 16]>().prop_map(TopicId), btree_map(0..20i32, any::<i32>(), 0..4), 0..3)
}

fn consumer_members() -> impl Strategy<Value = Member> {
    let who = (option::of(name()), option::of(name()), name(), name(), any::<i32>());
    let wants = (btree_set(name(), 0..3), option::of(name()), option::of(name()));
    let states = prop_oneof![
        Just(MemberState::Stable),
        Just(MemberState::UnrevokedPartitions),
        Just(MemberState::UnreleasedPartitions),
    ];
    let classic = (any::<i32>(), vec((name(), blob()), 0..3))
        .prop_map(|(session_timeout_ms, protocols)| ClassicFacet { session_timeout_ms, protocols });
    let at = (any::<[i32; 2]>(), states, held(), held(), option::of(classic));
    (who, wants, at).prop_map(|(who, wants, at)| {
        let (instance, rack, client_id, client_host, rebalance_timeout_ms) = who;
        let (topics, regex, assignor) = wants;
        let ([epoch, previous_epoch], state, assigned, revoking, classic) = at;
        Member::Consumer(ConsumerMember {
            instance,
            rack,
            client_id,
            client_host,
            rebalance_timeout_ms,
            topics,
            regex,
            assignor,
            epoch,
            previous_epoch,
            state,
            assigned,
            revoking,
            classic,
        })
    })
}

fn progress() -> impl Strategy<Value = Progress> {
    let states = prop_oneof![Just(MemberState::Stable), Just(MemberState::UnrevokedPartitions)];
    (any::<[i32; 2]>(), states, held(), held()).prop_map(
        |([epoch, previous_epoch], state, assigned, revoking)| Progress {
            epoch,
            previous_epoch,
            state,
            assigned,
            revoking,
        },
    )
}

fn share_groups() -> impl Strategy<Value = Membership> {
    let topics = btree_set(any::<[u8; 16]>().prop_map(TopicId), 0..3);
    (any::<[i32; 2]>(), any::<u64>(), topics).prop_map(|(epochs, metadata_hash, topics)| {
        let [group_epoch, assignment_epoch] = epochs;
        Membership::Share(ShareGroup { group_epoch, assignment_epoch, metadata_hash, topics })
    })
}

fn share_members() -> impl Strategy<Value = Member> {
    let who = (option::of(name()), name(), name());
    (who, btree_set(name(), 0..3), any::<[i32; 2]>(), assignments()).prop_map(
        |((rack, client_id, client_host), topics, [epoch, previous_epoch], assigned)| {
            Member::Share(ShareMember {
                rack,
                client_id,
                client_host,
                topics,
                epoch,
                previous_epoch,
                assigned,
            })
        },
    )
}

fn offsets() -> impl Strategy<Value = Committed> {
    (any::<i64>(), any::<i32>(), name(), any::<i64>(), option::of(any::<i64>())).prop_map(
        |(offset, leader_epoch, metadata, committed_at, expires_at)| Committed {
            offset,
            leader_epoch,
            metadata,
            committed_at,
            expires_at,
        },
    )
}

/// A change of any kind.
pub(in crate::format) fn group_changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (prop_oneof![classic_groups(), consumer_groups(), share_groups()], option::of(any::<i64>()))
            .prop_map(|(membership, empty_since)| Change::Header { membership, empty_since }),
        (name(), option::of(prop_oneof![classic_members(), consumer_members(), share_members()]))
            .prop_map(|(id, m)| Change::Member(id.into(), m)),
        (name(), progress()).prop_map(|(id, progress)| Change::Progress(id.into(), progress)),
        (name(), option::of(assignments())).prop_map(|(id, t)| Change::Target(id.into(), t)),
        (partition_id(), option::of(offsets())).prop_map(|(id, o)| Change::Offset(id, o)),
        Just(Change::Deleted),
    ]
}

/// The groups of a shard: what some changes make of nothing.
pub(in crate::format) fn groups() -> impl Strategy<Value = BTreeMap<GroupId, Arc<Group>>> {
    vec((name(), vec(group_changes(), 1..6)), 0..4).prop_map(|written| {
        let mut groups = BTreeMap::new();
        for (id, changes) in written {
            replay(&mut groups, &id.into(), &changes);
        }
        groups
    })
}

proptest! {
    #[test]
    fn a_change_is_read_back(change in group_changes()) {
        let bytes = written(|w| encode_change(w, &change));
        let mut r = Reader::new("change", &bytes);
        prop_assert_eq!(decode_change(&mut r), Ok(change));
        prop_assert!(r.is_empty());
        for cut in 0..bytes.len() {
            prop_assert!(decode_change(&mut Reader::new("change", &bytes[..cut])).is_err());
        }
    }

    #[test]
    fn a_group_is_read_back(groups in groups()) {
        for group in &groups {
            let bytes = written(|w| encode(w, group));
            let (id, read) = decode(&mut Reader::new("group", &bytes)).expect("it was written just now");
            prop_assert_eq!((&id, &read), group);
        }
    }
}

#[test]
fn what_a_newer_build_wrote_is_not_skipped() {
    let change = written(|w| {
        w.u8(99).nested(|_| ());
    });
    let newer = FormatError::Newer { what: "a group change's kind", found: 99 };
    assert_eq!(decode_change(&mut Reader::new("change", &change)), Err(newer));
    let deleted = written(|w| {
        w.text("g").u32(1);
        encode_change(w, &Change::Deleted);
    });
    let nothing = Err(FormatError::Invalid("a group is made of nothing"));
    assert_eq!(decode(&mut Reader::new("group", &deleted)), nothing);
}

/// The bytes that `docs/formats.md` describes: they never change.
#[test]
fn a_members_progress_is_stored_as_it_was() {
    let topic = TopicId(*b"0123456789abcdef");
    let change = Change::Progress(
        "m".into(),
        Progress {
            epoch: 7,
            previous_epoch: 6,
            state: MemberState::UnrevokedPartitions,
            assigned: [(topic, [(2, 5)].into())].into(),
            revoking: Held::new(),
        },
    );
    let golden = [
        &[6, 0, 0, 0, 50, 0, 0, 0, 1, b'm', 0, 0, 0, 7, 0, 0, 0, 6, 1, 0, 0, 0, 1][..],
        b"0123456789abcdef",
        &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(written(|w| encode_change(w, &change)), golden);
    assert_eq!(decode_change(&mut Reader::new("change", &golden)), Ok(change));
}
