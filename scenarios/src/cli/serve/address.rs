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
}
