use super::*;

fn overrides(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn refusal(name: &str, value: &str) -> String {
    let refused = validate(&GroupSettings::default(), &overrides(&[(name, value)]));
    refused.expect_err("refused").to_string()
}

#[test]
fn the_table_is_sorted_and_holds_kafkas_17_settings() {
    assert_eq!(definitions().len(), 17);
    assert!(definitions().windows(2).all(|w| w[0].name < w[1].name));
    for definition in definitions() {
        let value = definition.read(definition.default).expect(definition.name);
        assert_eq!(value.to_string(), definition.default, "{}", definition.name);
        let broker = definition.synonym.and_then(crate::config::broker::definition);
        assert_eq!(broker.is_some(), definition.synonym.is_some(), "{}", definition.name);
        if let Some(broker) = broker {
            assert_eq!((broker.setting.default, broker.setting.kind), (definition.default, definition.kind));
        }
    }
}

#[test]
fn defaults_are_kafkas() {
    let settings = GroupSettings::default();
    assert_eq!(settings.classic.initial_rebalance_delay_ms, 3000);
    assert_eq!(
        (settings.classic.min_session_timeout_ms, settings.classic.max_session_timeout_ms),
        (6000, 1_800_000)
    );
    assert_eq!(settings.consumer.assignors, ["uniform", "range"]);
    assert_eq!(settings.consumer.migration_policy, crate::group::Migration::Bidirectional);
    assert_eq!(settings.offsets.retention_ms, 7 * 86_400_000);
    assert_eq!(settings.offsets.metadata_max_bytes, 4096);
    assert_eq!(settings.share.delivery_count_limit, Bounded { value: 5, least: 2, most: 10 });
    let config = GroupConfig::of(&settings);
    assert_eq!((config.consumer.session_timeout_ms, config.consumer.heartbeat_interval_ms), (45_000, 5000));
    assert_eq!((config.share.auto_offset_reset, config.share.read_committed), (ShareReset::Latest, false));
    assert_eq!(GroupConfig::read(&settings, &BTreeMap::new()), Ok(config));
}

#[test]
fn each_number_of_a_group_reaches_its_place() {
    let settings = GroupSettings::default();
    for definition in definitions().iter().filter(|d| d.default.parse::<i32>().is_ok()) {
        let bounds = settings.bounds(definition.name);
        assert_eq!(bounds.value.to_string(), definition.default, "{}", definition.name);
        let other = if bounds.value < bounds.most { bounds.value + 1 } else { bounds.value - 1 };
        let given = overrides(&[(definition.name, &other.to_string())]);
        let changed = GroupConfig::read(&settings, &given).expect("legal");
        assert_ne!(changed, GroupConfig::of(&settings), "{}", definition.name);
    }
}

#[test]
fn what_is_not_a_number_is_read() {
    let given = overrides(&[
        ("share.auto.offset.reset", "by_duration:PT1H"),
        ("share.isolation.level", "read_committed"),
        ("share.renew.acknowledge.enable", "FALSE"),
    ]);
    let share = GroupConfig::read(&GroupSettings::default(), &given).expect("legal").share;
    assert_eq!(share.auto_offset_reset, ShareReset::ByDuration(3_600_000));
    assert_eq!((share.read_committed, share.renew_acknowledge), (true, false));
}

/// A group's value that the nodes' bounds have come to exclude counts as the bound.
#[test]
fn bounds_clamp_what_was_set_before() {
    let narrow = [("group.consumer.max.session.timeout.ms", "50000")];
    let set = |name: &str| narrow.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let settings = GroupSettings::read(set).expect("legal");
    let given = overrides(&[("consumer.session.timeout.ms", "60000")]);
    assert_eq!(GroupConfig::read(&settings, &given).map(|c| c.consumer.session_timeout_ms), Ok(50_000));
    assert!(validate(&settings, &given).is_err());
    assert!(validate(&GroupSettings::default(), &given).is_ok());
}

#[test]
fn kafkas_reasons() {
    for (name, value, message) in [
        (
            "consumer.session.timeout.ms",
            "44999",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "share.record.lock.duration.ms",
            "60001",
            "share.record.lock.duration.ms must be less than or equal to group.share.max.record.lock.duration.ms",
        ),
        (
            "share.partition.max.record.locks",
            "4001",
            "share.partition.max.record.locks must be less than or equal to \
             group.share.max.partition.max.record.locks",
        ),
        (
            "streams.num.standby.replicas",
            "3",
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        (
            "share.auto.offset.reset",
            "by_duration:-PT1H",
            "Invalid value by_duration:-PT1H for configuration share.auto.offset.reset: Invalid value \
             `by_duration:-PT1H` for configuration share.auto.offset.reset. The value must be either 'earliest', \
             'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
        ),
        ("nope", "1", "Unknown group config name: nope"),
        (
            "consumer.session.timeout.ms",
            "x",
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT",
        ),
    ] {
        assert_eq!(refusal(name, value), message);
    }
}

#[test]
fn a_session_is_longer_than_its_heartbeats() {
    let wide = [("group.share.max.heartbeat.interval.ms", "60000")];
    let set = |name: &str| wide.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let settings = GroupSettings::read(set).expect("legal");
    let refused = validate(&settings, &overrides(&[("share.heartbeat.interval.ms", "45000")]));
    let message = "share.session.timeout.ms must be greater than share.heartbeat.interval.ms";
    assert_eq!(refused, Err(ConfigError::Contradiction(message.to_owned())));
}

#[test]
fn a_node_does_not_start_with_settings_that_contradict() {
    for (name, value, message) in [
        (
            "group.consumer.session.timeout.ms",
            "70000",
            "group.consumer.session.timeout.ms must be less than or equal to \
             group.consumer.max.session.timeout.ms",
        ),
        (
            "group.min.session.timeout.ms",
            "1800001",
            "group.max.session.timeout.ms must be greater than or equal to group.min.session.timeout.ms",
        ),
    ] {
        let refused = GroupSettings::read(|known| (known == name).then_some(value));
        assert_eq!(refused, Err(ConfigError::Contradiction(message.to_owned())));
    }
}
