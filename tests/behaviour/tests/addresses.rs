//! Where servers are: rules that rewrite what is announced, names that lead to several addresses, and everybody elsewhere.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use standfast::{Client, ClientState, Config, ErrorKind, EventKind, HostPort, blocking};
use standfast_behaviour::{connect, event, lab, nowhere, raw, run, sentinel_url, until, with};
use standfast_lab::{Lab, LabOptions};

/// What host names lead to, as long as nobody changes it.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>);

impl Names {
    fn set(&self, name: &str, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().insert(name.to_owned(), addresses.to_vec());
    }

    /// A configuration that resolves names by this table.
    fn config(&self, url: &str) -> Config {
        let mut config = Config::from_url(url).unwrap();
        let names = Arc::clone(&self.0);
        config.set_resolver(move |host, _| {
            let found = names.lock().unwrap().get(host).cloned();
            found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
        });
        config
    }
}

fn ready(client: &Client) {
    until("the client is ready", || (client.status().state == ClientState::Ready).then_some(()));
}

/// R58: in answers, in events, for nodes and for sentinels, by rules and by a function.
#[test]
fn announced_addresses_are_rewritten_before_anybody_looks_at_them() {
    let lab = lab();
    let seed = &lab.sentinel_addrs()[..1];
    let by_rule = connect(&with(&sentinel_url(seed, "mymaster"), "address_map=127.0.0.1=localhost")).unwrap();
    let mut config = Config::from_url(&sentinel_url(seed, "mymaster")).unwrap();
    config.set_address_map(|address| HostPort::new("localhost", address.port));
    let by_function = blocking::connect(config, None).unwrap();
    for client in [&by_rule, &by_function] {
        let sentinels = until("all sentinels are known", || {
            let sentinels = client.status().sentinels;
            (sentinels.len() == 3 && sentinels.iter().all(|sentinel| sentinel.state == "subscribed"))
                .then_some(sentinels)
        });
        // The seed stays what the user said it is.
        let seeds = sentinels.iter().filter(|sentinel| sentinel.address.host == "127.0.0.1").count();
        let learned = sentinels.iter().filter(|sentinel| sentinel.address.host == "localhost").count();
        assert_eq!((seeds, learned), (1, 2));
        assert!(client.nodes().iter().all(|node| node.address.host == "localhost"), "{:?}", client.nodes());
        run(client, "SET k v").unwrap();
    }
    lab.planned_failover().unwrap();
    for client in [&by_rule, &by_function] {
        let events = client.events();
        let switched = event(&events, EventKind::MasterSwitched);
        assert!(format!("{switched:?}").contains("localhost"), "{switched:?}");
        run(client, "SET k w").unwrap();
        assert_eq!(client.status().master.unwrap().host, "localhost");
    }
    // A switch by the leader's events, which speak of addresses as they are announced.
    assert!(by_rule.status().counters.iter().any(|(name, count)| name == "switches" && *count == 1));
}

/// R59.
#[test]
fn an_announced_address_that_leads_nowhere_is_explained() {
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let sentinel = lab.sentinel_addrs()[0];
    let mut at_sentinel = raw(&lab, sentinel);
    at_sentinel.command(&["SENTINEL", "REMOVE", "mymaster"]).unwrap().into_result().unwrap();
    // A link-local address without a link leads nowhere on every machine; whether one of 10.0.0.0/8 does is chance.
    let monitor = ["SENTINEL", "MONITOR", "mymaster", "fe80::1", "6379", "1"];
    at_sentinel.command(&monitor).unwrap().into_result().unwrap();
    let url = with(&sentinel_url(&[sentinel], "mymaster"), "connect_timeout=300ms&connect_deadline=2s");
    let error = connect(&url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error}");
    for part in ["[fe80::1]:6379", "private", "address_map", &sentinel.to_string()] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    let master = lab.node_addrs()[0];
    let client = connect(&with(&url, &format!("address_map=[fe80::1]:6379={master}"))).unwrap();
    run(&client, "SET k v").unwrap();
}

/// Sentinels that speak of names.
#[test]
fn announced_host_names_are_used() {
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let (sentinel, master) = (lab.sentinel_addrs()[0], lab.node_addrs()[0]);
    let mut at_sentinel = raw(&lab, sentinel);
    let port = master.port().to_string();
    for words in [
        &["SENTINEL", "CONFIG", "SET", "resolve-hostnames", "yes"][..],
        &["SENTINEL", "CONFIG", "SET", "announce-hostnames", "yes"],
        &["SENTINEL", "REMOVE", "mymaster"],
        &["SENTINEL", "MONITOR", "mymaster", "localhost", &port, "1"],
    ] {
        at_sentinel.command(words).unwrap().into_result().unwrap();
    }
    let client = connect(&sentinel_url(&[sentinel], "mymaster")).unwrap();
    run(&client, "SET k v").unwrap();
    assert_eq!(client.status().master.unwrap(), HostPort::new("localhost", master.port()));
}

/// R21: one name for all sentinels, of whose addresses most are of no use.
#[test]
fn every_address_of_a_name_is_tried() {
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    // Accepts, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let names = Names::default();
    names.set("sentinels.test", &[silent.local_addr().unwrap(), nowhere(), lab.sentinel_addrs()[0]]);
    let config = names.config("redis+sentinel://sentinels.test/mymaster?sentinel_timeout=2s");
    let client = blocking::connect(config, None).unwrap();
    run(&client, "SET k v").unwrap();
    assert_eq!(client.status().sentinels[0].address.to_string(), "sentinels.test:26379");

    let names = Names::default();
    names.set("master.test", &[nowhere(), lab.node_addrs()[0]]);
    let client = blocking::connect(names.config("redis://master.test"), None).unwrap();
    run(&client, "SET k v").unwrap();
}

/// A master that is known by its name comes back elsewhere.
#[test]
fn a_master_is_followed_to_where_its_name_leads() {
    let small = || Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let (one, other) = (small(), small());
    let names = Names::default();
    names.set("master.test", one.node_addrs());
    let client = blocking::connect(names.config("redis://master.test"), None).unwrap();
    run(&client, "SET k one").unwrap();
    names.set("master.test", other.node_addrs());
    one.kill(one.node_addrs()[0]).unwrap();
    until("a write reaches the other one", || {
        let _ = run(&client, "SET k other");
        let found = raw(&other, other.node_addrs()[0]).command(&["GET", "k"]).unwrap().text();
        (found == "other").then_some(())
    });
}

/// R22: all sentinels and all nodes are gone, and come back at other addresses.
#[test]
fn everybody_comes_back_elsewhere() {
    let names = Names::default();
    let place = |lab: &Lab| {
        for (at, sentinel) in lab.sentinel_addrs().iter().enumerate() {
            names.set(&format!("s{at}.test"), &[*sentinel]);
        }
    };
    let before = lab();
    place(&before);
    let url = "redis+sentinel://s0.test,s1.test,s2.test/mymaster?command_timeout=1s";
    let client = blocking::connect(names.config(url), None).unwrap();
    // So that the epoch of what comes is lower.
    let old = before.master().unwrap();
    before.planned_failover().unwrap();
    standfast_behaviour::has_left(&client, &before, old);
    before.wait_healthy(Duration::from_secs(60)).unwrap();
    drop(before);
    until("nothing is left", || (client.status().state == ClientState::NoMaster).then_some(()));
    // The full minute is the soak's.
    let pause = Duration::from_secs(standfast_behaviour::count(3) as u64);
    let away = Instant::now();
    while away.elapsed() < pause {
        assert!(run(&client, "SET k v").is_err(), "nobody is there");
    }
    let after = lab();
    place(&after);
    let begun = Instant::now();
    ready(&client);
    let took = begun.elapsed();
    run(&client, "SET k v").unwrap();
    println!("counted: runs=1 recovered_ms={}", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(client.status().master.unwrap().port, after.master().unwrap().port());
}
