use proptest::prelude::*;

use super::*;

/// A cluster of nodes that come and go, without sessions around it.
#[derive(Default)]
struct World {
    nodes: Vec<NodeId>,
    held: Vec<Option<NodeId>>,
}

impl World {
    fn new(shards: usize) -> Self {
        Self { nodes: Vec::new(), held: vec![None; shards] }
    }

    /// Settles, and returns how many shards moved that were held by a living node.
    fn settle(&mut self) -> usize {
        let before = self.held.clone();
        let index = |node: NodeId| self.nodes.iter().position(|n| *n == node);
        let held = self.held.iter().map(|node| node.and_then(index)).collect();
        let places: Vec<_> = self.nodes.iter().map(|node| Place { node: *node, takes: true }).collect();
        let mut placement = Placement::of(&places, held);
        placement.place_free();
        placement.settle();
        self.held = placement.held.into_iter().map(|at| at.map(|at| self.nodes[at])).collect();
        let moved = |(old, new): &(&Option<NodeId>, &Option<NodeId>)| {
            old.is_some_and(|old| self.nodes.contains(&old)) && old != new
        };
        before.iter().zip(&self.held).filter(moved).count()
    }

    fn loads(&self) -> Vec<usize> {
        self.nodes.iter().map(|n| self.held.iter().filter(|h| **h == Some(*n)).count()).collect()
    }

    /// The most partitions of a topic with `partitions` that one node leads, wherever the topic begins.
    fn crowd(&self, partitions: usize) -> usize {
        let count = |start: usize, node: &NodeId| {
            (0..partitions).filter(|i| self.held[(start + i) % self.held.len()] == Some(*node)).count()
        };
        let starts = 0..self.held.len();
        starts.flat_map(|start| self.nodes.iter().map(move |node| count(start, node))).max().unwrap_or(0)
    }
}

#[test]
fn nodes_that_join_one_by_one_share_evenly_and_little_moves() {
    let mut world = World::new(1024);
    for joined in 1..=8usize {
        world.nodes.push(NodeId(joined as i32 * 7));
        let moved = world.settle();
        let loads = world.loads();
        assert!(loads.iter().max() <= loads.iter().min().map(|l| l + 1).as_ref(), "{loads:?}");
        // Only what the new node gets has moved.
        assert_eq!(moved, if joined == 1 { 0 } else { 1024 / joined }, "with node {joined}");
        assert_eq!(world.settle(), 0, "what is settled stays");
    }
}

#[test]
fn a_topic_of_twelve_partitions_never_crowds_on_one_of_three_nodes() {
    let mut world = World::new(1024);
    for node in [3, 1, 2] {
        world.nodes.push(NodeId(node));
        world.settle();
    }
    assert!(world.crowd(12) <= 6, "{}", world.crowd(12));
    // Whoever leaves and comes back.
    for node in [1, 2, 3, 1] {
        world.nodes.retain(|n| *n != NodeId(node));
        world.settle();
        world.nodes.push(NodeId(node));
        world.settle();
        assert!(world.crowd(12) <= 6, "{}", world.crowd(12));
    }
}

#[test]
fn with_nobody_there_nothing_is_placed() {
    let mut world = World::new(16);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.held, vec![None; 16]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn loads_are_bounded_and_the_dead_hold_nothing(
        steps in proptest::collection::vec((0..12i32, any::<bool>()), 1..25),
        shards in 1..200usize,
    ) {
        let mut world = World::new(shards);
        for (node, joins) in steps {
            let node = NodeId(node);
            world.nodes.retain(|n| *n != node);
            let lost = world.held.iter().filter(|h| **h == Some(node)).count();
            if joins {
                world.nodes.push(node);
                world.nodes.sort();
            }
            let before = world.loads();
            let moved = world.settle();
            let loads = world.loads();
            let nodes = world.nodes.len();
            prop_assert_eq!(loads.iter().sum::<usize>(), if nodes == 0 { 0 } else { shards });
            if let Some(even) = shards.checked_div(nodes) {
                let slack = (even / 8).max(1);
                let most = loads.iter().max().copied().unwrap_or(0);
                prop_assert!(most <= shards.div_ceil(nodes) + slack, "{:?}", loads);
                prop_assert!(loads.iter().all(|l| l + slack >= even), "{:?}", loads);
                // Nothing moves between nodes unless somebody joined, or was uneven before.
                if !joins && lost == 0 && before == loads {
                    prop_assert_eq!(moved, 0);
                }
            }
        }
    }
}
