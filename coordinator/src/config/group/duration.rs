//! How far back a share group begins: `by_duration:` and a duration as `java.time.Duration` reads it.

/// The prefix of such a value.
const BY_DURATION: &str = "by_duration:";

/// The longest that Java's `Duration` can express in ms.
const MOST: i128 = i64::MAX as i128;

/// The ms of `by_duration:PnDTnHnMn.nS`. None if it is no such value, or would lie ahead.
pub(crate) fn back(text: &str) -> Option<i64> {
    let nanos = nanos(text.strip_prefix(BY_DURATION)?)?;
    let ms = nanos / 1_000_000;
    (nanos >= 0 && ms <= MOST).then_some(ms as i64)
}

/// ISO 8601's days, hours, minutes and seconds, each with a sign of its own and one for all, in any case.
fn nanos(text: &str) -> Option<i128> {
    let text = text.to_ascii_uppercase();
    let (negative, text) = signed(&text);
    let text = text.strip_prefix('P')?;
    let (days, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (text, ""),
    };
    let mut total: i128 = 0;
    let mut found = false;
    let mut rest = days;
    if !rest.is_empty() {
        total += whole(rest.strip_suffix('D')?)?.checked_mul(86_400_000_000_000)?;
        found = true;
    }
    rest = time;
    for (unit, nanos) in [('H', 3_600_000_000_000), ('M', 60_000_000_000)] {
        if let Some((number, after)) = rest.split_once(unit) {
            total = total.checked_add(whole(number)?.checked_mul(nanos)?)?;
            (rest, found) = (after, true);
        }
    }
    if !rest.is_empty() {
        total = total.checked_add(seconds(rest.strip_suffix('S')?)?)?;
        found = true;
    }
    found.then_some(if negative { -total } else { total })
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// At most 19 digits, as a Java long has.
fn whole(text: &str) -> Option<i128> {
    let (negative, digits) = signed(text);
    let is_number = !digits.is_empty() && digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit());
    let value: i128 = if is_number { digits.parse().ok()? } else { return None };
    Some(if negative { -value } else { value })
}

fn seconds(text: &str) -> Option<i128> {
    let (whole_part, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i128 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = whole(whole_part)?.checked_mul(1_000_000_000)?;
    Some(if whole_part.starts_with('-') { seconds - nanos } else { seconds + nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `java.time.Duration.parse`, JDK 17.
    #[test]
    fn durations_are_javas() {
        for (text, ms) in [
            ("P1D", 86_400_000),
            ("PT1H", 3_600_000),
            ("pt1h30m", 5_400_000),
            ("P1DT2H3M4.005S", 93_784_005),
            ("PT0S", 0),
            ("PT.5S", -1),
            ("PT0.5S", 500),
            ("PT-30S", -1),
            ("PT1M-30S", 30_000),
            ("-PT-1S", 1000),
            ("-PT1S", -1),
            ("P", -1),
            ("PT", -1),
            ("P1DT", -1),
            ("P1W", -1),
            ("1h", -1),
            ("PT1S1M", -1),
            ("PT1.1234567891S", -1),
            ("P99999999999999999999D", -1),
            ("P9999999999999999999D", -1),
            ("", -1),
        ] {
            let expected = (ms >= 0).then_some(ms);
            assert_eq!(back(&format!("by_duration:{text}")), expected, "{text:?}");
        }
        assert_eq!(back("PT1H"), None);
    }
}
