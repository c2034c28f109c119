//! Regular expressions that members subscribe with: RE2, matched against whole topic names.
//!
//! The `regex` crate has RE2's syntax but for a few forms, which are translated; it matches in linear time. What
//! an expression may grow to is limited, since anyone may send one.

use regex::{Regex, RegexBuilder};

/// How large a compiled expression may be, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// How long an expression may be, in bytes.
const LONGEST: usize = 1 << 16;

/// How deep groups may be nested.
const DEEPEST: u32 = 128;

const TOO_LARGE: &str = "expression is too large";

/// An expression, ready to match.
pub(super) struct Expression(Regex);

impl Expression {
    /// Compiles it; the error says what is wrong.
    pub(super) fn new(expression: &str) -> Result<Self, String> {
        if expression.len() > LONGEST {
            return Err(TOO_LARGE.to_owned());
        }
        let translated = translate(expression);
        // On its own first, so that no parenthesis in it closes the one around it.
        compile(&translated)?;
        compile(&format!(r"\A(?:{translated})\z")).map(Self)
    }

    /// Whether the whole name matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

fn compile(expression: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(expression).size_limit(MOST_BYTES).nest_limit(DEEPEST).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => TOO_LARGE.to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    })
}

/// What RE2 reads otherwise than the crate: `\Q...\E` quotes; in a class, `[`, `&` and `~` are themselves.
fn translate(expression: &str) -> String {
    let mut translated = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut in_class = false;
    while let Some(next) = rest.chars().next() {
        let (head, tail) = rest.split_at(next.len_utf8());
        if let (false, Some(quoted)) = (in_class, rest.strip_prefix(r"\Q")) {
            let (quoted, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            translated.push_str(&regex::escape(quoted));
            rest = after;
            continue;
        }
        rest = tail;
        match next {
            '\\' => {
                let escaped = rest.chars().next().map_or(0, char::len_utf8);
                let (escaped, after) = rest.split_at(escaped);
                translated.push('\\');
                translated.push_str(escaped);
                rest = after;
            }
            '[' if !in_class => {
                in_class = true;
                translated.push('[');
                // A `]` that comes first is itself.
                let negated = rest.strip_prefix('^');
                if negated.is_some() {
                    translated.push('^');
                }
                rest = negated.unwrap_or(rest);
                if let Some(after) = rest.strip_prefix(']') {
                    translated.push_str(r"\]");
                    rest = after;
                }
            }
            '[' if rest.starts_with(':') => match rest.split_once(":]") {
                Some((name, after)) => {
                    translated.push_str(&format!("[{name}:]"));
                    rest = after;
                }
                None => translated.push_str(r"\["),
            },
            '[' | '&' | '~' if in_class => {
                translated.push('\\');
                translated.push(next);
            }
            ']' if in_class => {
                in_class = false;
                translated.push(']');
            }
            _ => translated.push_str(head),
        }
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, name: &str) -> bool {
        Expression::new(expression).expect(expression).matches(name)
    }

    #[test]
    fn the_whole_name_must_match() {
        assert!(matches("foo", "foo") && matches("foo.*", "foobar") && matches("a|b", "b"));
        assert!(!matches("foo", "foobar") && !matches("foo", "xfoo") && !matches("a|b", "ab"));
        assert!(!matches("^foo$|x", "foo-x") && matches("", ""));
    }

    #[test]
    fn forms_of_re2() {
        assert!(matches(r"\Qa.b\E.*", "a.b-1") && !matches(r"\Qa.b\E", "axb") && matches(r"\Qa.b", "a.b"));
        assert!(matches(r"[[:alpha:]]+[[:digit:]]", "abc7") && matches(r"(?P<n>a)\d+\pL", "a12z"));
        assert!(matches("[]a]b", "ab") && matches("[^]a]b", "cb") && !matches("[^]a]b", "ab"));
        assert!(matches("[a&&b~[]+", "a&b~[") && matches(r"(?i)FOO", "foo") && matches(r"\x61\-\.", "a-."));
        assert!(matches(r"a{2,3}(?:b|c)*?", "aaabc"));
    }

    #[test]
    fn what_is_no_expression() {
        for bad in ["[", "(", "a)|(?:b", "*", r"\", "(?=a)", r"(a)\1", "(?z)a", "[b-a]"] {
            assert!(Expression::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Expression::new("[").err().as_deref(), Some("unclosed character class"));
    }

    #[test]
    fn hostile_expressions_are_refused_or_cheap() {
        assert!(Expression::new(r"(?:(?:\w{100}){100}){100}").is_err(), "too large");
        assert!(Expression::new(&format!("{}a{}", "(".repeat(1000), ")".repeat(1000))).is_err(), "too deep");
        assert!(Expression::new(&"a".repeat(LONGEST + 1)).is_err(), "too long");
        assert!(!matches("(a*)*b", &"a".repeat(249)), "no backtracking");
    }
}
