//! Listeners, as Kafka's `listeners` has them: an address with a name in front, `NAME://HOST:PORT` or
//! `NAME=HOST:PORT`, and several with commas between them. Names are in capitals, whatever was typed.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::layers::Usage;
use super::units::AddressSpec;

/// The name of a listener that was not given one; Kafka's.
const UNNAMED: &str = "PLAINTEXT";

/// Names that promise what is not served.
const SECURE: [&str; 3] = ["SSL", "SASL_SSL", "SASL_PLAINTEXT"];

/// The port of a listener that was not given one; Kafka's.
pub(crate) const KAFKA_PORT: u16 = 9092;

/// Where clients are accepted, and what is advertised to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Its name.
    pub(crate) name: String,
    /// The host (empty for all addresses).
    pub(crate) host: String,
    /// The port; 0 takes a free one.
    pub(crate) port: u16,
    /// What is advertised to clients, if it was set.
    pub(crate) advertise: Option<AddressSpec>,
}

/// The name of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerName(String);

impl FromStr for ListenerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_uppercase();
        if SECURE.contains(&name.as_str()) {
            return Err(format!("a listener can't be called {name}: TLS and SASL are not served"));
        }
        let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("{text:?} is no name of a listener: use letters, digits, '_', '-' and '.'"));
        }
        Ok(Self(name))
    }
}

/// An address, and perhaps the listener that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerSpec {
    name: Option<ListenerName>,
    /// The address.
    pub(crate) address: AddressSpec,
}

impl FromStr for ListenerSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let named = text.split_once("://").or_else(|| text.split_once('='));
        let (name, address) = match named {
            Some((name, address)) => (Some(name.parse()?), address),
            None => (None, text),
        };
        Ok(Self { name, address: address.parse()? })
    }
}

/// One or more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerSpecs(Vec<ListenerSpec>);

impl FromStr for ListenerSpecs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// The names of listeners, for people.
struct Names<'a>(&'a [Listener]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|listener| listener.name.as_str()).collect();
        f.write_str(&names.join(", "))
    }
}

/// The listeners; first the one by which nodes reach each other. Fails if they don't go together.
pub(super) fn listeners(
    ListenerSpecs(listen): ListenerSpecs,
    advertise: Option<ListenerSpecs>,
    between_nodes: Option<ListenerName>,
) -> Result<Vec<Listener>, Usage> {
    let mut listeners = Vec::with_capacity(listen.len());
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for ListenerSpec { name, address } in listen {
        let name = name.map_or_else(|| UNNAMED.to_owned(), |ListenerName(name)| name);
        if !names.insert(name.clone()) {
            return Err(Usage(format!("listen has two listeners called {name}: write NAME=ADDR:PORT")));
        }
        let AddressSpec { host, port } = address;
        let port = port.unwrap_or(KAFKA_PORT);
        if port != 0 && !places.insert((host.clone(), port)) {
            return Err(Usage(format!("listen has two listeners at port {port}: give each its own")));
        }
        listeners.push(Listener { name, host, port, advertise: None });
    }
    for ListenerSpec { name, address } in advertise.map(|ListenerSpecs(specs)| specs).unwrap_or_default() {
        must_lead_somewhere(&address)?;
        let known = Names(&listeners).to_string();
        let only = listeners.len() == 1;
        let listener = match &name {
            Some(ListenerName(name)) => listeners.iter_mut().find(|listener| listener.name == *name),
            None => listeners.iter_mut().find(|listener| only || listener.name == UNNAMED),
        };
        let listener = listener.ok_or_else(|| match name {
            Some(ListenerName(name)) => {
                Usage(format!("advertise names {name}, which listen does not: it has {known}"))
            }
            None => Usage("advertise must say of which listener: write NAME=HOST:PORT".to_owned()),
        })?;
        if listener.advertise.replace(address).is_some() {
            return Err(Usage(format!("advertise has two addresses of {}", listener.name)));
        }
    }
    if let Some(ListenerName(name)) = between_nodes {
        let place = listeners.iter().position(|listener| listener.name == name).ok_or_else(|| {
            let known = Names(&listeners);
            Usage(format!("inter-node-listener is {name}, which listen does not have: it has {known}"))
        })?;
        listeners[..=place].rotate_right(1);
    }
    Ok(listeners)
}

fn must_lead_somewhere(AddressSpec { host, .. }: &AddressSpec) -> Result<(), Usage> {
    if host.is_empty() || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        let message = "advertise must name one host: no client can connect to all addresses";
        return Err(Usage(message.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(listen: &str, advertise: &str, between_nodes: &str) -> Result<Vec<String>, String> {
        let advertise = Some(advertise).filter(|text| !text.is_empty()).map(str::parse).transpose()?;
        let between = Some(between_nodes).filter(|text| !text.is_empty()).map(str::parse).transpose()?;
        let shown = |Listener { name, host, port, advertise }: Listener| {
            let told = advertise.map(|AddressSpec { host, port }| match port {
                Some(port) => format!(" at {host} {port}"),
                None => format!(" at {host}"),
            });
            format!("{name} {host} {port}{}", told.unwrap_or_default())
        };
        let listeners = listeners(listen.parse()?, advertise, between).map_err(|error| error.to_string())?;
        Ok(listeners.into_iter().map(shown).collect())
    }

    fn yes(listeners: &[&str]) -> Result<Vec<String>, String> {
        Ok(listeners.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn one_listener_needs_no_name() {
        assert_eq!(read("127.0.0.1:9092", "", ""), yes(&["PLAINTEXT 127.0.0.1 9092"]));
        assert_eq!(read("[::1]", "", ""), yes(&["PLAINTEXT ::1 9092"]));
        assert_eq!(read(":0", "b.example", ""), yes(&["PLAINTEXT  0 at b.example"]));
        assert_eq!(read("inside=:1", "[::1]:5", ""), yes(&["INSIDE  1 at ::1 5"]));
    }

    #[test]
    fn several_are_written_as_kafka_or_as_flags_have_them() {
        let both = yes(&["PLAINTEXT 0.0.0.0 9092 at b 1", "INTERNAL  9093 at 10.0.0.1"]);
        let listen = "PLAINTEXT://0.0.0.0:9092,INTERNAL://:9093";
        assert_eq!(read(listen, "PLAINTEXT://b:1,INTERNAL://10.0.0.1", ""), both);
        assert_eq!(read("0.0.0.0:9092, internal=:9093", "internal=10.0.0.1,b:1", "PLAINTEXT"), both);
        let nodes_first = yes(&["C  3", "A  1", "B  2"]);
        assert_eq!(read("a=:1,b=:2,c=:3", "", "c"), nodes_first);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (listen, advertise, between_nodes, answer) in [
            (":1,:2", "", "", "listen has two listeners called PLAINTEXT: write NAME=ADDR:PORT"),
            (":1,a=:1", "", "", "listen has two listeners at port 1: give each its own"),
            (":1", "a=h:1", "", "advertise names A, which listen does not: it has PLAINTEXT"),
            ("a=:1,b=:2", "h:1", "", "advertise must say of which listener: write NAME=HOST:PORT"),
            (":1", "h:1,h:2", "", "advertise has two addresses of PLAINTEXT"),
            (":1", ":5", "", "advertise must name one host: no client can connect to all addresses"),
            ("a=:1,b=:2", "", "c", "inter-node-listener is C, which listen does not have: it has A, B"),
            ("SSL://:1", "", "", "a listener can't be called SSL: TLS and SASL are not served"),
            ("a b=:1", "", "", "\"a b\" is no name of a listener: use letters, digits, '_', '-' and '.'"),
            (":1,,:2", "", "", "\"\" is no address: write HOST:PORT"),
        ] {
            assert_eq!(read(listen, advertise, between_nodes), Err(answer.to_owned()));
        }
        assert!(read(":0,a=:0", "", "").is_ok());
    }
}
