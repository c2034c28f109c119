//! Reading one setting's text as Kafka's `ConfigDef` does, with its reasons for refusal.

use std::borrow::Cow;
use std::fmt;

use super::{ConfigError, ConfigType, Definition, Rule};

/// The most bytes that a value may have: what a Kafka string may.
const LONGEST: usize = i16::MAX as usize;

/// What is wrong with a setting's text.
#[derive(Debug)]
enum Wrong {
    /// Its value.
    Value(String),
    /// A part of its value, or its value as Kafka writes it then.
    Part(String, String),
    /// What Kafka says without the value.
    All(String),
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Value(reason)
    }
}

impl From<&str> for Wrong {
    fn from(reason: &str) -> Self {
        Self::Value(reason.to_owned())
    }
}

/// What a setting's text means. It shows itself as DescribeConfigs does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Boolean(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    String(&'a str),
    List(Vec<&'a str>),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Long(value) => value.fmt(f),
            Self::Double(value) => f.write_str(&java(*value)),
            Self::String(value) => f.write_str(value),
            Self::List(values) => f.write_str(&values.join(",")),
        }
    }
}

/// A number as Java's `Double.toString` writes it.
fn java(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    match format!("{value:E}") {
        short if !short.contains('.') => short.replacen('E', ".0E", 1),
        long => long,
    }
}

impl Definition {
    /// What `text` means for this setting.
    pub(crate) fn read<'a>(&self, text: &'a str) -> Result<Value<'a>, ConfigError> {
        let checked = match text.len() {
            0..=LONGEST => parse(self.kind, text).and_then(|value| {
                check(self.name, &self.rule, &value)?;
                Ok(value)
            }),
            _ => Err(format!("Value must have at most {LONGEST} bytes").into()),
        };
        let refused = |value: &str, reason| {
            // The start of a long value is enough to recognise it by.
            let value = value.chars().take(200).collect();
            ConfigError::Invalid { name: self.name.to_owned(), value, reason }
        };
        checked.map_err(|wrong| match wrong {
            Wrong::Value(reason) => refused(text, reason),
            Wrong::Part(value, reason) => refused(&value, reason),
            Wrong::All(message) => ConfigError::Contradiction(message),
        })
    }

    /// `text` as Kafka's DescribeConfigs writes it.
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.read(text).map(|value| value.to_string()) {
            Ok(plain) if plain != text => Cow::Owned(plain),
            _ => Cow::Borrowed(text),
        }
    }

    /// Whether `text` may be this setting's value.
    pub fn validate(&self, text: &str) -> Result<(), ConfigError> {
        self.read(text).map(|_| ())
    }
}

/// Kafka trims as Java does: whatever is not above a space.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

fn parse(kind: ConfigType, text: &str) -> Result<Value<'_>, Wrong> {
    let text = trim(text);
    let no_number = |kind| Wrong::Value(format!("Not a number of type {kind}"));
    match kind {
        ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
        ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
        ConfigType::Boolean => Err("Expected value to be either true or false".into()),
        ConfigType::Int => text.parse().map(Value::Int).map_err(|_| no_number("INT")),
        ConfigType::Long => text.parse().map(Value::Long).map_err(|_| no_number("LONG")),
        ConfigType::Double => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Double(value)),
            _ => Err(no_number("DOUBLE")),
        },
        ConfigType::List if text.is_empty() => Ok(Value::List(Vec::new())),
        ConfigType::List => {
            let mut values: Vec<&str> = Vec::new();
            for value in text.split(',').map(trim) {
                // Kafka keeps the first of equal values.
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Ok(Value::List(values))
        }
        // No topic setting has another type.
        _ => Ok(Value::String(text)),
    }
}

fn check(name: &str, rule: &Rule, value: &Value<'_>) -> Result<(), Wrong> {
    match (rule, value) {
        (Rule::Any, _) => Ok(()),
        (Rule::Range { least, most }, Value::Int(value)) => in_range(i64::from(*value), *least, *most),
        (Rule::Range { least, most }, Value::Long(value)) => in_range(*value, *least, *most),
        (Rule::RangeOr { except, .. }, Value::Int(value)) if i64::from(*value) == *except => Ok(()),
        (Rule::RangeOr { least, most, except }, Value::Int(value)) => {
            in_range(i64::from(*value), *least, *most)
                .map_err(|_| format!("Value must be between {least} and {most} or equal to {except}").into())
        }
        (Rule::Fraction, Value::Double(value)) if *value < 0.0 => Err("Value must be at least 0".into()),
        (Rule::Fraction, Value::Double(value)) if *value > 1.0 => Err("Value must be no more than 1".into()),
        (Rule::Fraction, _) => Ok(()),
        (Rule::OneOf(known), Value::String(value)) => Ok(one_of(known, value)?),
        (Rule::OneOfAnyCase(known), Value::String(value)) => {
            match known.iter().any(|known| known.eq_ignore_ascii_case(value)) {
                true => Ok(()),
                false => {
                    Err(format!("String must be one of (case insensitive): {}", known.join(", ")).into())
                }
            }
        }
        (Rule::ShareReset, Value::String("latest" | "earliest")) => Ok(()),
        (Rule::ShareReset, Value::String(value)) => match super::group::back(value) {
            Some(_) => Ok(()),
            None => Err(format!(
                "Invalid value `{value}` for configuration share.auto.offset.reset. The value must be either \
                 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
            )
            .into()),
        },
        (Rule::EachOf(known), Value::List(values)) => match values.iter().find(|v| v.is_empty()) {
            Some(_) => Err(Wrong::All(format!("Configuration '{name}' values must not be empty."))),
            None => values.iter().try_for_each(|value| {
                one_of(known, value).map_err(|reason| Wrong::Part((*value).to_owned(), reason))
            }),
        },
        (Rule::Replicas, Value::List(values)) => {
            let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let replica = |v: &&str| v.split_once(':').is_some_and(|(p, b)| number(p) && number(b));
            if values == &["*"] || values.iter().all(replica) {
                return Ok(());
            }
            let reason = format!(
                "{name} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            );
            Err(Wrong::Part(format!("[{}]", values.join(", ")), reason))
        }
        (Rule::Off(why), Value::Boolean(true)) => Err(format!("only false is served: {why}").into()),
        (Rule::Off(_), Value::Boolean(false)) => Ok(()),
        // The table's own test shows that each rule fits its setting's type.
        _ => Err("the rule does not fit the type".into()),
    }
}

fn in_range(value: i64, least: i64, most: i64) -> Result<(), Wrong> {
    if value < least {
        return Err(format!("Value must be at least {least}").into());
    }
    if value > most {
        return Err(format!("Value must be no more than {most}").into());
    }
    Ok(())
}

fn one_of(known: &[&str], value: &str) -> Result<(), String> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(format!("String must be one of: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::java;

    #[test]
    fn numbers_are_written_as_java_does() {
        let numbers = [0.0, 0.5, 0.001, 1e-4, 12345.0, 9_999_999.0, 1e7, 1.5e10, f64::MAX, -0.25];
        let written = numbers.map(java);
        let expected = [
            "0.0",
            "0.5",
            "0.001",
            "1.0E-4",
            "12345.0",
            "9999999.0",
            "1.0E7",
            "1.5E10",
            "1.7976931348623157E308",
            "-0.25",
        ];
        assert_eq!(written, expected);
    }
}
