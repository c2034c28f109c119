use proptest::prelude::*;

use super::super::balance::{Place, Placement};
use super::*;
use crate::NodeId;

/// Nodes and shards, each with what it carries.
struct World {
    places: Vec<Place>,
    held: Vec<usize>,
    rates: Vec<f64>,
}

impl World {
    /// Shards spread over this many nodes.
    fn new(nodes: usize, rates: Vec<f64>) -> Self {
        let places: Vec<_> = (1..=nodes as i32).map(|n| Place { node: NodeId(n), takes: true }).collect();
        let mut placement = Placement::of(&places, vec![None; rates.len()]);
        placement.place_free();
        let held = placement.held.iter().map(|at| at.expect("a node")).collect();
        Self { places, held, rates }
    }

    fn nodes(&self) -> Vec<Node> {
        let mut nodes = vec![Node { shards: 0, load: Some(0.0) }; self.places.len()];
        for (at, rate) in self.held.iter().zip(&self.rates) {
            nodes[*at].shards += 1;
            nodes[*at].load = nodes[*at].load.map(|load| load + rate);
        }
        nodes
    }

    /// How much more the busiest has to do than the mean.
    fn skew(&self) -> f64 {
        let most = self.nodes().into_iter().filter_map(|node| node.load).fold(0.0, f64::max);
        most * self.places.len() as f64 / self.rates.iter().sum::<f64>()
    }

    /// Every node gives away what it should, all at once; how many shards that were.
    fn round(&mut self) -> usize {
        let (nodes, even) = (self.nodes(), self.rates.len() / self.places.len());
        let mut moved = Vec::new();
        for own in 0..nodes.len() {
            let shards = (0..self.held.len()).filter(|shard| self.held[*shard] == own);
            let rates: Vec<_> = shards.map(|shard| (ShardId(shard as u32), self.rates[shard])).collect();
            moved.extend(Relief { nodes: &nodes, even, least: 0.0 }.of(own, &rates));
        }
        for (shard, to) in &moved {
            self.held[shard.0 as usize] = *to;
        }
        moved.len()
    }

    /// Whether the numbers of shards are left alone as they are.
    fn is_left_alone(&self) -> bool {
        let held: Vec<_> = self.held.iter().map(|at| Some(*at)).collect();
        let mut placement = Placement::of(&self.places, held.clone());
        placement.settle();
        placement.held == held
    }
}

/// A node whose every shard is busy, among others that idle.
#[test]
fn many_busy_shards_are_swapped_for_idle_ones() {
    let mut world = World::new(3, vec![0.0; 1024]);
    for shard in 0..1024 {
        world.rates[shard] = if world.held[shard] == 0 { 1.0 } else { 0.0 };
    }
    let (mut rounds, mut moved) = (0, 0);
    loop {
        match world.round() {
            0 => break,
            more => moved += more,
        }
        rounds += 1;
        assert!(world.is_left_alone(), "after {rounds} rounds: {:?}", world.nodes());
        assert!(rounds < 20 && moved < 1024, "{rounds} rounds, {moved} moves: {:?}", world.nodes());
    }
    assert!(world.skew() <= TOLERATED, "{:?}", world.nodes());
}

#[test]
fn the_busiest_gives_to_the_idlest_what_evens_them_out() {
    let nodes = [Node { shards: 8, load: Some(100.0) }, Node { shards: 8, load: Some(0.0) }];
    let rates: Vec<_> = (0..).map(ShardId).zip([50.0, 20.0, 20.0, 10.0, 0.0, 0.0, 0.0, 0.0]).collect();
    let relief = |nodes, least| Relief { nodes, even: 8, least };
    assert_eq!(relief(&nodes, 0.0).of(0, &rates), [(ShardId(0), 1)], "half of it, in one move");
    assert_eq!(relief(&nodes, 0.0).of(1, &rates), [], "others do nothing");
    assert_eq!(relief(&nodes, 1000.0).of(0, &rates), [], "not worth it");
    let even = [nodes[0], Node { shards: 8, load: Some(80.0) }];
    assert_eq!(relief(&even, 0.0).of(0, &rates), []);
    let alone: Vec<_> = (0..).map(ShardId).zip([100.0, 0.0]).collect();
    assert_eq!(relief(&nodes, 0.0).of(0, &alone), [], "one busy shard does not change places");
    assert_eq!(relief(&[], 0.0).of(0, &[]), []);
}

#[test]
fn numbers_of_shards_limit_what_moves() {
    let nodes = [Node { shards: 64, load: Some(64.0) }, Node { shards: 64, load: Some(0.0) }];
    let rates: Vec<_> = (0..64).map(|shard| (ShardId(shard), 1.0)).collect();
    let relief = |nodes| Relief { nodes, even: 64, least: 0.0 };
    assert_eq!(relief(&nodes).of(0, &rates).len(), 8);
    let idle: Vec<_> = (0..72).map(|shard| (ShardId(shard), 0.0)).collect();
    let nodes = [Node { shards: 56, load: Some(56.0) }, Node { shards: 72, load: Some(8.0) }];
    assert_eq!(relief(&nodes).of(0, &rates[8..]), []);
    assert_eq!(relief(&nodes).of(1, &idle).len(), 8, "what is idle comes back");
    let silent = [Node { load: None, ..nodes[0] }, nodes[1]];
    assert_eq!(relief(&silent).of(1, &idle), []);
}

/// What a shard carries: nothing, little, or much.
fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => Just(0.0),
        2 => 0.0..1.0,
        2 => 1.0..100.0,
        1 => (0..9u32).prop_map(|power| f64::from(1u32 << power) * 10.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_load_settles(
        nodes in 1..9usize,
        rates in proptest::collection::vec(rate(), 1..300),
    ) {
        let mut world = World::new(nodes, rates);
        let (mut rounds, mut moved) = (0, 0);
        loop {
            let more = world.round();
            if more == 0 {
                break;
            }
            (rounds, moved) = (rounds + 1, moved + more);
            prop_assert!(world.is_left_alone(), "after {} rounds: {:?}", rounds, world.nodes());
            prop_assert!(rounds <= 8 * nodes && moved <= 2 * world.rates.len(), "{} rounds, {} moves", rounds, moved);
        }
    }
}
