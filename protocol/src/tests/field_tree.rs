//! Debug output as a tree, so that fields of two implementations can be compared by name. Newtypes are taken
//! off; nothing, an empty string and an empty array are the same, since the bytes tell them apart; records and
//! unknown tags are left out.

use std::collections::BTreeMap;

use crate::Uuid;

/// Fields that are left out of every message.
const LEFT_OUT: [&str; 3] = [
    "records",
    "unknown_tagged_fields",
    // Of DescribeLogDirs 5, which they do not have.
    "is_cordoned",
];

/// Fields that only one of the two has, by message.
const OF_ONE_SIDE: [(&str, &str); 10] = [
    // InitProducerId 6 and ShareFetch 0 are theirs alone.
    ("InitProducerIdRequest", "enable_2_pc"),
    ("InitProducerIdRequest", "keep_prepared_txn"),
    ("InitProducerIdResponse", "ongoing_txn_producer_id"),
    ("InitProducerIdResponse", "ongoing_txn_producer_epoch"),
    ("ShareFetchRequest", "partition_max_bytes"),
    // ShareFetch 2, ShareAcknowledge 2 and DescribeShareGroupOffsets 1 are ours alone.
    ("ShareFetchRequest", "share_acquire_mode"),
    ("ShareFetchRequest", "is_renew_ack"),
    ("ShareAcknowledgeRequest", "is_renew_ack"),
    ("ShareAcknowledgeResponse", "acquisition_lock_timeout_ms"),
    ("DescribeShareGroupOffsetsResponse", "lag"),
];

/// A value as its debug output shows it.
#[derive(Debug, PartialEq)]
pub(crate) enum Tree {
    Nothing,
    Leaf(String),
    List(Vec<Tree>),
    Fields(BTreeMap<String, Tree>),
}

impl Tree {
    pub(crate) fn of(value: &impl std::fmt::Debug) -> Self {
        let text = format!("{value:?}");
        let message = text.split(' ').next().unwrap_or_default();
        let mut parser = Parser { message, rest: &text };
        let tree = parser.value();
        assert_eq!(parser.rest, "", "all of {text} is understood");
        tree
    }
}

struct Parser<'a> {
    /// Name of the message as a whole.
    message: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_owned()
    }

    fn quoted(&mut self) -> Tree {
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (text, rest) = self.rest.split_at(end.expect("quotes are closed"));
        self.rest = &rest[1..];
        if text.is_empty() { Tree::Nothing } else { Tree::Leaf(text.to_owned()) }
    }

    fn list(&mut self, end: &str) -> Vec<Tree> {
        let mut items = Vec::new();
        while !self.eat(end) {
            items.push(self.value());
            self.eat(", ");
        }
        items
    }

    fn fields(&mut self) -> Tree {
        let mut fields = BTreeMap::new();
        while !self.eat("}") {
            self.eat(" ");
            let name = self.word();
            assert!(self.eat(": "), "a field has a value: {}", self.rest);
            let value = self.value();
            let of_one_side = OF_ONE_SIDE.contains(&(self.message, name.as_str()));
            if !of_one_side && !LEFT_OUT.contains(&name.as_str()) {
                fields.insert(name, value);
            }
            self.eat(",");
            self.eat(" ");
        }
        Tree::Fields(fields)
    }

    fn value(&mut self) -> Tree {
        if self.eat("\"") || self.eat("b\"") {
            return self.quoted();
        }
        if self.eat("[") {
            let items = self.list("]");
            return if items.is_empty() { Tree::Nothing } else { Tree::List(items) };
        }
        if self.eat("{}") {
            return Tree::Nothing;
        }
        let word = self.word();
        if self.eat(" {") {
            return self.fields();
        }
        if word == "Records" {
            self.rest = self.rest.split_once(')').expect("parentheses are closed").1;
            return Tree::Nothing;
        }
        if self.eat("(") {
            return self.list(")").pop().expect("a newtype has a value");
        }
        match word.as_str() {
            "None" => Tree::Nothing,
            uuid if uuid.len() == 36 => {
                let bits = u128::from_str_radix(&uuid.replace('-', ""), 16).expect("it is a UUID");
                Tree::Leaf(Uuid::from(bits).to_string())
            }
            _ => Tree::Leaf(word),
        }
    }
}
