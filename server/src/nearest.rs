//! The known name that is nearest to a misspelt one.

/// How like a name has to be, from 0 to 1.
const LIKE: f64 = 0.7;

/// The known name that is most like this one, if any is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|known| likeness(known) > LIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_nothing_is_left_alone() {
        let nearest = |name| nearest(name, ["retention.ms", "retention.bytes"].into_iter());
        assert_eq!(nearest("retenton.ms"), Some("retention.ms"));
        assert_eq!(nearest("retention.byte"), Some("retention.bytes"));
        assert_eq!(nearest("xyz"), None);
    }
}
