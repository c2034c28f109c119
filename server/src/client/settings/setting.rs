//! A setting, as DescribeConfigs describes it.

use protocol::messages::describe_configs::{DescribeConfigsResourceResult, DescribeConfigsSynonym};

use super::Resource;

/// A setting of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name.
    pub(crate) name: String,
    /// Its value, unless it is sensitive.
    pub(crate) value: Option<String>,
    /// Its type, in Kafka's word; `unknown` where the broker does not say.
    pub(crate) kind: &'static str,
    /// Where the value comes from, in a word.
    pub(crate) source: &'static str,
    /// Whether it was set for this resource.
    pub(crate) own: bool,
    /// Whether it cannot be changed.
    pub(crate) read_only: bool,
    /// Whether its value is withheld.
    pub(crate) sensitive: bool,
    /// All that gave it a value, the one that counts first; empty unless it was asked for.
    pub(crate) synonyms: Vec<Synonym>,
    /// What it does; `None` unless it was asked for.
    pub(crate) documentation: Option<String>,
}

/// What gave a setting a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synonym {
    /// The setting's name there.
    pub(crate) name: String,
    /// The value there, unless it is sensitive.
    pub(crate) value: Option<String>,
    /// Where that is, in a word.
    pub(crate) source: &'static str,
    sensitive: bool,
}

impl Synonym {
    /// The value, for people.
    pub(crate) fn shown(&self) -> &str {
        shown(self.value.as_deref(), self.sensitive)
    }
}

impl Setting {
    pub(super) fn of(resource: &Resource, config: DescribeConfigsResourceResult) -> Self {
        let sensitive = config.is_sensitive;
        let synonym = |DescribeConfigsSynonym { name, value, source }| Synonym {
            name: name.into(),
            value: value.map(Into::into),
            source: source_named(source),
            sensitive,
        };
        Self {
            name: config.name.into(),
            value: config.value.map(Into::into),
            kind: kind_named(config.config_type),
            source: source_named(config.config_source),
            own: config.config_source == resource.own_source(),
            read_only: config.read_only,
            sensitive,
            synonyms: config.synonyms.into_iter().map(synonym).collect(),
            documentation: config.documentation.map(Into::into),
        }
    }

    /// The value, for people.
    pub(crate) fn shown(&self) -> &str {
        shown(self.value.as_deref(), self.sensitive)
    }

    /// What would count in place of its value, the first of these first.
    pub(crate) fn otherwise(&self) -> &[Synonym] {
        self.synonyms.get(1..).unwrap_or_default()
    }
}

fn shown(value: Option<&str>, sensitive: bool) -> &str {
    match value {
        Some("") => "\"\"",
        Some(value) => value,
        None if sensitive => "(secret)",
        None => "-",
    }
}

fn source_named(number: i8) -> &'static str {
    match number {
        1 => "topic",
        2 => "broker",
        3 => "broker-defaults",
        4 => "static",
        5 => "default",
        8 => "group",
        _ => "unknown",
    }
}

fn kind_named(number: i8) -> &'static str {
    match number {
        1 => "boolean",
        2 => "string",
        3 => "int",
        4 => "short",
        5 => "long",
        6 => "double",
        7 => "list",
        8 => "class",
        9 => "password",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(config_source: i8, value: Option<&str>) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult {
            name: "n".into(),
            value: value.map(Into::into),
            config_source,
            config_type: if value.is_some() { 2 } else { 9 },
            is_sensitive: value.is_none(),
            ..Default::default()
        }
    }

    #[test]
    fn what_was_set_here_is_told_from_what_was_not() {
        let node = Resource::Broker(1);
        let own = Setting::of(&node, config(2, Some("v")));
        assert_eq!((own.own, own.source, own.shown(), own.kind), (true, "broker", "v", "string"));
        let everywhere = Setting::of(&node, config(3, None));
        assert_eq!((everywhere.own, everywhere.source), (false, "broker-defaults"));
        assert_eq!((everywhere.shown(), everywhere.kind), ("(secret)", "password"));
        assert!(Setting::of(&Resource::BrokerDefaults, config(3, None)).own);
        assert!(Setting::of(&Resource::Group("g".to_owned()), config(8, None)).own);
        assert!(!Setting::of(&Resource::Group("g".to_owned()), config(5, None)).own);
        assert_eq!(Setting::of(&node, config(5, Some(""))).shown(), "\"\"");
    }

    #[test]
    fn the_first_synonym_is_what_counts() {
        let synonym = |name: &str, source| DescribeConfigsSynonym {
            name: name.into(),
            value: Some("v".into()),
            source,
        };
        let synonyms = vec![synonym("n", 1), synonym("log.n", 3), synonym("log.n", 5)];
        let topic = Resource::Topic("t".to_owned());
        let setting = Setting::of(&topic, DescribeConfigsResourceResult { synonyms, ..config(1, Some("v")) });
        let otherwise: Vec<_> = setting.otherwise().iter().map(|s| (&*s.name, s.source)).collect();
        assert_eq!(otherwise, [("log.n", "broker-defaults"), ("log.n", "default")]);
        assert_eq!(Setting::of(&topic, config(5, None)).otherwise(), []);
    }
}
