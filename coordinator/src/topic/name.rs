//! Legal topic names (`org.apache.kafka.common.internals.Topic`).

use thiserror::Error;

/// Why a name is none: INVALID_TOPIC_EXCEPTION.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// It has no characters.
    #[error("a topic's name can't be empty")]
    Empty,
    /// It is `.` or `..`.
    #[error("a topic's name can't be '.' or '..'")]
    Dots,
    /// It is longer than 249 characters.
    #[error("a topic's name has at most 249 characters, and this one has {0}")]
    TooLong(usize),
    /// It has a character that is not legal.
    #[error("a topic's name has only ASCII letters and digits, '.', '_' and '-', and this one has {0:?}")]
    Character(char),
}

/// Checks `name` as Kafka does.
pub fn validate_name(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if name == "." || name == ".." {
        return Err(InvalidName::Dots);
    }
    if name.len() > 249 {
        return Err(InvalidName::TooLong(name.chars().count()));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(illegal) => Err(InvalidName::Character(illegal)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules() {
        for good in ["a", "a.b_c-D9", "...", &"x".repeat(249), "__consumer_offsets"] {
            assert_eq!(validate_name(good), Ok(()), "{good}");
        }
        assert_eq!(validate_name(""), Err(InvalidName::Empty));
        assert_eq!(validate_name(".."), Err(InvalidName::Dots));
        assert_eq!(validate_name(&"x".repeat(250)), Err(InvalidName::TooLong(250)));
        assert_eq!(validate_name("a b"), Err(InvalidName::Character(' ')));
        assert_eq!(validate_name("é"), Err(InvalidName::Character('é')));
    }
}
