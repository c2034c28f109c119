//! What a setting is: its name, type, default, and which values it takes.

/// A setting's type, by its number in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A signed number of 32 bits.
    Int = 3,
    /// A signed number of 16 bits.
    Short = 4,
    /// A signed number of 64 bits.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Texts between commas.
    List = 7,
    /// A Java class.
    Class = 8,
    /// Text that is not shown.
    Password = 9,
}

/// Which values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Each of its type.
    Any,
    /// A whole number from `least` to `most`.
    Range {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// A whole number from `least` to `most`, or `except`.
    RangeOr {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
        /// One value outside.
        except: i64,
    },
    /// A number from 0 to 1.
    Fraction,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// Any number of these.
    EachOf(&'static [&'static str]),
    /// `*`, or `partition:broker` any number of times.
    Replicas,
    /// `latest`, `earliest`, or `by_duration:` and an ISO 8601 duration.
    ShareReset,
    /// Kafka takes every one of `known`, this build only `served`.
    Only {
        /// What Kafka takes.
        known: &'static [&'static str],
        /// What is taken here.
        served: &'static str,
        /// Why the others are refused.
        why: &'static str,
    },
    /// Kafka takes `true`, too; this is why this build does not.
    Off(&'static str),
}

/// What a setting does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it does in Kafka.
    Enforced,
    /// It is checked, kept and shown, but nothing acts on it yet, or not on all of it.
    Stored,
    /// It is checked, kept and shown. What it is about does not exist here: local files, replicas.
    Inapplicable,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Kafka's default, as DescribeConfigs writes it.
    pub default: &'static str,
    /// Which values it takes.
    pub rule: Rule,
    /// Kafka's broker setting that gives the default, where it shows one as a synonym.
    pub synonym: Option<&'static str>,
    /// The broker setting that gives the default while it is set, where Kafka shows none otherwise; and what it
    /// falls back to, with its default.
    pub unset: Option<(&'static str, &'static str, &'static str)>,
    /// What it does here.
    pub effect: Effect,
    /// What it is about, in a sentence or two.
    pub documentation: &'static str,
}

pub(crate) const fn of(
    kind: ConfigType,
    name: &'static str,
    default: &'static str,
    effect: Effect,
    documentation: &'static str,
) -> Definition {
    Definition { name, kind, default, rule: Rule::Any, synonym: None, unset: None, effect, documentation }
}

pub(crate) const fn boolean(name: &'static str, effect: Effect, documentation: &'static str) -> Definition {
    of(ConfigType::Boolean, name, "false", effect, documentation)
}

pub(crate) const fn int(
    name: &'static str,
    default: &'static str,
    effect: Effect,
    doc: &'static str,
) -> Definition {
    of(ConfigType::Int, name, default, effect, doc)
}

pub(crate) const fn long(
    name: &'static str,
    default: &'static str,
    effect: Effect,
    doc: &'static str,
) -> Definition {
    of(ConfigType::Long, name, default, effect, doc)
}

pub(crate) const fn string(
    name: &'static str,
    default: &'static str,
    effect: Effect,
    doc: &'static str,
) -> Definition {
    of(ConfigType::String, name, default, effect, doc)
}

pub(crate) const fn list(
    name: &'static str,
    default: &'static str,
    effect: Effect,
    doc: &'static str,
) -> Definition {
    of(ConfigType::List, name, default, effect, doc)
}

impl Definition {
    pub(crate) const fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(crate) const fn least(self, least: i64) -> Self {
        self.rule(Rule::Range { least, most: i64::MAX })
    }

    pub(crate) const fn range(self, least: i64, most: i64) -> Self {
        self.rule(Rule::Range { least, most })
    }

    pub(crate) const fn synonym(mut self, name: &'static str) -> Self {
        self.synonym = Some(name);
        self
    }

    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(crate) const fn unset(
        mut self,
        broker: &'static str,
        fallback: &'static str,
        default: &'static str,
    ) -> Self {
        self.unset = Some((broker, fallback, default));
        self
    }

    /// The broker setting that gives the default.
    pub fn inherited(&self) -> Option<&'static str> {
        self.synonym.or(self.unset.map(|(broker, ..)| broker))
    }

    pub(crate) const fn same_synonym(self) -> Self {
        let name = self.name;
        self.synonym(name)
    }
}
