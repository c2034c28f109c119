//! `tidelog status`: the cluster on one page, and what is wrong with it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Output, Target, megabytes, print_json, print_table};
use crate::survey::{Pace, State, Survey};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How to print the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// Fails if something is wrong with the cluster.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let survey = Survey::of(&arguments.target.client()).await?;
    let page = Page::of(&survey);
    match arguments.output {
        Output::Json => print_json(&page.json(&survey))?,
        Output::Table => print_table(&page.rows(&survey))?,
    }
    Ok(if page.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is printed.
struct Page {
    shards: i64,
    partitions: usize,
    versions: Vec<String>,
    pace: Pace,
    /// For how many seconds the pace is: a minute, or less where a node is younger.
    seconds: i64,
    problems: Vec<String>,
}

impl Page {
    fn of(survey: &Survey) -> Self {
        let told = || survey.nodes.iter().filter_map(|node| node.told.as_ref().ok());
        let held: i64 = survey.newest.sessions.iter().map(|session| i64::from(session.shards)).sum();
        let versions: BTreeSet<String> = told().map(|told| told.version.to_string()).collect();
        Self {
            shards: held + i64::from(survey.newest.unassigned_shards),
            partitions: survey.metadata.topics.values().map(|topic| topic.partitions.len()).sum(),
            versions: versions.into_iter().collect(),
            pace: told().map(Pace::of).sum(),
            seconds: told().map(|told| told.window_ms).min().unwrap_or(0) / 1000,
            problems: survey.problems(),
        }
    }

    fn rows(&self, survey: &Survey) -> Vec<Vec<String>> {
        let pace = &self.pace;
        let by_kind = pace.store.iter().map(|(kind, requests)| format!("{requests:.1} {kind}"));
        let by_kind: Vec<String> = by_kind.collect();
        let problem = if self.problems.is_empty() { "none" } else { "" };
        let mut rows: Vec<(&str, String)> = vec![
            ("cluster", survey.newest.cluster_id.to_string()),
            ("version", self.versions.join(", ")),
            ("nodes", format!("{}: {}", survey.nodes.len(), states(survey))),
            ("metadata", format!("{} entries", survey.newest.metadata_next)),
            ("topics", format!("{} with {} partitions", survey.metadata.topics.len(), self.partitions)),
            ("shards", format!("{}, {} unassigned", self.shards, survey.newest.unassigned_shards)),
            ("records", format!("{} MB/s in, {} MB/s out", megabytes(pace.taken), megabytes(pace.given))),
            ("store", format!("{:.1} requests/s ({})", pace.requests(), by_kind.join(", "))),
            (
                "price",
                format!("${:.2} a month on S3, at the pace of the last {} s", pace.dollars, self.seconds),
            ),
            ("problems", problem.to_owned()),
        ];
        rows.retain(|(_, text)| !text.is_empty());
        rows.extend(self.problems.iter().map(|problem| ("problem", problem.clone())));
        rows.into_iter().map(|(name, text)| vec![name.to_owned(), text]).collect()
    }

    fn json(&self, survey: &Survey) -> Value {
        let nodes = survey.nodes.iter().map(|node| {
            json!({"id": node.session.node_id, "address": node.address, "state": node.state().to_string()})
        });
        json!({
            "cluster": survey.newest.cluster_id.as_str(),
            "versions": self.versions,
            "nodes": nodes.collect::<Vec<_>>(),
            "metadata_entries": survey.newest.metadata_next,
            "topics": survey.metadata.topics.len(),
            "partitions": self.partitions,
            "partitions_without_leader": survey.leaderless(),
            "shards": self.shards,
            "shards_unassigned": survey.newest.unassigned_shards,
            "pace_seconds": self.seconds,
            "bytes_in_per_second": self.pace.taken,
            "bytes_out_per_second": self.pace.given,
            "store_requests_per_second": self.pace.store,
            "s3_dollars_per_month": self.pace.dollars,
            "ok": self.problems.is_empty(),
            "problems": self.problems,
        })
    }
}

/// How many nodes are in each state, such as `2 alive, 1 draining`.
fn states(survey: &Survey) -> String {
    let all = [
        State::Alive,
        State::Draining,
        State::Drained,
        State::Suspected,
        State::CutOff,
        State::Unreachable,
        State::Unreached,
    ];
    let count = |state| survey.nodes.iter().filter(|node| node.state() == state).count();
    let counted = all.into_iter().map(|state| (count(state), state)).filter(|(count, _)| *count > 0);
    counted.map(|(count, state)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}
