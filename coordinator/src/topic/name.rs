//! Legal topic names (`org.apache.kafka.common.internals.Topic`).

use thiserror::Error;

/// The most characters that a name may have.
const LONGEST: usize = 249;

/// Why a name is none: INVALID_TOPIC_EXCEPTION.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// It has no characters.
    #[error("Topic name is invalid: the empty string is not allowed")]
    Empty,
    /// It is `.` or `..`.
    #[error("Topic name is invalid: '{0}' is not allowed")]
    Dots(String),
    /// It is longer than 249 characters.
    #[error("Topic name is invalid: the length of '{0}' is longer than the max allowed length {LONGEST}")]
    TooLong(String),
    /// It has characters that are not legal.
    #[error(
        "Topic name is invalid: '{0}' contains one or more characters other than ASCII alphanumerics, '.', '_' \
         and '-'"
    )]
    Characters(String),
}

/// Checks `name` as Kafka does.
pub fn validate_name(name: &str) -> Result<(), InvalidName> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Err(InvalidName::Empty),
        "." | ".." => Err(InvalidName::Dots(name.to_owned())),
        // What the log and the client get of it is enough to recognise it by.
        long if long.len() > LONGEST => Err(InvalidName::TooLong(long.chars().take(2 * LONGEST).collect())),
        illegal if !illegal.chars().all(legal) => Err(InvalidName::Characters(illegal.to_owned())),
        _ => Ok(()),
    }
}

/// What metrics make of `name`: they have '_' for '.'. None if no other name can become the same
/// (`Topic.unifyCollisionChars` and `hasCollisionChars`).
pub(crate) fn unify_collision_chars(name: &str) -> Option<String> {
    #[cfg(test)]
    UNIFIED.with(|count| count.set(count.get() + 1));
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
thread_local! {
    static UNIFIED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many names this thread has looked at for collisions.
#[cfg(test)]
pub(crate) fn unified_names() -> usize {
    UNIFIED.with(std::cell::Cell::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules() {
        for good in ["a", "a.b_c-D9", "...", &"x".repeat(249), "__consumer_offsets"] {
            assert_eq!(validate_name(good), Ok(()), "{good}");
        }
        let message = |name: &str| validate_name(name).expect_err("refused").to_string();
        assert_eq!(message(""), "Topic name is invalid: the empty string is not allowed");
        assert_eq!(message(".."), "Topic name is invalid: '..' is not allowed");
        assert_eq!(validate_name(&"x".repeat(250)), Err(InvalidName::TooLong("x".repeat(250))));
        let illegal = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
        for bad in ["a b", "é"] {
            assert_eq!(message(bad), format!("Topic name is invalid: '{bad}' {illegal}"));
        }
    }
}
