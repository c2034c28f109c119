//! What else a seed draws: clients of other kinds, in the place of some, and nodes that differ.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::log::LogConfig;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::client::{Churn, GroupKind, PartitionIndex};
use crate::misaddressed::Misaddressed;
use crate::scenario::{Misfortune, Scenario, partitions};
use crate::trial::Trial;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variety {
    /// The clients that create and delete topics.
    pub churn: Option<Churn>,
    /// How many of the producers are not idempotent.
    pub plain: usize,
    /// How many clients treat their connections badly.
    pub careless: usize,
    /// After how long idle producers are forgotten, if that is soon.
    pub forgotten: Option<Duration>,
    /// How long groups' offsets are kept, if not for long.
    pub retention: Option<Duration>,
    /// The node that advertises a wrong address, for one process life or for all.
    pub misaddressed: Option<Misaddressed>,
    /// The partitions to which most producers write, if load differs by shard.
    pub hot: Vec<PartitionIndex>,
}

impl Scenario {
    /// Draws them. Returns settings of the cluster.
    pub(crate) fn vary(&mut self, rng: &mut StdRng) -> BTreeMap<String, String> {
        if rng.random_bool(0.45) {
            let pause_ms = *[100, 400, 1200].choose(rng).unwrap_or(&400);
            let damages = self.damages();
            self.variety.churn =
                Some(Churn { clients: rng.random_range(2..=4), pause_ms, damages, forgotten: false });
            self.setup.config.auto_create_topics = true;
            self.setup.config.default_partitions = rng.random_range(1..=3);
            self.producers = (self.producers - 1).max(1);
            self.consumers = (self.consumers - 1).max(1);
            self.groups.truncate(2);
        }
        if rng.random_bool(0.4) {
            self.variety.plain = rng.random_range(1..=self.producers);
        }
        if rng.random_bool(0.3) {
            self.variety.careless = 1;
            self.consumers = (self.consumers - 1).max(1);
        }
        if rng.random_bool(0.4) {
            let common = self.setup.config.log.clone();
            self.setup.logs = (0..self.setup.nodes).map(|_| own(&common, rng)).collect();
        }
        self.forget(rng);
        self.expire(rng)
    }

    /// Whether a node's address is wrong, in a trial or all along. The others must be able to agree that it is.
    pub(crate) fn misaddress(&mut self, rng: &mut StdRng) {
        let trial = Trial::Misaddressed;
        if self.trial.is_some() || self.setup.nodes < trial.nodes() {
            return;
        }
        if self.setup.upload.is_none() && rng.random_bool(0.05) {
            self.put_on_trial(trial, rng);
        } else if rng.random_bool(0.08) {
            let lives = *[1, 1, u64::MAX].choose(rng).unwrap_or(&1);
            self.variety.misaddressed = Some(Misaddressed::draw(self.setup.nodes, lives, rng));
        }
    }

    /// Whether producers write to a few partitions only, so that load moves shards.
    pub(crate) fn skew(&mut self, rng: &mut StdRng) {
        let trial = Trial::Skewed;
        let is_free = self.trial.is_none() && self.variety.misaddressed.is_none();
        if is_free
            && self.setup.upload.is_none()
            && self.setup.nodes >= trial.nodes()
            && rng.random_bool(0.05)
        {
            self.put_on_trial(trial, rng);
            (self.consumers, self.pace.padding) = (1, 500);
            self.shares.clear();
            let all: Vec<_> = partitions(&self.topics).collect();
            let count = rng.random_range(1..=3);
            self.variety.hot = all.choose_multiple(rng, count).copied().collect();
        }
    }

    /// Whether clients delete share groups, which few members use then, who come and go.
    pub(crate) fn delete_shares(&mut self, rng: &mut StdRng) {
        for plan in &mut self.shares {
            if rng.random_bool(0.4) {
                let gap = *[1500, 4000, 8000].choose(rng).unwrap_or(&4000);
                plan.deletions = Some(Duration::from_millis(gap));
                plan.clients = plan.clients.min(2);
                plan.restless = true;
            }
        }
    }

    /// What members of groups are like, and how many there are.
    pub(crate) fn vary_groups(&mut self, consumer_session: Duration, rng: &mut StdRng) {
        for plan in &mut self.groups {
            if plan.retention.is_some() && rng.random_bool(0.6) {
                plan.kind = *[GroupKind::Classic, GroupKind::Consumer].choose(rng).unwrap_or(&plan.kind);
                plan.session = consumer_session;
            }
            if plan.kind == GroupKind::Simple {
                continue;
            }
            plan.statics = rng.random_bool(0.2);
            plan.regex = plan.kind == GroupKind::Consumer && rng.random_bool(0.25);
        }
        if rng.random_bool(0.04)
            && let Some(plan) = self.groups.iter_mut().find(|plan| plan.kind != GroupKind::Simple)
        {
            plan.clients = rng.random_range(20..=40);
            self.consumers = 1;
        }
    }

    /// Whether idle producers are forgotten soon. Clocks that are set would have them forgotten at once.
    fn forget(&mut self, rng: &mut StdRng) {
        if rng.random_bool(0.2) {
            let after = Duration::from_secs(*[10, 20, 45].choose(rng).unwrap_or(&20));
            self.variety.forgotten = Some(after);
            self.setup.config.log.producer_expiration = after;
            self.setup.logs.iter_mut().for_each(|log| log.producer_expiration = after);
            self.setup.config.producer_check_interval = Duration::from_secs(rng.random_range(1..10));
            self.pace.forgotten = true;
            self.variety.churn.iter_mut().for_each(|churn| churn.forgotten = true);
            self.misfortunes.remove(&Misfortune::Clock);
        }
    }

    /// Whether the offsets of groups expire soon, and groups with them.
    fn expire(&mut self, rng: &mut StdRng) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        if rng.random_bool(0.1) && !self.groups.is_empty() {
            let retention = Duration::from_secs(60);
            self.variety.retention = Some(retention);
            for plan in &mut self.groups {
                (plan.kind, plan.retention) = (GroupKind::Simple, Some(retention));
            }
            self.misfortunes.remove(&Misfortune::Clock);
            self.chaos = Duration::from_secs(rng.random_range(85..=110));
            let check = rng.random_range(500..5000);
            settings.insert("offsets.retention.minutes".to_owned(), "1".to_owned());
            settings.insert("offsets.retention.check.interval.ms".to_owned(), check.to_string());
        }
        settings
    }
}

/// A node's own settings: another machine, or another build's defaults.
fn own(common: &LogConfig, rng: &mut StdRng) -> LogConfig {
    LogConfig {
        slot_bytes: *[1 << 10, 1 << 13, 1 << 16].choose(rng).unwrap_or(&(1 << 16)),
        linger: Duration::from_millis(*[0, 5, 30, 100].choose(rng).unwrap_or(&5)),
        window: rng.random_range(1..8),
        tail_bytes: 1 << rng.random_range(8..16),
        checkpoint_slots: rng.random_range(2..40),
        rotate_after: Duration::from_secs(*[5, 20, 900].choose(rng).unwrap_or(&20)),
        rotate_slots: 1 << rng.random_range(3..12),
        ..common.clone()
    }
}
