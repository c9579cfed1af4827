//! Tests of `topology`: every error in its order, the proposal's example, the round trip.

use proptest::prelude::*;

use super::*;
use crate::nodes_conf::NodesConf;

const A: &str = "07c37dfeb235213a872192d90877d0cd55635b91";
const B: &str = "07c37dfeb235213a872192d90877d0cd55635b92";

/// `A` and `B` in the texts stand for the two ids.
fn parse(text: &str) -> Result<Topology, TopologyError> {
    Topology::parse(&text.replace('A', A).replace('B', B), 1)
}

#[test]
fn every_error_in_its_order() {
    for (text, error) in [
        ("", "Invalid cluster nodes info"),
        ("\n\n", "Invalid cluster nodes info"),
        (" ", "Invalid cluster nodes info"),
        ("A h 1 master", "Invalid cluster nodes info"),
        ("short h x what -", "Invalid cluster node id"),
        ("A h x what -", "Invalid cluster node port"),
        ("A h 65536 master -", "Invalid cluster node port"),
        ("A h -1 master -", "Invalid cluster node port"),
        ("A h 1 what B", "Invalid cluster node role"),
        ("A h 1 slave,fail B", "Invalid cluster node role"),
        ("A h 1 master B", "Invalid cluster node id"),
        ("A h 1 slave - 5 6 7", "Invalid cluster node id"),
        ("A h 1 slave B\r", "Invalid cluster node id"),
        ("A h 1 slave B 5", "Invalid cluster nodes info"),
        ("A h 1 slave B lb", "Invalid cluster nodes info"),
        ("A h 1 slave B lb 7 8", "Invalid cluster nodes info"),
        ("A h 1 slave B 5 6", "Invalid cluster nodes info"),
        ("A h 1 slave B A 6", "Invalid nodes definition: Missing newline between node entries."),
        ("A h 1 slave B lb 0", "Invalid cluster node port"),
        (
            "A h 1 master - 0-5 B h 2 master - 6",
            "Invalid nodes definition: Missing newline between node entries.",
        ),
        ("A h 1 master - 16384", "Slot is out of range"),
        ("A h 1 master - 0-16384", "Slot is out of range"),
        ("A h 1 master - 5-5", "Slot is out of range"),
        ("A h 1 master - 6-5", "Slot is out of range"),
        ("A h 1 master - 1-2-3", "Slot is out of range"),
        ("A h 1 master - -5", "Slot is out of range"),
        ("A h 1 master - 0-5\r", "Slot is out of range"),
        ("A h 1 master - 0-5 lb", "Slot is out of range"),
        ("A h 1 master - 0-5 lb 7 8", "Slot is out of range"),
        ("A h 1 master - 0-5 lb 65536", "Invalid cluster node port"),
        ("A h 1 master - 0-5 lb 0", "Invalid cluster node port"),
        ("A h 1 master - 5 5", "Slot distribution is overlapped"),
        ("A h 1 master - 0-5\nB h 2 master - 5", "Slot distribution is overlapped"),
        ("A h 1 master -\nA h 2 master -", "Invalid cluster node id"),
        ("A h 1 master - 5\nA h 2 master - 5", "Slot distribution is overlapped"),
        ("A h 1 master - 0-5\nB h x master - 5", "Invalid cluster node port"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), error, "{text:?}");
    }
}

#[test]
fn what_is_allowed() {
    for text in [
        "A h 1 master -",
        "A h 0 MaSTER - 0-1 2 16383\n\n  B  h 2  Replica  A  \n",
        "A h 1 slave B",
        "A h 1 master - lb 1222",
        "A h 1 master - 0-5 lb-1 1222\nB h 1 slave A 10.0.0.1 7",
    ] {
        assert!(parse(text).is_ok(), "{text:?}");
    }
}

#[test]
fn the_example_of_the_load_balancer_proposal() {
    let text = "ZrFserb4Mqi5dbyCLCMUm9zFXMNPhzKE4RbFauJa 10.190.28.10 7115 master - 0-5460 \n \
        qhbVLW9dc2VF9CZOmvBJOzzqkhNA3oHoD3NVWVyg 10.190.28.10 7133 master - 5461-10921 \n \
        9cnjXnaNK5KfPtX01V0wn7ZtM7FDPnz7va9qPJBs 10.190.28.10 7237 master - 10922-16383 \
        192.168.0.2 1222\n \
        fuCHh8Ru9tFSY313QPfBcPQ3QeP63Z4rWpqpyaOl 10.190.28.10 7255 slave \
        ZrFserb4Mqi5dbyCLCMUm9zFXMNPhzKE4RbFauJa \n \
        cIqdj5C37cMrr7r7ydZDZ8zm1T1vPLMWj8516rrF 10.190.28.10 6741 slave \
        qhbVLW9dc2VF9CZOmvBJOzzqkhNA3oHoD3NVWVyg \n \
        3D8JRN8YVONqRU57jP99E3JdH2QnLHzZpFN4rcQQ 10.190.28.10 6765 slave \
        9cnjXnaNK5KfPtX01V0wn7ZtM7FDPnz7va9qPJBs 192.168.0.1 1234";
    let topology = Topology::parse(text, 1_754_120_940).unwrap();
    let lbs: Vec<_> = topology
        .members
        .values()
        .map(|member| member.lb.as_ref().map(|lb| (lb.host.as_str(), lb.port)))
        .collect();
    let expected =
        [None, None, Some(("192.168.0.2", 1222)), None, None, Some(("192.168.0.1", 1234))];
    assert_eq!(lbs, expected);

    let third = topology.owner(12_000).unwrap();
    assert_eq!((third.host.as_str(), third.port), ("10.190.28.10", 7237));
    assert_eq!(
        third.role,
        MemberRole::Master { slots: vec![SlotRange { first: 10_922, last: 16_383 }] }
    );
    let replicas: Vec<_> = topology.replicas_of(&third.id).map(|member| member.port).collect();
    assert_eq!(replicas, [6765]);
}

#[test]
fn hosts_that_cannot_be_told_from_slots_or_ids_are_no_load_balancers() {
    for host in ["", "7", "1-2", "-", "a b", A] {
        assert!(!LbAddress::host_is_writable(host), "{host}");
    }
    for host in ["lb", "lb-1", "10.0.0.1", "::1", "7x"] {
        assert!(LbAddress::host_is_writable(host), "{host}");
    }
}

fn lb() -> impl Strategy<Value = Option<LbAddress>> {
    let host = "[a-z0-9.:-]{1,12}"
        .prop_filter("cannot be told apart", |host| LbAddress::host_is_writable(host));
    proptest::option::of((host, 1..=u16::MAX).prop_map(|(host, port)| LbAddress { host, port }))
}

/// Masters share the slots out by cut points, and every other member follows some id.
fn topology() -> impl Strategy<Value = Topology> {
    let member = ("[!-~]{40}", "[a-z0-9.:]{1,9}", any::<u16>(), any::<bool>(), lb());
    let cuts = proptest::collection::btree_set(0..SLOTS, 0..40);
    (proptest::collection::vec(member, 1..8), cuts, 0..i64::MAX).prop_map(
        |(drafts, cuts, version)| {
            let cuts: Vec<u16> = cuts.into_iter().collect();
            let ranges = cuts.windows(2).map(|w| SlotRange { first: w[0], last: w[1] - 1 });
            let mut parts = vec![Vec::new(); drafts.len()];
            let count = parts.len();
            ranges.enumerate().for_each(|(index, range)| parts[index % count].push(range));
            let mut members = IndexMap::new();
            for ((id, host, port, master, lb), slots) in drafts.into_iter().zip(parts) {
                let role = if master {
                    MemberRole::Master { slots }
                } else {
                    MemberRole::Replica { of: id.chars().rev().collect() }
                };
                members.insert(id.clone(), Member { id, host, port, role, lb });
            }
            Topology { version, members }
        },
    )
}

proptest! {
    #[test]
    fn parse_reads_what_to_setnodes_writes(topology in topology()) {
        let text = topology.to_setnodes();
        prop_assert_eq!(Topology::parse(&text, topology.version), Ok(topology));
    }

    #[test]
    fn parse_never_panics(text in "[ -~\n]{0,200}") {
        let _ = Topology::parse(&text, 1);
    }

    #[test]
    fn what_is_accepted_of_a_damaged_text_is_kept_whole(
        topology in topology(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = topology.to_setnodes().into_bytes();
        for (at, byte) in damage {
            // Now and then one of those that mean something.
            let meaning = b" \n\r\t-,0";
            let byte = meaning.get(usize::from(byte) % 20).copied().unwrap_or(byte);
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2 + 1));
        let text = String::from_utf8_lossy(&bytes);
        match Topology::parse(&text, 1) {
            Ok(accepted) => {
                let again = Topology::parse(&accepted.to_setnodes(), 1);
                prop_assert_eq!(again.as_ref(), Ok(&accepted));
                let conf = NodesConf { my_id: String::new(), topology: Some(accepted) };
                prop_assert_eq!(NodesConf::parse(&conf.to_text()), Ok(conf));
            }
            Err(refused) => prop_assert!(!refused.to_string().is_empty()),
        }
    }
}
