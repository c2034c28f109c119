//! One run: from an empty store, through everything that goes wrong, to a verdict.
//!
//! Everything follows from the seed: time is tokio's paused clock, store and network are in memory, and one
//! thread runs it all.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Epoch;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tiering::watch;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout};

use crate::chaos::Chaos;
use crate::check;
use crate::client::{self, Client, GroupPlan, PROGRESS, PartitionIndex, Stage, Tally, Topic, Whole};
use crate::cluster::Cluster;
use crate::history::{Event, GroupAsked, GroupReply, GroupRequest, Partition, Place, partitions, shares};
use crate::misaddressed::Caused;
use crate::report::Report;
use crate::scenario::{Scenario, partitions as partitions_of};
use crate::trace::Trace;
use crate::{ending, forgotten, logs, moves, panics, stored, trial};

/// The time that readers may take in the end, though they are given records. There may be much to read.
const LONGEST: Duration = Duration::from_secs(1800);

/// The time between two races.
const RACE: Duration = Duration::from_secs(9);

/// Where there are hot partitions, producers with a lower number write to them alone.
const COLD: usize = 4;

/// What is wanted of a run besides its report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Print the trace.
    pub trace: bool,
    /// Keep the history.
    pub history: bool,
}

/// Runs a scenario. The history is empty unless it was asked for.
pub fn run(scenario: &Scenario, options: Options) -> (Report, Vec<Event>) {
    panics::collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let ran = match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(world(scenario, options))),
        Err(error) => Err(error.into()),
    };
    let (mut report, history) = ran.unwrap_or_else(|error| {
        let violations = vec![format!("the run failed: {error:#}")];
        (Report { runs: 1, violations, ..Report::default() }, Vec::new())
    });
    report.violations.extend(logs::collected());
    report.violations.extend(panics::collected().into_iter().map(|panic| format!("panic: {panic}")));
    (report, history)
}

async fn world(scenario: &Scenario, options: Options) -> anyhow::Result<(Report, Vec<Event>)> {
    let mut rng = StdRng::seed_from_u64(scenario.seed ^ 0x7469_6465);
    let (began, trace) = (Instant::now(), Arc::new(Trace::new(options.trace)));
    logs::collect(&trace, scenario.damages());
    let mut cluster = Cluster::new(scenario.setup.clone(), rng.random(), Arc::clone(&trace)).await?;
    cluster.misaddress(scenario.variety.misaddressed);
    let (stage, seen) = watch::channel(Stage::Running);
    let mut clients = Clients {
        next: 0,
        yard: Arc::default(),
        seed: StdRng::seed_from_u64(rng.random()),
        model: Client {
            number: 0,
            network: cluster.network.clone(),
            nodes: cluster.len(),
            topics: Arc::new(scenario.topics.clone()),
            history: Arc::default(),
            tally: Arc::default(),
            trace: Arc::clone(&trace),
            began,
            stage: seen,
            rng: StdRng::seed_from_u64(0),
        },
    };
    let (producers, consumers) = clients.spawn(scenario);
    let chaos = Chaos::new(scenario, &mut cluster, StdRng::seed_from_u64(rng.random()), clients.next);
    let mut report = Report { runs: 1, suffered: chaos.run().await, ..Report::default() };
    if let Some(trial) = scenario.trial {
        let (history, suffered) = (&clients.model.history, &mut report.suffered);
        let failed = trial::run(trial, scenario, &mut cluster, history, &mut rng, suffered).await;
        report.violations.extend(failed);
    }
    stage.send_replace(Stage::Finishing);
    let verdict = tokio::select! {
        biased;
        verdict = finish(scenario, &stage, producers, consumers, &mut clients) => verdict,
        () = cluster.supervise(&scenario.fair) => Ok(()),
    };
    report.violations.extend(verdict.err());
    let history = conclude(scenario, &mut report, &cluster, &clients.model, began).await?;
    cluster.clear();
    Ok((report, if options.history { history } else { Vec::new() }))
}

/// Waits until everything is acknowledged and read, and notes the final log.
async fn finish(
    scenario: &Scenario,
    stage: &watch::Sender<Stage>,
    producers: Vec<JoinHandle<()>>,
    consumers: Vec<JoinHandle<()>>,
    clients: &mut Clients,
) -> Result<(), String> {
    let patience = PROGRESS + scenario.sending();
    let no_progress = |what| format!("no progress: {what} in {patience:?} after everything was mended");
    let finished = timeout(patience, futures::future::join_all(producers)).await;
    finished.map_err(|_| no_progress("not everything was acknowledged"))?;
    let mut reader = clients.next();
    for plan in &scenario.groups {
        let places = committed(&clients.model.history.lock(), plan);
        let fetched = timeout(PROGRESS, client::fetch_offsets(&reader, plan, places)).await;
        fetched.map_err(|_| no_progress("committed offsets were not read"))?;
    }
    let (mut ends, mut read): (BTreeMap<PartitionIndex, i64>, BTreeMap<PartitionIndex, Whole>) =
        Default::default();
    let not_read = |_| no_progress("the log was not read");
    for (at, topic) in scenario.topics.iter().enumerate() {
        for index in 0..topic.partitions {
            let whole = client::read_all(&mut reader, (at, index)).await.map_err(not_read)?;
            ends.insert((at, index), whole.log.last().map_or(whole.log_start, |last| last.offset + 1));
            read.insert((at, index), whole);
        }
    }
    if scenario.variety.churn.is_some() {
        ending::of_churn(&mut reader, &clients.yard).await?;
    }
    stage.send_replace(Stage::Draining(Arc::new(ends)));
    drained(consumers, &clients.model).await.map_err(|_| no_progress("not everything was read"))?;
    // What expects no answer may have come into the log meanwhile, and have been read.
    for ((at, index), whole) in read {
        let whole = client::read_rest(&mut reader, (at, index), Some(whole)).await.map_err(not_read)?;
        ending::note(&clients.model, &scenario.topics[at].name, index, whole);
    }
    Ok(())
}

/// Waits for those who read, for as long as any of them is given records.
async fn drained(consumers: Vec<JoinHandle<()>>, client: &Client) -> Result<(), Elapsed> {
    let polls = || client.tally.lock().polls;
    let mut all = pin!(futures::future::join_all(consumers));
    let all = async {
        loop {
            let before = polls();
            match timeout(PROGRESS, &mut all).await {
                Err(elapsed) if polls() == before => return Err(elapsed),
                Err(_) => {}
                Ok(_) => return Ok(()),
            }
        }
    };
    timeout(LONGEST, all).await?
}

/// The partitions that a client committed for, or tried to.
fn committed(history: &[Event], plan: &GroupPlan) -> BTreeSet<Place> {
    let commits = history.iter().filter_map(|event| match event {
        Event::GroupAsked(GroupAsked { group, request: GroupRequest::Commit(offsets), .. })
            if *group == plan.name =>
        {
            Some(offsets)
        }
        _ => None,
    });
    commits.flatten().map(|(place, _)| place.clone()).collect()
}

async fn conclude(
    scenario: &Scenario,
    report: &mut Report,
    cluster: &Cluster,
    client: &Client,
    began: Instant,
) -> anyhow::Result<Vec<Event>> {
    let history = std::mem::take(&mut *client.history.lock());
    let found = check::check(&history).into_iter().map(|violation| violation.to_string());
    // Without a final log, everything would be lost.
    if report.violations.is_empty() {
        report.violations.extend(found);
    }
    report.acknowledged = history.iter().filter(|event| matches!(event, Event::Ack { .. })).count() as u64;
    report.seen = history.iter().filter(|event| matches!(event, Event::Seen { .. })).count() as u64;
    report.deletions = history
        .iter()
        .filter(|event| matches!(event, Event::Trim { offset, .. } if *offset != i64::MAX))
        .count() as u64;
    let groups = history.iter().filter_map(|event| match event {
        Event::GroupAnswered { reply, .. } => Some(reply),
        _ => None,
    });
    for reply in groups {
        match reply {
            GroupReply::Done => report.group_requests += 1,
            GroupReply::Offsets(_) => report.offset_fetches += 1,
            GroupReply::Joined { .. } => report.joins += 1,
            GroupReply::Beat { .. } => report.beats += 1,
            GroupReply::Refused(_) => report.group_refusals += 1,
        }
    }
    for exchange in shares(&history).into_values().flat_map(|group| group.exchanges) {
        let done = |place: &Place| {
            exchange
                .answer
                .as_ref()
                .is_some_and(|(_, a)| a.acknowledged.iter().any(|of| *of == (place.clone(), 0)))
        };
        let done = exchange.request.said.iter().filter(|said| done(&said.place)).count() as u64;
        report.said += done;
        report.unsaid += exchange.request.said.len() as u64 - done;
        let given = exchange.answer.iter().flat_map(|(_, answer)| &answer.given);
        report.given += given.map(|range| (range.last - range.first + 1) as u64).sum::<u64>();
    }
    report.dropped = partitions(&history).values().map(Partition::dropped).sum();
    let Tally { unknown, retries, wrong, mut created, .. } = client.tally.lock().clone();
    report.varied.take(&client.tally.lock(), &history);
    if scenario.variety.forgotten.is_some() {
        report.varied.forgotten = forgotten::count(&cluster.objects).await?;
    }
    created.sort();
    let twice = created.windows(2).filter(|two| two[0] == two[1]);
    report.violations.extend(
        twice.map(|two| format!("created twice: two clients were answered that they created {}", two[0])),
    );
    (report.unknown, report.retries) = (unknown, retries);
    report.violations.extend(wrong);
    (report.faults, report.ambiguous, report.hesitated) = cluster.counts();
    report.add_late(cluster.ledger.late());
    report.simulated_ms = began.elapsed().as_millis() as u64;
    let (moves, state) = moves::replay(&cluster.objects).await?;
    report.moves = moves;
    report.misaddressed = Caused::count(&cluster.objects, &cluster.astray(), Epoch(0)).await?;
    if let Some(state) = state {
        report.violations.extend(stored::contradictions(&cluster.objects, &state).await?);
    }
    (report.hash, report.lines) = (cluster.trace.hash(), cluster.trace.lines());
    Ok(history)
}

/// Creates topics at moments at which another client does the same: only one may be answered that it did.
async fn compete(mut client: Client) {
    for round in 1..=4 {
        sleep_until(client.began + RACE * round).await;
        let topic = Topic { name: Arc::from(format!("disputed{round}")), partitions: 1, keeps: -1 };
        client::create_topic(&mut client, &topic, false).await;
    }
}

/// Makes clients.
struct Clients {
    next: usize,
    /// What those know who create and delete topics.
    yard: client::Yard,
    seed: StdRng,
    model: Client,
}

impl Clients {
    fn next(&mut self) -> Client {
        let number = self.next;
        self.next += 1;
        Client { number, rng: StdRng::seed_from_u64(self.seed.random()), ..self.model.clone() }
    }

    /// Those who shall come to an end before the log is read: producers, one that deletes, and the clients of
    /// groups; and consumers, the members of share groups among them. Each waits until the topics exist.
    fn spawn(&mut self, scenario: &Scenario) -> (Vec<JoinHandle<()>>, Vec<JoinHandle<()>>) {
        let all: Vec<PartitionIndex> = partitions_of(&scenario.topics).collect();
        let (made, exist) = watch::channel(false);
        let mut admin = self.next();
        let topics = scenario.topics.clone();
        let shares: Vec<_> = scenario.shares.iter().map(|plan| Arc::clone(&plan.name)).collect();
        if scenario.rivals {
            for _ in 0..2 {
                drop(tokio::spawn(compete(self.next())));
            }
        }
        drop(tokio::spawn(async move {
            // A client that knows the topics knows what came before them.
            client::begin_early(&mut admin, &shares).await;
            for topic in &topics {
                let stamps = admin.rng.random_bool(0.2);
                client::create_topic(&mut admin, topic, stamps).await;
            }
            made.send_replace(true);
        }));
        let some = |rng: &mut StdRng| {
            let mut some: Vec<_> = all.iter().filter(|_| rng.random_bool(0.6)).copied().collect();
            if some.is_empty() {
                some.push(all[0]);
            }
            some
        };
        let mut producers = Vec::new();
        for number in 0..scenario.producers {
            let (mut client, mut exist, pace) = (self.next(), exist.clone(), scenario.pace);
            let hot = &scenario.variety.hot;
            let partitions = match scenario.trial {
                Some(_) if number < COLD && !hot.is_empty() => vec![hot[number % hot.len()]],
                Some(_) => vec![all[number % all.len()]],
                None => some(&mut client.rng),
            };
            let plain = number < scenario.variety.plain;
            producers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_err() {
                    return;
                }
                match plain {
                    true => client::produce_plainly(client, partitions, pace).await,
                    false => client::produce(client, partitions, pace).await,
                }
            }));
        }
        for _ in 0..scenario.variety.careless {
            let (mut client, mut exist) = (self.next(), exist.clone());
            let partitions = some(&mut client.rng);
            producers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_ok() {
                    client::be_careless(client, partitions).await;
                }
            }));
        }
        if let Some(churn) = scenario.variety.churn {
            for _ in 0..churn.clients {
                let (client, yard) = (self.next(), Arc::clone(&self.yard));
                producers.push(tokio::spawn(client::churn(client, yard, churn)));
            }
        }
        if let Some(gap) = scenario.deletions {
            let (client, mut exist, all) = (self.next(), exist.clone(), all.clone());
            producers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_ok() {
                    client::delete(client, all, gap).await;
                }
            }));
        }
        for plan in scenario.groups.iter().cloned() {
            let clients: Vec<_> = (0..plan.clients).map(|_| self.next()).collect();
            let mut exist = exist.clone();
            producers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_ok() {
                    client::run_group(plan, clients).await;
                }
            }));
        }
        let mut consumers = Vec::new();
        for _ in 0..scenario.consumers {
            let (mut client, mut exist) = (self.next(), exist.clone());
            let partitions = some(&mut client.rng);
            consumers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_ok() {
                    client::consume(client, partitions).await;
                }
            }));
        }
        for plan in scenario.shares.iter().cloned() {
            let clients = plan.clients + usize::from(plan.deletions.is_some());
            let clients: Vec<_> = (0..clients).map(|_| self.next()).collect();
            let mut exist = exist.clone();
            consumers.push(tokio::spawn(async move {
                if exist.wait_for(|exist| *exist).await.is_ok() {
                    client::run_group(plan, clients).await;
                }
            }));
        }
        (producers, consumers)
    }
}

#[cfg(test)]
#[path = "run_test.rs"]
mod tests;
