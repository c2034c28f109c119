//! Where a group shall read on.

use std::time::Duration;

use clap::Args;

use crate::cli::duration;

/// What may be typed: one of these.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// To the first record
    #[arg(long, group = "to")]
    to_earliest: bool,
    /// Behind the last record
    #[arg(long, group = "to")]
    to_latest: bool,
    /// To where the group is, and behind the last record of what it has not read
    #[arg(long, group = "to")]
    to_current: bool,
    /// To an offset
    #[arg(long, value_name = "N", group = "to", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// By that many offsets from where the group is: forward, or back with a minus sign
    #[arg(long, value_name = "N", group = "to", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// To the first record that is not older than this, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", group = "to", value_parser = time)]
    to_datetime: Option<i64>,
    /// To the first record that is not older than this long ago, as in 90m
    #[arg(long, value_name = "DURATION", group = "to", value_parser = duration)]
    by_duration: Option<Duration>,
}

/// Where a group shall read on, in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// At the first record.
    Earliest,
    /// Behind the last one.
    Latest,
    /// Where it is.
    Current,
    /// At an offset.
    Offset(i64),
    /// That far from where it is.
    Shift(i64),
    /// At the first record that is not older, in milliseconds since 1970.
    Since(i64),
}

impl Arguments {
    /// Fails if none was typed, which the parser does not let through.
    pub(super) fn to(&self, now_ms: i64) -> anyhow::Result<To> {
        let ago = |ago: Duration| now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX));
        let simple =
            [(self.to_earliest, To::Earliest), (self.to_latest, To::Latest), (self.to_current, To::Current)];
        let simple = simple.into_iter().find(|(typed, _)| *typed).map(|(_, to)| to);
        let to = simple
            .or_else(|| self.to_offset.map(To::Offset))
            .or_else(|| self.shift_by.map(To::Shift))
            .or_else(|| self.to_datetime.map(To::Since))
            .or_else(|| self.by_duration.map(|duration| To::Since(ago(duration).max(0))));
        to.ok_or_else(|| anyhow::anyhow!("where to? say --to-earliest, or another of these flags"))
    }
}

/// Milliseconds since 1970. Times before that are older than every record, as 1970 is.
fn time(text: &str) -> Result<i64, String> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    let wrong = |_| {
        format!("{text:?} is no time with its zone: write 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+01:00")
    };
    time.map(|time| time.timestamp_millis().max(0)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        to: Arguments,
    }

    fn to(line: &str) -> Option<To> {
        let line = Line::try_parse_from(["x"].into_iter().chain(line.split_whitespace())).ok()?;
        line.to.to(10_000).ok()
    }

    #[test]
    fn what_people_type() {
        for (line, expected) in [
            ("--to-earliest", To::Earliest),
            ("--to-latest", To::Latest),
            ("--to-current", To::Current),
            ("--to-offset 7", To::Offset(7)),
            ("--shift-by -7", To::Shift(-7)),
            ("--shift-by 7", To::Shift(7)),
            ("--to-datetime 1970-01-01T01:00:01+01:00", To::Since(1000)),
            ("--to-datetime 1969-01-01T00:00:00Z", To::Since(0)),
            ("--by-duration 4s", To::Since(6000)),
            ("--by-duration 1h", To::Since(0)),
        ] {
            assert_eq!(to(line), Some(expected), "{line}");
        }
        for line in ["", "--to-offset -1", "--to-datetime 2026-01-31", "--by-duration 4", "--shift-by x"] {
            assert_eq!(to(line), None, "{line}");
        }
    }
}
