//! The store over the wire: values, sessions, leadership, and what a restart keeps.

use std::rc::Rc;
use std::time::Duration;

use controller::StoreAddress;
use controller::store::client::{Leader, StoreClient, StoreClientError, Stored};
use controller::store::{CLUSTER_KEY, StoreConfig, serve_store};
use host::Host;
use node::client::Timeouts;

use super::memory::{Network, pass, run};

const PORT: u16 = 2379;

fn start(host: &Host) {
    start_electing_after(host, 0);
}

fn start_electing_after(host: &Host, elect_after_restart_wait_ms: u64) {
    let config = StoreConfig { port: PORT, elect_after_restart_wait_ms };
    let serving = serve_store(host.clone(), config);
    host.spawn(async { serving.await.unwrap() });
}

fn client(network: &Rc<Network>) -> StoreClient {
    let second = Duration::from_secs(1);
    let address = StoreAddress { host: "store".into(), port: PORT };
    let timeouts = Timeouts { connect: second, request: second };
    StoreClient::new(&network.host("client"), &address, timeouts)
}

#[test]
fn values_have_revisions_and_outlive_the_process() {
    run(async {
        let network = Network::new();
        let host = network.host("store");
        start(&host);
        pass(1).await;
        let client = client(&network);
        assert_eq!(client.get("k").await.unwrap(), None);
        assert_eq!(client.compare_and_set("k", 0, "one").await.unwrap(), 1);
        assert_eq!(client.put("k", "two").await.unwrap(), 2);
        let conflict = client.compare_and_set("k", 1, "three").await.unwrap_err();
        assert!(matches!(conflict, StoreClientError::Conflict(_)), "{conflict}");
        assert!(conflict.surely_not_done());

        network.kill("store");
        start(&host);
        pass(1).await;
        let after = self::client(&network);
        assert_eq!(
            after.get("k").await.unwrap(),
            Some(Stored { revision: 2, value: "two".into() })
        );
        assert_eq!(after.put("k", "three").await.unwrap(), 3);
    });
}

#[test]
fn leadership_ends_with_the_session() {
    run(async {
        let network = Network::new();
        start(&network.host("store"));
        pass(1).await;
        let client = client(&network);
        let ttl = Duration::from_millis(600);
        let (one, two) =
            (client.open_session(ttl).await.unwrap(), client.open_session(10 * ttl).await.unwrap());
        assert_eq!(client.lead("l", one, "one").await.unwrap(), Leader::Myself);
        pass(500).await;
        client.keep_session(one).await.unwrap();
        pass(599).await;
        assert_eq!(client.lead("l", two, "two").await.unwrap(), Leader::Other("one".into()));
        pass(1).await;
        assert_eq!(client.lead("l", two, "two").await.unwrap(), Leader::Myself);
        let late = client.keep_session(one).await.unwrap_err();
        assert!(matches!(late, StoreClientError::NoSession(_)), "{late}");

        client.close_session(two).await.unwrap();
        let three = client.open_session(ttl).await.unwrap();
        assert_eq!(client.lead("l", three, "three").await.unwrap(), Leader::Myself);
    });
}

#[test]
fn who_watches_hears_of_every_change_at_once() {
    run(async {
        let network = Network::new();
        start(&network.host("store"));
        pass(1).await;
        let client = client(&network);
        let one = client.open_session(Duration::from_millis(600)).await.unwrap();
        assert_eq!(client.lead("l", one, "one").await.unwrap(), Leader::Myself);
        let wait = Duration::from_millis(400);
        let watch = async |name: &str| client.watch_leader("l", name, wait).await.unwrap();
        assert_eq!(watch("other").await.as_deref(), Some("one"), "that is so already");
        assert_eq!(watch("one").await.as_deref(), Some("one"), "after 400 ms");
        assert_eq!(watch("one").await, None, "after 600 ms");
        assert_eq!(watch("one").await, None);
    });
}

#[test]
fn a_restart_forgets_sessions() {
    run(async {
        let network = Network::new();
        let host = network.host("store");
        start(&host);
        pass(1).await;
        let session = client(&network).open_session(Duration::from_secs(60)).await.unwrap();
        network.kill("store");
        start(&host);
        pass(1).await;
        let error = client(&network).keep_session(session).await.unwrap_err();
        assert!(matches!(error, StoreClientError::NoSession(_)), "{error}");
    });
}

#[test]
fn after_a_restart_nobody_is_elected_for_a_while_but_at_the_very_first_start() {
    run(async {
        let network = Network::new();
        let host = network.host("store");
        let lead = async |client: &StoreClient| {
            let session = client.open_session(Duration::from_secs(60)).await.unwrap();
            client.lead("l", session, "me").await
        };
        start_electing_after(&host, 3000);
        pass(1).await;
        assert_eq!(lead(&client(&network)).await.unwrap(), Leader::Myself);

        network.kill("store");
        start_electing_after(&host, 3000);
        pass(2999).await;
        let error = lead(&client(&network)).await.unwrap_err();
        assert!(error.to_string().starts_with("store: NOTYET"), "{error}");
        pass(1).await;
        assert_eq!(lead(&client(&network)).await.unwrap(), Leader::Myself);
    });
}

#[test]
fn what_the_store_cannot_do_is_an_error_reply() {
    run(async {
        let network = Network::new();
        start(&network.host("store"));
        pass(1).await;
        let error = client(&network).open_session(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.to_string(), "store: ERR ttl_ms is 0, allowed are 1 and more");
        client(&network).put(CLUSTER_KEY, "what").await.unwrap();
        assert_eq!(network.lines("not a cluster record").len(), 1);
    });
}
