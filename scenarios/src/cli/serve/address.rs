//! Addresses on the command line.

use std::str::FromStr;

/// `HOST:PORT`; an IPv6 address stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// `HOST:PORT:ADMINPORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LbAddress {
    pub(super) address: Address,
    pub(super) admin_port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        split(text)
            .map(|(host, port)| Address { host: bare(host).to_owned(), port })
            .ok_or_else(|| format!("`{text}` is no address; allowed is HOST:PORT, port from 1"))
    }
}

impl FromStr for LbAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = split(text).and_then(|(address, admin_port)| {
            Some(LbAddress { address: address.parse().ok()?, admin_port })
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is no load balancer; allowed is HOST:PORT:ADMINPORT, ports from 1")
        })
    }
}

/// `[SHARD=]HOST:PORT:ADMINPORT`: a load balancer in front of the master of a shard, by default of
/// the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardLb {
    pub(super) shard: usize,
    pub(super) lb: LbAddress,
}

impl FromStr for ShardLb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((shard, lb)) = text.split_once('=') else {
            return Ok(ShardLb { shard: 0, lb: text.parse()? });
        };
        let no_number = |_| format!("`{shard}` is no shard; allowed is a number from 0");
        Ok(ShardLb { shard: shard.parse().map_err(no_number)?, lb: lb.parse()? })
    }
}

/// `HOST:PORT=HOST:PORT:ADMINPORT`: a node, and the load balancer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeLb {
    pub(super) node: Address,
    pub(super) lb: LbAddress,
}

impl FromStr for NodeLb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is wrong; allowed is NODE=HOST:PORT:ADMINPORT");
        let (node, lb) = text.split_once('=').ok_or_else(wrong)?;
        Ok(NodeLb { node: node.parse()?, lb: lb.parse()? })
    }
}

/// What stands before the last colon, and the port after it.
fn split(text: &str) -> Option<(&str, u16)> {
    let (before, port) = text.rsplit_once(':')?;
    let plausible = !before.is_empty() && !before.contains([' ', ',', '\n']);
    Some((before, port.parse().ok().filter(|port| plausible && *port > 0)?))
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_what_is_none_is_refused_with_what_is_allowed() {
        let address = |host: &str, port| Address { host: host.to_owned(), port };
        assert_eq!("a:1".parse(), Ok(address("a", 1)));
        assert_eq!("[::1]:65535".parse(), Ok(address("::1", 65535)));
        let lb = LbAddress { address: address("127.0.0.1", 7000), admin_port: 7001 };
        assert_eq!("127.0.0.1:7000:7001".parse(), Ok(lb));
        for wrong in ["", "a", "a:", ":1", "a:0", "a:65536", "a:1,b:2"] {
            let error = wrong.parse::<Address>().unwrap_err();
            assert!(error.contains("allowed is HOST:PORT"), "{wrong}: {error}");
            assert!(wrong.parse::<LbAddress>().is_err(), "{wrong}");
        }
        assert!("a:1".parse::<LbAddress>().is_err());
    }

    #[test]
    fn load_balancers_are_those_of_a_shard_or_of_a_node() {
        let lb: LbAddress = "l:7000:7001".parse().unwrap();
        let of_shard = |shard| Ok(ShardLb { shard, lb: lb.clone() });
        assert_eq!("l:7000:7001".parse::<ShardLb>(), of_shard(0));
        assert_eq!("2=l:7000:7001".parse::<ShardLb>(), of_shard(2));
        assert!("x=l:7000:7001".parse::<ShardLb>().unwrap_err().contains("`x` is no shard"));
        assert!("1=l:7000".parse::<ShardLb>().unwrap_err().contains("HOST:PORT:ADMINPORT"));

        let node = "a:1".parse().unwrap();
        assert_eq!("a:1=l:7000:7001".parse::<NodeLb>(), Ok(NodeLb { node, lb: lb.clone() }));
        for wrong in ["l:7000:7001", "a=l:7000:7001", "a:1=l:7000"] {
            assert!(wrong.parse::<NodeLb>().unwrap_err().contains("allowed is"), "{wrong}");
        }
    }
}
