//! What happened to each record of a share group.

use std::collections::BTreeMap;

use super::{Owner, Said, ShareExchange, ShareGroup};
use crate::history::Place;

/// A delivery of a record to a member.
#[derive(Debug, Clone, Copy)]
pub struct Delivered<'a> {
    /// The request that got it. It was answered.
    pub exchange: &'a ShareExchange,
    /// The number of the delivery, as the member's answer has it.
    pub deliveries: i16,
    /// Who gave it, if that is known.
    pub owner: Option<Owner>,
}

impl Delivered<'_> {
    /// Where the question and the answer stand in the history.
    pub fn span(&self) -> (usize, usize) {
        let asked = self.exchange.asked.order;
        (asked, self.exchange.answer.as_ref().map_or(usize::MAX, |(at, _)| at.order))
    }
}

/// Something that was said of a record.
#[derive(Debug, Clone, Copy)]
pub struct SaidOf<'a> {
    /// The request.
    pub exchange: &'a ShareExchange,
    /// What.
    pub said: Said,
    /// Kafka's error, if there was an answer.
    pub code: Option<i16>,
    /// Who answered, if that is known.
    pub owner: Option<Owner>,
}

impl SaidOf<'_> {
    /// Where the answer stands in the history, if it is that all went well.
    pub fn done(&self) -> Option<usize> {
        let (at, _) = self.exchange.answer.as_ref()?;
        (self.code == Some(0)).then_some(at.order)
    }
}

/// A record, as a share group saw it.
#[derive(Debug, Clone, Default)]
pub struct ShareRecord<'a> {
    /// Its deliveries, in the order of the requests.
    pub delivered: Vec<Delivered<'a>>,
    /// What was said of it, in the order of the requests.
    pub said: Vec<SaidOf<'a>>,
}

/// Every record of which something was said, or that was delivered.
pub type ShareRecords<'a> = BTreeMap<&'a Place, BTreeMap<i64, ShareRecord<'a>>>;

impl ShareGroup {
    /// What happened to each record.
    pub fn records(&self) -> ShareRecords<'_> {
        let mut records = ShareRecords::new();
        for exchange in &self.exchanges {
            for saying in &exchange.request.said {
                let told = exchange.answer.as_ref().and_then(|(_, answer)| match answer.code {
                    0 => {
                        answer.acknowledged.iter().find(|(of, _)| *of == saying.place).map(|(_, code)| *code)
                    }
                    code => Some(code),
                });
                let owner = exchange.owner(&saying.place);
                let of = records.entry(&saying.place).or_default();
                for offset in saying.first..=saying.last {
                    let said = SaidOf { exchange, said: saying.said, code: told, owner };
                    of.entry(offset).or_default().said.push(said);
                }
            }
            for given in exchange.answer.iter().flat_map(|(_, answer)| &answer.given) {
                let owner = exchange.owner(&given.place);
                let of = records.entry(&given.place).or_default();
                for offset in given.first..=given.last {
                    let delivered = Delivered { exchange, deliveries: given.deliveries, owner };
                    of.entry(offset).or_default().delivered.push(delivered);
                }
            }
        }
        records
    }
}

/// Whether one owner is not before another; unknown ones may be.
pub fn not_before(owner: Option<Owner>, other: Option<Owner>) -> bool {
    owner.zip(other).is_some_and(|(owner, other)| owner >= other)
}
