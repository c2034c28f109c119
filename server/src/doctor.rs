//! `tidelog doctor`: whether a store keeps what the log relies on, and what is in it.

use std::process::ExitCode;

use clap::Args;
use coordinator::Epoch;
use coordinator::cluster::Cluster;
use serde_json::{Value, json};
use tiering::format::keys;
use tiering::metadata::MetadataLog;
use tiering::seams::{Clock, Entropy};
use tiering::store::{Check, Outcome, ProbeError, ProbeReport, Store, StoreOptions, StoreUrl, probe};

use crate::cli::{Output, print_json, print_table};

/// More failures than this mean that the store is not there rather than that it lies.
const MANY: usize = 2;

const ADVICE: &str = "does the bucket exist, can it be reached from here, and may these credentials read, write, list and delete?";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The store
    #[arg(long, value_name = "URL", env = "TIDELOG_STORE", default_value = "file://./tidelog-data")]
    store: StoreUrl,
    /// The server, for a store that speaks S3's protocol
    #[arg(long, value_name = "URL", env = "TIDELOG_S3_ENDPOINT")]
    s3_endpoint: Option<String>,
    /// The region of the bucket
    #[arg(long, value_name = "REGION", env = "TIDELOG_S3_REGION")]
    s3_region: Option<String>,
    /// Whether the bucket is named in the path of a request
    #[arg(long, value_name = "BOOL", env = "TIDELOG_S3_PATH_STYLE", num_args = 0..=1, default_missing_value = "true")]
    s3_path_style: Option<bool>,
    /// How to print the findings
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let options = StoreOptions {
        endpoint: arguments.s3_endpoint.clone(),
        region: arguments.s3_region.clone(),
        path_style: arguments.s3_path_style,
        ..StoreOptions::default()
    };
    let entropy = Entropy::from_os();
    let store = Store::open(&arguments.store, &options).await?;
    let report = probe(&store, entropy.ulid(&Clock::system())).await;
    let sound = report.verdict().is_ok();
    let cluster = if sound { cluster(&store, entropy).await? } else { None };
    match arguments.output {
        Output::Json => print_json(&findings(&arguments.store, &report, cluster.as_ref()))?,
        Output::Table => {
            print_table(&[vec!["store".to_owned(), arguments.store.to_string()]])?;
            print_table(&report.checks.iter().map(row).collect::<Vec<_>>())?;
            let verdict = match report.verdict() {
                Ok(()) => "this store keeps what the log relies on",
                Err(ProbeError::Unavailable(_)) => "a node waits for this store before it serves",
                Err(_) => "a node refuses to serve on this store",
            };
            let mut rows = vec![vec!["verdict".to_owned(), verdict.to_owned()]];
            if report.checks.iter().filter(|check| check.outcome != Outcome::Pass).count() > MANY {
                rows.push(vec!["advice".to_owned(), ADVICE.to_owned()]);
            }
            rows.extend(sound.then(|| contents(cluster.as_ref())).into_iter().flatten());
            print_table(&rows)?;
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cluster on a store, if there is one. Nothing is written.
async fn cluster(store: &Store, entropy: Entropy) -> anyhow::Result<Option<Cluster>> {
    match store.head(&keys::entry(Epoch(0))).await {
        Ok(_) => Ok(Some(Cluster::clone(&MetadataLog::open(store.clone(), entropy).await?.current()))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn row(check: &Check) -> Vec<String> {
    let (mark, detail) = match &check.outcome {
        Outcome::Pass => ("ok", &check.detail),
        Outcome::Fail(reason) => ("FAIL", reason),
        Outcome::Unclear(reason) => ("no answer", reason),
    };
    let elapsed = format!("{:.1} ms", check.elapsed.as_secs_f64() * 1000.0);
    // Stores answer with pages of XML.
    let detail = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    vec![mark.to_owned(), check.name.to_owned(), elapsed, detail]
}

/// A line on the cluster, and one on each session that is open.
fn contents(cluster: Option<&Cluster>) -> Vec<Vec<String>> {
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let Some(cluster) = cluster else {
        return vec![row("cluster", "none yet: the first node begins one".to_owned())];
    };
    let topics = cluster.topics().count();
    let mut rows = vec![row(
        "cluster",
        format!(
            "{}, format level {}, {} metadata entries, {topics} topics",
            cluster.id(),
            cluster.format().level,
            cluster.next().0
        ),
    )];
    for session in cluster.open_sessions() {
        let addresses: Vec<String> = session.addresses.iter().map(ToString::to_string).collect();
        let text = format!("{} of node {} at {}", session.id, session.node, addresses.join(", "));
        rows.push(row("session", format!("{text}: open, so its node lives or was not stopped cleanly")));
    }
    if rows.len() == 1 {
        rows.push(row("session", "none open: the last node was stopped cleanly".to_owned()));
    }
    rows
}

fn findings(store: &StoreUrl, report: &ProbeReport, cluster: Option<&Cluster>) -> Value {
    let checks = report.checks.iter().map(|check| {
        let failure = match &check.outcome {
            Outcome::Pass => None,
            Outcome::Fail(reason) | Outcome::Unclear(reason) => Some(reason),
        };
        json!({
            "check": check.name,
            "ok": failure.is_none(),
            "failure": failure,
            "detail": check.detail,
            "ms": check.elapsed.as_secs_f64() * 1000.0,
        })
    });
    let cluster = cluster.map(|cluster| {
        let sessions = cluster.open_sessions().map(|session| {
            let addresses = session.addresses.iter().map(ToString::to_string);
            json!({
                "session": session.id.to_string(),
                "node": session.node.0,
                "addresses": addresses.collect::<Vec<_>>(),
            })
        });
        json!({
            "id": cluster.id().to_string(),
            "format_level": cluster.format().level,
            "metadata_entries": cluster.next().0,
            "topics": cluster.topics().count(),
            "open_sessions": sessions.collect::<Vec<_>>(),
        })
    });
    json!({
        "store": store.to_string(),
        "ok": report.verdict().is_ok(),
        "checks": checks.collect::<Vec<_>>(),
        "cluster": cluster,
    })
}
