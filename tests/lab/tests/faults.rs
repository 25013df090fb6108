//! The proxies' faults, each seen by a raw socket: what it does to a client, what it spares, and that it ends.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use standfast_lab::{Direction, Fault, Lab, LabOptions, Raw, Side, Value};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long silence must last to be believed.
const SILENCE: Duration = Duration::from_millis(150);
const ALL_TO_NOTHING: Fault = Fault::Swallow { direction: Direction::Both };

fn small() -> Lab {
    Lab::start(LabOptions { replicas: 1, sentinels: 1, proxied: true, ..LabOptions::default() }).unwrap()
}

/// As a client sees the server: through its proxy.
fn through(addr: SocketAddr) -> Raw {
    Raw::connect(addr, Duration::from_secs(2)).unwrap()
}

fn stream(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    stream
}

fn ping(raw: &mut Raw) -> std::io::Result<Value> {
    raw.command(&["PING"])
}

fn pong() -> Value {
    Value::Simple("PONG".into())
}

fn until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look() {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn assert_silent(result: std::io::Result<Value>) {
    let kind = result.expect_err("nothing was to arrive").kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
}

/// Whether the replica still follows its master, through the master's proxy.
fn replica_follows(lab: &Lab) -> bool {
    let role = lab.connect(lab.node_addrs()[1]).unwrap().command(&["ROLE"]).unwrap();
    role.items()[3].text() == "connected"
}

#[test]
fn every_server_is_known_by_its_proxy_and_clients_are_told_from_peers() {
    let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::default() }).unwrap();
    let master = lab.node_addrs()[0];
    let info = lab.connect(master).unwrap().command(&["INFO", "server"]).unwrap().text();
    assert!(!info.contains(&format!("tcp_port:{}\r", master.port())), "the server itself listens elsewhere");
    for server in lab.node_addrs().iter().chain(lab.sentinel_addrs()) {
        let traffic = lab.traffic(*server).unwrap();
        // Three sentinels talk to every node on two links, and to each other on one.
        assert!(traffic.peers.open >= 2, "{server}: {traffic:?}");
        assert_eq!(traffic.clients.total, 0, "{server}: neither a sentinel nor the lab is a client");
    }
    let mut client = through(master);
    assert_eq!(ping(&mut client).unwrap(), pong());
    let clients = lab.traffic(master).unwrap().clients;
    assert_eq!((clients.open, clients.total), (1, 1));
    assert_eq!((clients.to_server, clients.to_client), (14, 7), "*1 $4 PING, +PONG");
    drop(client);
    until("the proxy has noticed", || lab.traffic(master).unwrap().clients.open == 0);
}

#[test]
fn swallowed_bytes_are_silence_for_one_side_alone() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut client = through(master);
    assert_eq!(ping(&mut client).unwrap(), pong());
    lab.inject(master, Side::Clients, ALL_TO_NOTHING).unwrap();
    client.set_read_timeout(SILENCE).unwrap();
    assert_silent(ping(&mut client));
    let mut newer = through(master);
    newer.set_read_timeout(SILENCE).unwrap();
    assert_silent(ping(&mut newer));
    assert!(replica_follows(&lab), "peers are spared");

    lab.heal_faults().unwrap();
    assert_eq!(ping(&mut client).unwrap_err().kind(), ErrorKind::ConnectionReset, "its stream has a hole");
    assert_eq!(ping(&mut through(master)).unwrap(), pong());
    let kinds: Vec<_> = lab.timeline().into_iter().map(|entry| entry.kind).filter(|k| k.contains("fault")).collect();
    assert_eq!(kinds, ["fault", "heal_faults", "heal_faults", "heal_faults"], "one fault, three servers healed");
}

#[test]
fn one_direction_lets_the_question_through_or_the_answer() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let value = || lab.connect(master).unwrap().command(&["GET", "a"]).unwrap().text();
    for (direction, arrives) in [(Direction::ToServer, ""), (Direction::ToClient, "1")] {
        let mut client = through(master);
        client.set_read_timeout(SILENCE).unwrap();
        lab.inject(master, Side::Clients, Fault::Swallow { direction }).unwrap();
        assert_silent(client.command(&["SET", "a", "1"]));
        assert_eq!(value(), arrives, "{direction:?}");
        lab.heal_faults().unwrap();
    }
}

#[test]
fn a_cut_lets_exactly_so_many_bytes_pass() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut present = stream(master);
    present.write_all(b"PING\r\n").unwrap();
    present.read_exact(&mut [0; 7]).unwrap();
    // Counted from now, whatever went before.
    lab.inject(master, Side::Clients, Fault::Cut { direction: Direction::ToClient, after: 9 }).unwrap();
    for mut client in [present, stream(master)] {
        client.write_all(b"PING\r\nPING\r\n").unwrap();
        let mut seen = Vec::new();
        client.read_to_end(&mut seen).unwrap();
        assert_eq!(seen, b"+PONG\r\n+P");
    }
    lab.heal_faults().unwrap();
    lab.inject(master, Side::Clients, Fault::Cut { direction: Direction::ToServer, after: 12 }).unwrap();
    let mut client = stream(master);
    client.write_all(b"SET cut 1\r\nSET cut 2\r\n").unwrap();
    let mut seen = Vec::new();
    // The end comes before or after the answer to what was complete.
    client.read_to_end(&mut seen).unwrap();
    assert_eq!(lab.connect(master).unwrap().command(&["GET", "cut"]).unwrap().text(), "1");
    let both = Fault::Cut { direction: Direction::Both, after: 1 };
    assert!(lab.inject(master, Side::Clients, both).unwrap_err().to_string().contains("one direction"));
}

#[test]
fn a_delay_is_on_both_ways() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut client = through(master);
    lab.inject(master, Side::Clients, Fault::Delay { ms: 60 }).unwrap();
    let asked = Instant::now();
    assert_eq!(ping(&mut client).unwrap(), pong());
    assert!(asked.elapsed() >= Duration::from_millis(120), "{:?}", asked.elapsed());
    lab.heal_faults().unwrap();
    let asked = Instant::now();
    assert_eq!(ping(&mut client).unwrap(), pong());
    assert!(asked.elapsed() < Duration::from_millis(60), "{:?}", asked.elapsed());
}

#[test]
fn a_reset_ends_what_is_there_and_nothing_else() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut client = through(master);
    assert_eq!(ping(&mut client).unwrap(), pong());
    lab.inject(master, Side::Clients, Fault::Reset).unwrap();
    assert_eq!(client.read().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(replica_follows(&lab));
    assert_eq!(ping(&mut through(master)).unwrap(), pong());
    assert_eq!(lab.traffic(master).unwrap().clients.total, 2);
}

#[test]
fn half_open_is_known_only_when_something_is_said() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut client = through(master);
    client.command(&["CLIENT", "SETNAME", "half"]).unwrap();
    let at_the_server =
        || lab.connect(master).unwrap().command(&["CLIENT", "LIST"]).unwrap().text().contains("name=half");
    assert!(at_the_server());
    lab.inject(master, Side::Clients, Fault::HalfOpen).unwrap();
    until("the server has closed its end", || !at_the_server());
    client.set_read_timeout(SILENCE).unwrap();
    assert_silent(client.read());
    assert_eq!(ping(&mut client).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn refusing_is_the_kernels_for_all_and_a_reset_for_one_side() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut present = through(master);
    assert_eq!(ping(&mut present).unwrap(), pong());
    lab.inject(master, Side::All, Fault::Refuse).unwrap();
    assert_eq!(TcpStream::connect(master).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ping(&mut present).unwrap(), pong(), "what is there goes on");
    lab.heal_faults().unwrap();
    lab.inject(master, Side::Clients, Fault::Refuse).unwrap();
    let refused = Raw::connect(master, PATIENCE).and_then(|mut raw| ping(&mut raw));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionReset);
    lab.heal_faults().unwrap();
    assert_eq!(ping(&mut through(master)).unwrap(), pong());
}

#[test]
fn a_dead_server_refuses_as_it_would_without_a_proxy() {
    let lab = small();
    let replica = lab.node_addrs()[1];
    let mut client = through(replica);
    assert_eq!(ping(&mut client).unwrap(), pong());
    lab.kill(replica).unwrap();
    assert_eq!(client.read().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(TcpStream::connect(replica).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    lab.restart(replica).unwrap();
    assert_eq!(ping(&mut through(replica)).unwrap(), pong());
    lab.shutdown(replica).unwrap();
    assert_eq!(TcpStream::connect(replica).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    lab.heal().unwrap();
}

#[test]
fn in_a_black_hole_connecting_hangs_and_what_was_said_arrives_in_the_end() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut client = through(master);
    assert_eq!(ping(&mut client).unwrap(), pong());
    lab.inject(master, Side::Clients, Fault::BlackHole).unwrap();
    let hangs = TcpStream::connect_timeout(&master, SILENCE).unwrap_err();
    assert_eq!(hangs.kind(), ErrorKind::TimedOut);
    client.set_read_timeout(SILENCE).unwrap();
    assert_silent(ping(&mut client));
    assert!(replica_follows(&lab), "peers are spared");
    assert_eq!(lab.master().unwrap(), master);
    lab.heal_faults().unwrap();
    // TCP tries again, less and less often.
    client.set_read_timeout(PATIENCE).unwrap();
    assert_eq!(client.read().unwrap(), pong());
    assert_eq!(ping(&mut through(master)).unwrap(), pong());
}

#[test]
fn one_channel_can_be_silenced() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut resp2 = through(master);
    resp2.command(&["PSUBSCRIBE", "*"]).unwrap();
    let mut resp3 = through(master);
    resp3.command(&["HELLO", "3"]).unwrap();
    resp3.command(&["SUBSCRIBE", "bad"]).unwrap();
    resp3.command(&["SUBSCRIBE", "good"]).unwrap();
    lab.inject(master, Side::Clients, Fault::DropPushes { channel: "b*d".into() }).unwrap();
    let mut publisher = lab.connect(master).unwrap();
    for channel in ["bad", "good"] {
        publisher.command(&["PUBLISH", channel, "x"]).unwrap();
    }
    assert_eq!(resp2.read().unwrap().items()[2].text(), "good");
    assert_eq!(resp3.read().unwrap().items()[1].text(), "good");
    lab.heal_faults().unwrap();
    publisher.command(&["PUBLISH", "bad", "x"]).unwrap();
    assert_eq!(resp2.read().unwrap().items()[2].text(), "bad");
    assert_eq!(resp3.read().unwrap().items()[1].text(), "bad");
}

#[test]
fn another_program_or_another_server_can_stand_behind_an_address() {
    let lab = small();
    let (master, replica) = (lab.node_addrs()[0], lab.node_addrs()[1]);
    let sentinel = lab.sentinel_addrs()[0];
    lab.inject(sentinel, Side::Clients, Fault::Answer { text: "HTTP/1.1 400 Bad Request\r\n\r\n".into() }).unwrap();
    let mut client = through(sentinel);
    assert_eq!(ping(&mut client).unwrap_err().kind(), ErrorKind::InvalidData);
    lab.heal_faults().unwrap();
    assert_eq!(ping(&mut client).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(ping(&mut through(sentinel)).unwrap(), pong());

    let role = |addr| through(addr).command(&["ROLE"]).unwrap().items()[0].text();
    lab.inject_next(master, 1, Side::Clients, Fault::Reroute { to: replica }).unwrap();
    assert_eq!((role(master), role(master)), ("slave".into(), "master".into()));
    assert!(lab.inject_next(master, 1, Side::Clients, Fault::BlackHole).is_err());
}

#[test]
fn the_next_connections_can_be_the_only_ones() {
    let lab = small();
    let master = lab.node_addrs()[0];
    let mut present = through(master);
    assert_eq!(ping(&mut present).unwrap(), pong());
    lab.inject_next(master, 2, Side::Clients, ALL_TO_NOTHING).unwrap();
    assert_eq!(ping(&mut present).unwrap(), pong());
    for _ in 0..2 {
        let mut client = through(master);
        client.set_read_timeout(SILENCE).unwrap();
        assert_silent(ping(&mut client));
    }
    let mut newest = through(master);
    assert_eq!(ping(&mut newest).unwrap(), pong());
    lab.inject_newest(master, Side::Clients, ALL_TO_NOTHING).unwrap();
    newest.set_read_timeout(SILENCE).unwrap();
    assert_silent(ping(&mut newest));
    assert_eq!(ping(&mut through(master)).unwrap(), pong());
    assert_eq!(ping(&mut present).unwrap(), pong());
}

#[test]
fn a_partitioned_master_is_replaced_and_the_sentinel_beside_it_does_not_know() {
    let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::default() }).unwrap();
    let (old, others) = (lab.node_addrs()[0], &lab.node_addrs()[1..]);
    let (beside, majority) = (lab.sentinel_addrs()[0], &lab.sentinel_addrs()[1..]);
    let named_by = |sentinel: SocketAddr| {
        let mut raw = lab.connect(sentinel).unwrap();
        let named = raw.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]).unwrap();
        SocketAddr::new(named.items()[0].text().parse().unwrap(), named.items()[1].text().parse().unwrap())
    };
    lab.partition(&[old, beside], &[others, majority].concat()).unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    until("the majority names the new master", || majority.iter().all(|s| named_by(*s) == writable.node));
    assert_eq!(named_by(beside), old);
    assert_eq!(through(old).command(&["SET", "a", "1"]).unwrap().text(), "OK", "split: the old master takes writes");
    assert_eq!(lab.heal().unwrap(), writable.node);
}

/// Sentinels learn of a failover that another one has led from its hello messages, on the nodes and from one to the other.
#[test]
fn a_sentinel_that_hears_no_hello_lags_behind() {
    let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::default() }).unwrap();
    let (old, lags, leads) = (lab.master().unwrap(), lab.sentinel_addrs()[2], lab.sentinel_addrs()[0]);
    for node in lab.node_addrs() {
        let silence = Fault::DropPushes { channel: "__sentinel__:hello".into() };
        lab.inject(*node, Side::Server(lags), silence).unwrap();
    }
    lab.partition(&[lags], &lab.sentinel_addrs()[..2]).unwrap();
    // The first sentinel is the one that is asked, and so the one that leads.
    let asked_at = lab.planned_failover().unwrap();
    let new = lab.wait_writable(PATIENCE).unwrap().node;
    let last = || {
        let switches = lab.timeline().into_iter().filter(|e| e.at_us > asked_at && e.kind == "+switch-master");
        switches.map(|entry| entry.source).collect::<Vec<_>>()
    };
    until("the others have switched", || last().len() == 2);
    assert!(last().contains(&leads.to_string()) && !last().contains(&lags.to_string()), "{:?}", last());
    let mut raw = lab.connect(lags).unwrap();
    let named = raw.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]).unwrap();
    assert_eq!(named.items()[1].text(), old.port().to_string());
    assert_eq!(lab.heal().unwrap(), new);
}

#[test]
fn a_sentinel_can_believe_something_else_and_can_be_replaced_by_a_new_one() {
    let lab = Lab::start(LabOptions { replicas: 1, sentinels: 3, proxied: true, ..LabOptions::default() }).unwrap();
    let (master, replica, liar) = (lab.node_addrs()[0], lab.node_addrs()[1], lab.sentinel_addrs()[0]);
    let ask = |sentinel, field: &str| {
        lab.connect(sentinel).unwrap().command(&["SENTINEL", "MASTER", "mymaster"]).unwrap().field(field).unwrap()
    };
    lab.remonitor(liar, replica).unwrap();
    assert_eq!(ask(liar, "port"), replica.port().to_string());
    assert_eq!(ask(liar, "down-after-milliseconds"), "1000");
    lab.remonitor(liar, master).unwrap();
    lab.wait_healthy(PATIENCE).unwrap();

    lab.planned_failover().unwrap();
    lab.wait_entry("+switch-master", 0, PATIENCE).unwrap();
    lab.heal().unwrap();
    assert_eq!(ask(lab.sentinel_addrs()[1], "config-epoch"), "1");
    lab.redeploy(lab.sentinel_addrs()).unwrap();
    let epochs: Vec<_> = lab.sentinel_addrs().iter().map(|s| ask(*s, "config-epoch")).collect();
    assert_eq!(epochs, ["0", "0", "0"]);
    assert_eq!(ask(liar, "port"), replica.port().to_string(), "the master has stayed");
    lab.heal().unwrap();
}
