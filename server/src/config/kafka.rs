//! Kafka's own settings, as they are written in one value: `NAME=VALUE,...`.

use std::collections::BTreeMap;
use std::str::FromStr;

use coordinator::config::broker::Statics;

/// Settings for groups and fetches, under Kafka's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KafkaSettings(pub(crate) Statics);

impl FromStr for KafkaSettings {
    type Err = String;

    /// What follows a comma and has no `=` goes on with the value before it: that is a list.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut settings: BTreeMap<String, String> = BTreeMap::new();
        let mut last: Option<String> = None;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match (part.split_once('='), &last) {
                (Some((name, value)), _) => {
                    let name = name.trim().to_owned();
                    if settings.insert(name.clone(), value.trim().to_owned()).is_some() {
                        return Err(format!("{name} is set twice"));
                    }
                    last = Some(name);
                }
                (None, Some(name)) => {
                    if let Some(list) = settings.get_mut(name) {
                        list.push(',');
                        list.push_str(part);
                    }
                }
                (None, None) => return Err(format!("{part:?} is no setting: write NAME=VALUE")),
            }
        }
        Statics::read(settings).map(Self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kafkas() {
        let read = |text: &str| text.parse::<KafkaSettings>();
        let settings = read("group.initial.rebalance.delay.ms=0, group.consumer.assignors=range,uniform")
            .expect("legal")
            .0;
        assert_eq!(settings.groups().classic.initial_rebalance_delay_ms, 0);
        assert_eq!(settings.groups().consumer.assignors, ["range", "uniform"]);
        assert_eq!(read(""), Ok(KafkaSettings::default()));
        for (bad, reason) in [
            ("range", "write NAME=VALUE"),
            ("num.partitions=3", "Unknown broker config name: num.partitions"),
            ("group.max.size=0", "Value must be at least 1"),
            ("group.max.size=1,group.max.size=2", "set twice"),
            ("group.share.session.timeout.ms=1", "must be greater than or equal to"),
        ] {
            let error = read(bad).expect_err(bad);
            assert!(error.contains(reason), "{error}");
        }
    }
}
