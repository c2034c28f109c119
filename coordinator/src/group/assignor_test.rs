use super::*;

/// What members have, as `member -> ["topic:partitions"]` with topics as numbers.
pub(super) type Table = BTreeMap<MemberId, Assignment>;

pub(super) fn topic(n: u8) -> TopicId {
    TopicId([n; 16])
}

pub(super) fn sizes(counts: &[(u8, i32)]) -> Topics {
    counts.iter().map(|&(n, count)| (topic(n), count)).collect()
}

fn had(parts: &[(u8, &[i32])]) -> Assignment {
    parts.iter().map(|(n, all)| (topic(*n), all.iter().copied().collect())).collect()
}

pub(super) struct Who {
    pub(super) id: MemberId,
    pub(super) instance: Option<String>,
    pub(super) reads: Vec<u8>,
    pub(super) had: Assignment,
}

fn who(id: &str, reads: &[u8]) -> Who {
    Who { id: id.into(), instance: None, reads: reads.to_vec(), had: Assignment::new() }
}

impl Who {
    fn fixed(mut self, instance: &str) -> Self {
        self.instance = Some(instance.to_owned());
        self
    }

    fn had(mut self, parts: &[(u8, &[i32])]) -> Self {
        self.had = had(parts);
        self
    }
}

pub(super) fn assign(assignor: Assignor, members: &[Who], topics: &Topics) -> Table {
    let read = |who: &Who| who.reads.iter().map(|&n| topic(n)).filter(|t| topics.contains_key(t)).collect();
    let readers: Readers<'_> = members
        .iter()
        .map(|who| {
            let instance = who.instance.as_deref();
            (&who.id, Reader { instance, topics: Arc::new(read(who)), had: &who.had })
        })
        .collect();
    assignor.assign(&readers, topics)
}

/// A topic and some of its partitions.
type Part<'a> = (u8, &'a [i32]);

fn table(rows: &[(&str, &[Part<'_>])]) -> Table {
    rows.iter().map(|(id, parts)| (MemberId::from(*id), had(parts))).collect()
}

#[test]
fn names() {
    assert_eq!(Assignor::ALL.map(Assignor::name), ["uniform", "range"]);
    assert_eq!(Assignor::named("range"), Some(Assignor::Range));
    assert_eq!(Assignor::named("Range"), None, "names are exact");
}

#[test]
fn nobody_gets_nothing() {
    for assignor in Assignor::ALL {
        assert_eq!(assign(assignor, &[], &sizes(&[(1, 3)])), Table::new());
        assert_eq!(assign(assignor, &[who("a", &[])], &Topics::new()), table(&[("a", &[])]));
    }
}

#[test]
fn uniform_fills_one_member_after_the_other() {
    let members = [who("a", &[1, 3]), who("b", &[1, 3])];
    let topics = sizes(&[(1, 3), (3, 2)]);
    let expected = table(&[("a", &[(1, &[0, 1, 2])]), ("b", &[(3, &[0, 1])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &topics), expected);
}

#[test]
fn uniform_gives_more_members_than_partitions_at_most_one_each() {
    let members = [who("a", &[1]), who("b", &[1]), who("c", &[1])];
    let expected = table(&[("a", &[(1, &[0])]), ("b", &[(1, &[1])]), ("c", &[])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 2)])), expected);
}

#[test]
fn uniform_takes_only_what_a_new_member_needs() {
    let members = [
        who("a", &[1, 2]).had(&[(1, &[0, 1]), (2, &[0])]),
        who("b", &[1, 2]).had(&[(1, &[2]), (2, &[1, 2])]),
        who("c", &[1, 2]),
    ];
    let expected = table(&[("a", &[(1, &[0, 1])]), ("b", &[(1, &[2]), (2, &[1])]), ("c", &[(2, &[0, 2])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 3), (2, 3)])), expected);
}

#[test]
fn uniform_leaves_the_odd_partition_with_whoever_has_it() {
    let members = [who("a", &[1]).had(&[(1, &[0])]), who("b", &[1]).had(&[(1, &[1, 2])])];
    let expected = table(&[("a", &[(1, &[0])]), ("b", &[(1, &[1, 2])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 3)])), expected);
}

#[test]
fn uniform_hands_on_what_a_member_left_behind_and_what_is_new() {
    let members = [who("a", &[1]).had(&[(1, &[0, 1])]), who("b", &[1]).had(&[(1, &[2, 3])])];
    // Partitions 4 and 5 were those of a member that is gone, 6 and 7 are new.
    let expected = table(&[("a", &[(1, &[0, 1, 4, 5])]), ("b", &[(1, &[2, 3, 6, 7])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 8)])), expected);
}

#[test]
fn uniform_forgets_topics_that_are_gone_or_no_longer_read() {
    let members = [who("a", &[1]).had(&[(1, &[0]), (2, &[0, 1])]), who("b", &[1]).had(&[(9, &[0])])];
    let expected = table(&[("a", &[(1, &[0])]), ("b", &[(1, &[1])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 2), (2, 2)])).len(), 2);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 2)])), expected);
}

#[test]
fn uniform_evens_out_members_that_read_different_topics() {
    let members = [who("a", &[1, 2]), who("b", &[2]), who("c", &[1])];
    let assigned = assign(Assignor::Uniform, &members, &sizes(&[(1, 3), (2, 3)]));
    let count = |id: &str| assigned[id].values().map(BTreeSet::len).sum::<usize>();
    assert_eq!([count("a"), count("b"), count("c")], [2, 2, 2]);
    assert!(assigned["b"].keys().all(|t| *t == topic(2)) && assigned["c"].keys().all(|t| *t == topic(1)));
}

#[test]
fn uniform_moves_one_topic_so_that_another_need_not_be_uneven() {
    // Only a reads topic 1, so b takes all of topic 2.
    let members = [
        who("a", &[1, 2]).had(&[(1, &[0, 1, 2]), (2, &[0])]),
        who("b", &[2]).had(&[(2, &[1])]),
        who("c", &[3]),
    ];
    let expected = table(&[("a", &[(1, &[0, 1, 2])]), ("b", &[(2, &[0, 1])]), ("c", &[(3, &[0])])]);
    assert_eq!(assign(Assignor::Uniform, &members, &sizes(&[(1, 3), (2, 2), (3, 1)])), expected);
}

#[test]
fn range_cuts_topics_with_as_many_partitions_alike() {
    let members = [who("b", &[1, 2]), who("a", &[1, 2])];
    let expected = table(&[("a", &[(1, &[0, 1]), (2, &[0, 1])]), ("b", &[(1, &[2]), (2, &[2])])]);
    assert_eq!(assign(Assignor::Range, &members, &sizes(&[(1, 3), (2, 3)])), expected);
}

#[test]
fn range_counts_only_the_readers_of_a_topic() {
    let members = [who("a", &[1]), who("b", &[1, 2]), who("c", &[2])];
    let expected = table(&[("a", &[(1, &[0, 1])]), ("b", &[(1, &[2]), (2, &[0])]), ("c", &[(2, &[1])])]);
    assert_eq!(assign(Assignor::Range, &members, &sizes(&[(1, 3), (2, 2)])), expected);
}

#[test]
fn range_orders_static_members_first_and_by_instance() {
    let members = [who("a", &[1]), who("z", &[1]).fixed("i1"), who("b", &[1]).fixed("i2")];
    let expected = table(&[("z", &[(1, &[0])]), ("b", &[(1, &[1])]), ("a", &[(1, &[2])])]);
    assert_eq!(assign(Assignor::Range, &members, &sizes(&[(1, 3)])), expected);
    let restarted = [who("a", &[1]), who("c", &[1]).fixed("i1"), who("b", &[1]).fixed("i2")];
    let expected = table(&[("c", &[(1, &[0])]), ("b", &[(1, &[1])]), ("a", &[(1, &[2])])]);
    assert_eq!(assign(Assignor::Range, &restarted, &sizes(&[(1, 3)])), expected);
}
