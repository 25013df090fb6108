//! Finding the master, and being told clearly why there is none.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use standfast::{Client, ClientState, Config, ErrorKind, EventKind, Phase, Step, Timeout, Value};
use standfast_behaviour::{
    LIMIT, client, connect, event, lab, nowhere, raw, run, run_within, sentinel_url, until, with,
};
use standfast_lab::{Lab, LabOptions};
use standfast_vectors::servers::{black_hole, stand_in};

#[test]
fn the_master_is_found_through_the_sentinels() {
    let lab = lab();
    let client = client(&lab, "");
    assert_eq!(run(&client, "SET greeting hello").unwrap(), Value::Okay);
    let master = lab.master().unwrap();
    assert_eq!(raw(&lab, master).command(&["GET", "greeting"]).unwrap().text(), "hello");

    let status = client.status();
    assert_eq!(status.state, ClientState::Ready);
    assert_eq!(status.master.unwrap().port, master.port());
    let confirmed = until("every sentinel confirms", || {
        let status = client.status();
        (status.confirmed_by.len() == 3).then_some(status)
    });
    assert!(confirmed.epoch.is_some());
    assert_eq!(client.nodes().len(), 3);
    assert!(client.nodes().iter().all(|node| node.opinions.len() == 3), "{:?}", client.nodes());
}

#[test]
fn typed_commands_of_redis_work_on_a_client() {
    let lab = lab();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use redis::AsyncCommands;
        let client = Client::connect(lab.url()).await.unwrap();
        let hits: i64 = client.clone().incr("hits", 1).await.unwrap();
        let (set, got): (String, i64) =
            redis::pipe().atomic().set("k", 5).get("k").query_async(&mut client.clone()).await.unwrap();
        assert_eq!((hits, set.as_str(), got), (1, "OK", 5));
    });
}

#[test]
fn one_dead_sentinel_delays_nothing() {
    let lab = lab();
    let mut sentinels = lab.sentinel_addrs().to_vec();
    sentinels[0] = nowhere();
    let started = Instant::now();
    connect(&sentinel_url(&sentinels, "mymaster")).unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

#[test]
fn an_unknown_master_name_is_an_error_at_once() {
    let lab = lab();
    let started = Instant::now();
    let error = connect(&sentinel_url(lab.sentinel_addrs(), "nosuchmaster")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownMaster, "{error}");
    assert!(error.message().contains("nosuchmaster"), "{error}");
    assert_eq!(error.causes().len(), 3);
    assert_eq!(error.retry().as_str(), "never");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn unreachable_sentinels_are_named_one_by_one() {
    let sentinels = [nowhere(), nowhere()];
    let started = Instant::now();
    let url = with(&sentinel_url(&sentinels, "mymaster"), "connect_deadline=300ms");
    let error = connect(&url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SentinelsUnreachable, "{error}");
    let mut named: Vec<_> = error.causes().iter().map(|cause| cause.address.clone()).collect();
    named.sort();
    let mut expected: Vec<_> = sentinels.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(named, expected);
    assert!(
        error.causes().iter().all(|cause| cause.step == Step::Connect && cause.text.contains("refused")),
        "{error}"
    );
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(350), "{took:?}");
}

#[test]
fn a_name_that_cannot_be_resolved_says_so() {
    let error = connect("redis+sentinel://no-such-host.invalid/mymaster?connect_deadline=3s").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SentinelsUnreachable, "{error}");
    assert_eq!(error.causes()[0].step, Step::Resolve);
}

#[test]
fn wrong_passwords_are_named_with_their_hop() {
    let lab = Lab::start(LabOptions {
        password: Some("data-canary".into()),
        sentinel_password: Some("sentinel-canary".into()),
        ..LabOptions::default()
    })
    .unwrap();
    assert!(run(&connect(&lab.url()).unwrap(), "PING").is_ok());

    let hosts = sentinel_url(lab.sentinel_addrs(), "mymaster");
    let hosts = hosts.strip_prefix("redis+sentinel://").unwrap();
    for (userinfo, query, expected) in [
        (":data-canary@", "", ErrorKind::SentinelAuthRequired),
        (":data-canary@", "?sentinel_password=wrong-canary", ErrorKind::SentinelAuthFailed),
        ("", "?sentinel_password=sentinel-canary", ErrorKind::MasterAuthRequired),
        (":wrong-canary@", "?sentinel_password=sentinel-canary", ErrorKind::MasterAuthFailed),
        (":data-canary@", "?sentinel_auth=same", ErrorKind::SentinelAuthFailed),
    ] {
        let started = Instant::now();
        let error = connect(&format!("redis+sentinel://{userinfo}{hosts}{query}")).unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "a mistake is reported at once: {error}");
    }
}

#[test]
fn a_data_node_in_the_place_of_a_sentinel_is_named() {
    let lab = lab();
    let node = lab.node_addrs()[0];
    let error = connect(&sentinel_url(&[node], "mymaster")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotASentinel, "{error}");
    assert_eq!(error.causes()[0].address, node.to_string());
}

#[test]
fn a_program_that_is_not_redis_is_not_a_sentinel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            use std::io::{Read, Write};
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = connect(&sentinel_url(&[addr], "mymaster")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotASentinel, "{error}");
}

#[test]
fn a_server_that_accepts_and_says_nothing_costs_no_more_than_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = sentinel_url(&[listener.local_addr().unwrap()], "mymaster?connect_deadline=700ms");
    let started = Instant::now();
    let error = connect(&url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SentinelsUnreachable, "{error}");
    assert!(started.elapsed() < Duration::from_millis(750), "{:?}", started.elapsed());
}

/// R54 for connect: whatever hangs, the call ends at its deadline, and not much later.
#[test]
fn connecting_ends_at_its_deadline_whatever_hangs() {
    let lab = lab();
    let (hole, _held, _listener) = black_hole();
    let silent = stand_in(b"");
    for sentinel in lab.sentinel_addrs() {
        for (name, node) in [("swallowed", hole), ("silent", silent)] {
            let monitor = ["SENTINEL", "MONITOR", name, "127.0.0.1", &node.port().to_string(), "3"];
            raw(&lab, *sentinel).command(&monitor).unwrap().into_result().unwrap();
        }
    }
    let long = "sentinel_timeout=30s&connect_timeout=30s&connect_deadline=300ms";
    for (what, url) in [
        ("TCP to a sentinel", sentinel_url(&[hole], "mymaster")),
        ("HELLO to a sentinel", sentinel_url(&[silent], "mymaster")),
        ("TCP to a node", format!("redis://{hole}")),
        ("HELLO to a node", format!("redis://{silent}")),
        ("TCP to the node that is named", sentinel_url(lab.sentinel_addrs(), "swallowed")),
        ("HELLO to the node that is named", sentinel_url(lab.sentinel_addrs(), "silent")),
    ] {
        let started = Instant::now();
        let error = connect(&with(&url, long)).unwrap_err();
        let took = started.elapsed();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{what}: {error}");
        assert!(!error.causes().is_empty(), "{what}: {error}");
        assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(350), "{what}: {took:?}");
    }
}

/// Both ways of connecting, begun while nothing runs at the addresses.
#[test]
fn a_client_that_is_older_than_its_servers_finds_them() {
    let lab = lab();
    let servers: Vec<_> = lab.sentinel_addrs().iter().chain(lab.node_addrs()).copied().collect();
    for server in &servers {
        lab.kill(*server).unwrap();
    }
    let background = client(&lab, "connect=background");
    assert_eq!(background.status().state, ClientState::Connecting);
    let failing = client(&lab, "connect=background&when_unavailable=fail");
    assert_eq!(run(&failing, "PING").unwrap_err().kind(), ErrorKind::NotReady);
    let url = lab.url();
    let waiting = std::thread::spawn(move || connect(&with(&url, "connect_deadline=30s")));
    let command = {
        let background = background.clone();
        std::thread::spawn(move || run_within(&background, "SET older 1", Timeout::After(LIMIT)))
    };
    until("the command waits", || (background.status().pending == 1).then_some(()));
    assert!(!waiting.is_finished() && !command.is_finished());
    for server in &servers {
        lab.restart(*server).unwrap();
    }
    assert_eq!(command.join().unwrap().unwrap(), Value::Okay);
    let waiting = waiting.join().unwrap().unwrap();
    assert_eq!(run(&waiting, "GET older").unwrap(), Value::BulkString(b"1".to_vec()));
    until("the third is ready, too", || run(&failing, "GET older").ok());
}

/// What would otherwise be ignored silently is refused before anything is dialled, and before a thread is made.
#[test]
fn options_that_do_not_fit_together_are_refused_at_once() {
    for url in ["redis://127.0.0.1:1?username=alice", "redis://127.0.0.1:1?sentinel_password=canary"] {
        let error = Client::open(Config::from_url(url).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

/// Before the first success a wrong password ends `connect`; afterwards it is an event, and an error of the commands that meet
/// it, and the client goes on trying.
#[test]
fn after_the_first_success_a_mistake_is_reported_and_tried_again() {
    // Without a replica that the sentinels could make the master instead.
    let lab = Lab::start(LabOptions { replicas: 0, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let events = client.events();
    let mut admin = raw(&lab, master);
    let mut requirepass = |password: &str| {
        admin.command(&["CONFIG", "SET", "requirepass", password]).unwrap().into_result().unwrap();
        admin.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap().into_result().unwrap();
    };
    requirepass("data-canary");
    let failed = event(&events, EventKind::AuthFailed);
    assert_eq!(failed.to_tree().get("error"), Some(&"MasterAuthRequired".into()));
    let error = run_within(&client, "PING", Timeout::After(Duration::from_secs(2))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MasterAuthRequired | ErrorKind::Timeout), "{error}");
    requirepass("");
    until("the client works again", || run_within(&client, "PING", Timeout::After(LIMIT)).ok());
}

#[test]
fn direct_mode_needs_no_sentinel() {
    let lab = lab();
    let master = lab.master().unwrap();
    // Several hosts: the one that proves to be the master is used.
    let hosts: Vec<String> = lab.node_addrs().iter().map(ToString::to_string).collect();
    let client = connect(&format!("redis://{}/0", hosts.join(","))).unwrap();
    assert_eq!(run(&client, "SET direct 1").unwrap(), Value::Okay);
    assert_eq!(client.status().master.unwrap().port, master.port());

    let replica = lab.node_addrs().iter().find(|addr| **addr != master).unwrap();
    let error = connect(&format!("redis://{replica}?connect_deadline=500ms")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMaster, "{error}");
}

#[test]
fn a_client_may_be_opened_before_any_server_exists() {
    let client = connect(&format!("redis://{}?connect=background", nowhere())).unwrap();
    assert_eq!(client.status().state, ClientState::Connecting);
    let config = Config::from_url(&format!("redis://{}", nowhere())).unwrap();
    let client = Client::open(config).unwrap();
    let error = client.blocking().wait_ready(Some(Duration::from_millis(200)), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error}");
}

#[test]
fn a_database_that_does_not_exist_is_an_error_at_once() {
    let lab = lab();
    let error = connect(&sentinel_url(lab.sentinel_addrs(), "mymaster/999")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    assert_eq!(error.retry().as_str(), "never");
}

/// The text of the error was looked up under the lock that it needs: the caller waited for ever.
#[test]
fn a_deadline_before_anybody_was_heard_is_a_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = sentinel_url(&[silent.local_addr().unwrap()], "mymaster");
    let error = connect(&with(&url, "connect_deadline=50ms&sentinel_timeout=20s")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.phase(), Some(Phase::Discovering));
}
