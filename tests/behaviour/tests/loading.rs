//! A master that is still loading its data answers HELLO, but it is not ready.

use std::time::Duration;

use standfast::{ClientState, EventKind, Timeout, Value};
use standfast_behaviour::{LIMIT, client, event, raw, run_within, until};
use standfast_lab::{Lab, LabOptions};

/// R73, B-42.
#[test]
fn a_master_is_not_ready_while_it_loads_its_data() {
    let slow_to_load = ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"];
    let lab = Lab::start(LabOptions {
        replicas: 0,
        sentinels: 1,
        // The sentinel sees nothing of it: this is between the client and the node.
        down_after: Duration::from_secs(60),
        server_args: slow_to_load.map(str::to_owned).to_vec(),
        ..LabOptions::default()
    })
    .unwrap();
    let client = client(&lab, "");
    let events = client.events();
    event(&events, EventKind::Ready);
    let node = lab.master().unwrap();
    raw(&lab, node)
        .command(&["EVAL", "for i=1,1000 do redis.call('SET', 'key'..i, string.rep('x', 100)) end", "0"])
        .unwrap();
    raw(&lab, node).command(&["SAVE"]).unwrap();

    lab.kill(node).unwrap();
    event(&events, EventKind::NotReady);
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| lab.restart(node));
        let loading = || {
            let info = standfast_lab::Raw::connect(node, LIMIT).ok()?.command(&["INFO", "persistence"]).ok()?.text();
            Some(info.contains("loading:1"))
        };
        until("it loads", || loading().filter(|loading| *loading));
        assert_eq!(client.status().state, ClientState::NoMaster);
        // Waits inside its deadline, and is executed once the data is there.
        assert_eq!(run_within(&client, "EXISTS key1 key1000", Timeout::After(LIMIT)).unwrap(), Value::Int(2));
        assert_eq!(loading(), Some(false));
        assert!(client.status().counters.contains(&("retries".to_owned(), 0)), "nothing was refused");
        restart.join().unwrap().unwrap();
    });
    event(&events, EventKind::Ready);
}
