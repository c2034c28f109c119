use super::*;
use crate::config::{ConfigType, Effect};

#[test]
fn each_name_is_in_one_table() {
    let mut names: Vec<_> =
        definitions().map(|d| d.setting.name).chain(names::NAMES.iter().copied()).collect();
    let count = names.len();
    assert!(names::NAMES.is_sorted());
    for table in TABLES {
        assert!(table.is_sorted_by(|a, b| a.setting.name < b.setting.name));
    }
    names.sort_unstable();
    names.dedup();
    // Apache Kafka 4.3.1's ConfigDef has 360, and its quotas for replication 3 more.
    assert_eq!((names.len(), count), (363, 363));
}

#[test]
fn each_default_is_a_legal_value_written_as_kafka_writes_it() {
    for BrokerDefinition { setting, .. } in definitions() {
        let value = setting.read(setting.default).expect(setting.name);
        assert_eq!(value.to_string(), setting.default, "{}", setting.name);
        assert!(setting.documentation.ends_with('.'), "{}", setting.name);
        assert_eq!(definition(setting.name).map(|d| d.setting), Some(setting));
    }
}

#[test]
fn topics_settings_have_their_brokers() {
    let retention = definition("log.retention.ms").expect("known");
    assert_eq!((retention.setting.kind, retention.setting.effect), (ConfigType::Long, Effect::Enforced));
    assert_eq!((retention.update, retention.is_null), (Update::AllNodes, true));
    assert_eq!(
        definition("message.max.bytes").map(|d| (d.setting.default, d.is_null)),
        Some(("1048588", false))
    );
    assert_eq!(definition("retention.ms"), None);
    assert!(is_known("log.retention.hours") && definition("log.retention.hours").is_none());
    assert!(!is_known("nope"));
}

#[test]
fn statics_are_settings_for_groups_and_fetches() {
    let read = |name: &str, value: &str| Statics::read([(name.to_owned(), value.to_owned())].into());
    let statics = read("group.initial.rebalance.delay.ms", "0").expect("legal");
    assert_eq!(statics.groups().classic.initial_rebalance_delay_ms, 0);
    assert_eq!(statics.get("group.initial.rebalance.delay.ms"), Some("0"));
    assert_eq!(read("num.partitions", "1"), Err(ConfigError::UnknownOfBroker("num.partitions".to_owned())));
    assert!(read("group.consumer.max.size", "0").is_err());
    assert!(read("group.share.session.timeout.ms", "1").is_err());
    assert_eq!(Statics::read(BTreeMap::new()), Ok(Statics::default()));
    assert_eq!(Statics::default().fetch_session_slots(), 1000);
    let slots = |text| read("max.incremental.fetch.session.cache.slots", text);
    assert_eq!(slots("0").map(|statics| statics.fetch_session_slots()), Ok(0));
    assert!(slots("-1").is_err());
}
