//! Where a share group begins with a partition that it never read: `share.auto.offset.reset`.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A strategy, as Kafka's `ShareGroupAutoOffsetResetStrategy` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// `latest`: with what is written from now on.
    Latest,
    /// `earliest`: with the first record.
    Earliest,
    /// `by_duration:PnDTnHnMn.nS`: with the first record that is no older.
    ByDuration(Duration),
}

/// The text names no strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 'earliest', 'latest' or 'by_duration:<PnDTnHnMn.nS>'")]
pub struct NoStrategy;

impl FromStr for AutoOffsetReset {
    type Err = NoStrategy;

    fn from_str(text: &str) -> Result<Self, NoStrategy> {
        match text {
            "latest" => return Ok(Self::Latest),
            "earliest" => return Ok(Self::Earliest),
            _ => {}
        }
        let (name, duration) = text.split_once(':').ok_or(NoStrategy)?;
        if !name.eq_ignore_ascii_case("by_duration") {
            return Err(NoStrategy);
        }
        iso_duration(duration).map(Self::ByDuration).ok_or(NoStrategy)
    }
}

/// Reads a duration as Java's `Duration.parse` does; a negative one is none.
fn iso_duration(text: &str) -> Option<Duration> {
    let upper = text.to_ascii_uppercase();
    let (sign, unsigned) = match upper.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let body = unsigned.strip_prefix('P')?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let days = part(date, &[('D', 86_400)])?;
    let nanos = days.checked_add(part(time, &[('H', 3_600), ('M', 60), ('S', 1)])?)?.checked_mul(sign)?;
    let nanos = u128::try_from(nanos).ok()?;
    Some(Duration::new(u64::try_from(nanos / NANOS as u128).ok()?, (nanos % NANOS as u128) as u32))
}

const NANOS: i128 = 1_000_000_000;

/// Numbers before units, each unit at most once and in this order; in nanoseconds.
fn part(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut total = 0i128;
    let mut units = units.iter();
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(end);
        let &(unit, seconds) = units.find(|(unit, _)| rest.starts_with(*unit))?;
        text = &rest[1..];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = fraction.bytes().all(|b| b.is_ascii_digit());
        if (unit != 'S' && number.contains('.')) || fraction.len() > 9 || !digits {
            return None;
        }
        let negative = whole.starts_with('-');
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let whole = i128::from(whole.parse::<i64>().ok()?).checked_mul(seconds)?.checked_mul(NANOS)?;
        total = total.checked_add(whole)?.checked_add(if negative { -fraction } else { fraction })?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_as_kafka_writes_them() {
        let by = |ms| Ok(AutoOffsetReset::ByDuration(Duration::from_millis(ms)));
        assert_eq!("latest".parse(), Ok(AutoOffsetReset::Latest));
        assert_eq!("earliest".parse(), Ok(AutoOffsetReset::Earliest));
        assert_eq!("by_duration:PT1H".parse(), by(3_600_000));
        assert_eq!("by_duration:P2DT3H4M5.678S".parse(), by(183_845_678));
        assert_eq!("by_duration:pt0.5s".parse(), by(500));
        assert_eq!("by_duration:P1DT-1H".parse(), by(82_800_000));
        for wrong in ["", "none", "Latest", "by_duration", "by_duration:", "by_duration:P", "by_duration:PT"]
        {
            assert_eq!(wrong.parse::<AutoOffsetReset>(), Err(NoStrategy), "{wrong}");
        }
        for wrong in
            ["-PT1H", "PT-1H", "1H", "PT1D", "P1H", "PT1S1H", "PT1.5H", "PTS", "PT1", "PT1.x5S", "P1Dé"]
        {
            let text = format!("by_duration:{wrong}");
            assert_eq!(text.parse::<AutoOffsetReset>(), Err(NoStrategy), "{wrong}");
        }
    }
}
