//! Topics whose partitions a client assigns by hand to nodes of several.

use coordinator::{ShardId, TopicId};
use protocol::messages::CreateTopicsRequest;
use protocol::messages::create_partitions::CreatePartitionsAssignment;
use protocol::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic};

use super::*;

const INVALID: ErrorCode = ErrorCode::InvalidReplicaAssignment;

/// What an answer says of a topic.
type Said = (ErrorCode, String);

fn said(code: i16, message: Option<&str>) -> Said {
    (ErrorCode::from_code(code).expect("a known error"), message.unwrap_or_default().to_owned())
}

impl World {
    /// Creates a topic with these replicas, at first only as a check: both answers are the same.
    async fn assign(&self, name: &str, partitions: &[Vec<i32>]) -> Said {
        let assignment = |(brokers, index): (&Vec<i32>, i32)| CreatableReplicaAssignment {
            partition_index: index,
            broker_ids: brokers.clone(),
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: partitions.iter().zip(0..).map(assignment).collect(),
            ..Default::default()
        };
        let mut answers = Vec::new();
        for validate_only in [true, false] {
            let topics = vec![topic.clone()];
            let request = CreateTopicsRequest { topics, timeout_ms: 10_000, validate_only };
            let response = self.client(2).ask(7, &request).await;
            let topic = &response.topics[0];
            answers.push(said(topic.error_code, topic.error_message.as_deref()));
        }
        assert_eq!(answers[0], answers[1], "{name}");
        answers.remove(1)
    }

    /// The same with more partitions of the topic `t`.
    async fn extend(&self, count: i32, partitions: &[Vec<i32>]) -> Said {
        let assignment = |brokers: &Vec<i32>| CreatePartitionsAssignment { broker_ids: brokers.clone() };
        let assignments = Some(partitions.iter().map(assignment).collect());
        let topic = CreatePartitionsTopic { name: "t".into(), count, assignments };
        let mut answers = Vec::new();
        for validate_only in [true, false] {
            let topics = vec![topic.clone()];
            let request = CreatePartitionsRequest { topics, timeout_ms: 10_000, validate_only };
            let response = self.client(2).ask(3, &request).await;
            let result = &response.results[0];
            answers.push(said(result.error_code, result.error_message.as_deref()));
        }
        assert_eq!(answers[0], answers[1], "{count}");
        answers.remove(1)
    }

    fn holder(&self, shard: u32) -> i32 {
        let cluster = self.cluster();
        let grant = cluster.assigned(ShardId(shard % cluster.shards().count())).expect("it is held");
        cluster.session(grant.session).expect("a session").node.0
    }

    fn leader(&self, topic: TopicId, index: i32) -> i32 {
        self.cluster().leader(PartitionId { topic, index }).expect("a leader").0.node.0
    }

    fn has(&self, name: &str) -> Option<TopicId> {
        self.cluster().topic_named(name).map(|topic| topic.id)
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_placed_as_it_is_assigned_or_not_created() {
    let (world, _) = World::with_topic(3).await;
    let row = |first: u32| (first..first + 5).map(|shard| vec![world.holder(shard)]).collect::<Vec<_>>();
    let wanted = [vec![vec![1]], vec![vec![2]], vec![vec![3]], row(0), row(700), row(1022)];
    for (nodes, n) in wanted.iter().zip(0..) {
        let name = format!("placed-{n}");
        assert_eq!(world.assign(&name, nodes).await, (ErrorCode::None, String::new()), "{nodes:?}");
        let topic = world.has(&name).expect("it is created");
        let leaders: Vec<_> = (0..nodes.len() as i32).map(|index| vec![world.leader(topic, index)]).collect();
        assert_eq!(&leaders, nodes);
    }
    // A topic as wide as there are shards is on every node.
    let (code, message) = world.assign("wide", &vec![vec![1]; 1024]).await;
    assert_eq!(code, INVALID);
    assert!(
        message.ends_with("The nodes place partitions themselves, on one node each: the store replicates.")
    );
    let (code, message) = world.assign("two", &[vec![1, 2]]).await;
    assert_eq!(code, INVALID);
    assert!(
        message.ends_with("The nodes place partitions themselves, on one node each: the store replicates.")
    );
    assert_eq!([world.has("wide"), world.has("two")], [None; 2]);
    let (code, _) = world.assign("t", &vec![vec![1]; 1024]).await;
    assert_eq!(code, ErrorCode::TopicAlreadyExists);
}

#[tokio::test(start_paused = true)]
async fn partitions_are_added_where_they_are_assigned_or_not_at_all() {
    let (world, writer) = World::with_topic(3).await;
    let [first, second] = [PARTITIONS, PARTITIONS + 1].map(|index| world.leader(writer.topic, index));
    let other = |node: i32| node % 3 + 1;
    for (nodes, reason) in [
        (vec![vec![other(first)]], format!("Partition 12 is led by broker {first}.")),
        (vec![vec![first], vec![other(second)]], format!("Partition 13 is led by broker {second}.")),
        (vec![vec![first, other(first)]], "A partition has 2 replicas.".to_owned()),
    ] {
        let (code, message) = world.extend(PARTITIONS + nodes.len() as i32, &nodes).await;
        let why = "The nodes place partitions themselves, on one node each: the store replicates.";
        assert_eq!((code, message), (INVALID, format!("{reason} {why}")));
    }
    let partitions = || world.cluster().topic_named("t").expect("it is there").partitions;
    assert_eq!(partitions(), PARTITIONS);
    let good = world.extend(PARTITIONS + 2, &[vec![first], vec![second]]).await;
    assert_eq!((good, partitions()), ((ErrorCode::None, String::new()), PARTITIONS + 2));
}
