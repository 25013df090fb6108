//! Following the master, and what becomes of commands meanwhile.

use std::time::{Duration, Instant};

use standfast::{ClientState, ErrorKind, EventKind, Timeout, Tree, Value};
use standfast_behaviour::load::Writer;
use standfast_behaviour::{LIMIT, client, event, lab, raw, run, run_within, until};

#[test]
fn a_planned_failover_loses_nothing_and_reports_no_error() {
    let lab = lab();
    let client = client(&lab, "");
    let events = client.events();
    let writer = Writer::start(&client);
    lab.planned_failover().unwrap();
    let switched = event(&events, EventKind::MasterSwitched);
    assert!(switched.details.contains(&("eager", Tree::Bool(true))), "ahead of the sentinels: {switched:?}");
    event(&events, EventKind::SwitchConfirmed);
    let written = writer.stop();
    lab.wait_healthy(LIMIT).unwrap();
    assert_eq!(written.errors, [] as [&str; 0]);
    assert_eq!(written.lost(&lab), [] as [u64; 0], "acknowledged and lost");
}

#[test]
fn the_death_of_the_master_is_followed_and_the_old_master_is_left() {
    let lab = lab();
    let client = client(&lab, "");
    let old = lab.master().unwrap();
    let writer = Writer::start(&client);
    lab.kill(old).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    until("the client is ready on the new master", || {
        let status = client.status();
        (status.state == ClientState::Ready && status.master?.port == writable.node.port()).then_some(())
    });
    assert_eq!(run(&client, "SET after 1").unwrap(), Value::Okay);
    let errors = writer.stop().errors;
    // At the most the one write that was on its way when the master died.
    assert!(errors.len() <= 1 && errors.iter().all(|name| *name == "MaybeExecuted"), "{errors:?}");
    assert!(client.status().links.iter().all(|link| link.address.port != old.port()), "{:?}", client.status().links);
}

#[test]
fn two_deaths_in_a_row_are_followed() {
    let lab = lab();
    let client = client(&lab, "");
    for _ in 0..2 {
        let old = lab.master().unwrap();
        lab.kill(old).unwrap();
        let answer = run_within(&client, "SET k v", Timeout::After(LIMIT));
        assert!(matches!(answer, Ok(Value::Okay)), "{answer:?}");
        // The third node can only be chosen once it follows the second.
        lab.restart(old).unwrap();
        lab.wait_healthy(LIMIT).unwrap();
    }
    // More than two switches if Sentinel went on by itself, as it does on a busy machine.
    assert!(client.status().generation >= 3, "{:?}", client.status());
}

#[test]
fn a_frozen_master_is_left_with_default_settings() {
    let lab = lab();
    let client = client(&lab, "");
    let old = lab.master().unwrap();
    lab.stop(old).unwrap();
    let answer = until("a write succeeds again", || run_within(&client, "SET k v", Timeout::After(LIMIT)).ok());
    assert_eq!(answer, Value::Okay);
    assert_ne!(client.status().master.unwrap().port, old.port());
}

#[test]
fn nothing_that_can_carry_a_command_stays_on_a_demoted_master() {
    let lab = lab();
    let client = client(&lab, "client_name=lingers");
    let old = lab.master().unwrap();
    run(&client, "PING").unwrap();
    lab.planned_failover().unwrap();
    event(&client.events(), EventKind::MasterSwitched);
    until("the old master has no connection of ours", || {
        let list = raw(&lab, old).command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).ok()?.text();
        (!list.contains("name=lingers")).then_some(())
    });
}

#[test]
fn events_tell_the_story_in_order() {
    let lab = lab();
    let client = client(&lab, "");
    let events = client.events();
    lab.planned_failover().unwrap();
    event(&client.events(), EventKind::SwitchConfirmed);
    let switched =
        until("the switch is confirmed", || client.status().epoch.filter(|_| client.status().generation == 2));
    client.close();
    let mut story = Vec::new();
    while let Ok(Some(event)) = events.next_blocking(Some(LIMIT), None) {
        story.push(event);
    }
    assert!(story.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq && pair[0].at <= pair[1].at));
    let kinds: Vec<&str> = story.iter().map(|event| event.kind.as_str()).collect();
    let expected = [
        "connecting",
        "ready",
        "failover_started",
        "fenced",
        "unfenced",
        "master_switched",
        "switch_confirmed",
        "closed",
    ];
    let mut rest = kinds.iter();
    for kind in expected {
        assert!(rest.any(|found| *found == kind), "{kind} is missing, or out of order, in {kinds:?}");
    }
    assert_eq!(kinds.last(), Some(&"closed"));
    assert!(switched > 0);
}

#[test]
fn a_command_waits_for_a_master_inside_its_deadline() {
    let lab = lab();
    let client = client(&lab, "");
    for sentinel in lab.sentinel_addrs() {
        lab.kill(*sentinel).unwrap();
    }
    lab.kill(lab.node_addrs()[0]).unwrap();
    until("the client has noticed", || (client.status().state == ClientState::NoMaster).then_some(()));
    let started = Instant::now();
    let error = run_within(&client, "SET k v", Timeout::After(Duration::from_millis(300))).unwrap_err();
    let took = started.elapsed();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.phase().unwrap().as_str(), "no_master");
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(350), "{took:?}");
}

#[test]
fn a_command_need_not_wait() {
    let lab = lab();
    let client = client(&lab, "when_unavailable=fail");
    for sentinel in lab.sentinel_addrs() {
        lab.kill(*sentinel).unwrap();
    }
    // While the sentinels are away the master goes on serving.
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    lab.kill(lab.node_addrs()[0]).unwrap();
    until("the client has noticed", || (client.status().state == ClientState::NoMaster).then_some(()));
    let started = Instant::now();
    assert_eq!(run(&client, "SET k v").unwrap_err().kind(), ErrorKind::NotReady);
    assert!(started.elapsed() < Duration::from_millis(50));
}

#[test]
fn everything_down_and_up_again_needs_no_restart() {
    let lab = lab();
    let client = client(&lab, "");
    let all: Vec<_> = lab.sentinel_addrs().iter().chain(lab.node_addrs()).copied().collect();
    for server in &all {
        lab.kill(*server).unwrap();
    }
    until("the client has noticed", || (client.status().state == ClientState::NoMaster).then_some(()));
    lab.heal().unwrap();
    assert_eq!(run_within(&client, "SET k v", Timeout::After(Duration::from_secs(10))).unwrap(), Value::Okay);
}

#[test]
fn a_blocking_command_ends_with_an_error_when_its_master_is_replaced() {
    let lab = lab();
    let client = client(&lab, "");
    let waiting = {
        let client = client.clone();
        std::thread::spawn(move || run(&client, "BLPOP nothing 0"))
    };
    until("the command has arrived", || {
        let list = raw(&lab, lab.master().ok()?).command(&["CLIENT", "LIST"]).ok()?.text();
        list.contains("cmd=blpop").then_some(())
    });
    lab.planned_failover().unwrap();
    event(&client.events(), EventKind::MasterSwitched);
    let switched = Instant::now();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{error}");
    assert!(switched.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_end_of_the_control_link_alone_harms_no_command() {
    let lab = lab();
    let client = client(&lab, "client_name=guarded");
    let waiting = {
        let client = client.clone();
        std::thread::spawn(move || run(&client, "BLPOP jobs 0"))
    };
    let mut master = raw(&lab, lab.master().unwrap());
    let connections = |master: &mut standfast_lab::Raw, command: &str| -> Vec<String> {
        let list = master.command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).unwrap().text();
        let ours =
            list.lines().filter(|line| line.contains("name=guarded") && line.contains(&format!("cmd={command} ")));
        // The line begins with id=<number>.
        ours.map(|line| line.split([' ', '=']).nth(1).unwrap().to_owned()).collect()
    };
    until("the command has arrived", || (connections(&mut master, "blpop").len() == 1).then_some(()));
    // A control link that is closed within its first second counts as a lost master.
    let old = until("the control link is a second old", || {
        let list = master.command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).unwrap().text();
        let line = list.lines().find(|line| line.contains("name=guarded") && line.contains("cmd=hello "))?.to_owned();
        let age: u64 = line.split("age=").nth(1)?.split(' ').next()?.parse().ok()?;
        (age >= 2).then(|| connections(&mut master, "hello"))
    });
    for id in &old {
        master.command(&["CLIENT", "KILL", "ID", id]).unwrap();
    }
    until("there is another control link", || {
        connections(&mut master, "hello").iter().any(|id| !old.contains(id)).then_some(())
    });
    master.command(&["LPUSH", "jobs", "one"]).unwrap();
    assert!(waiting.join().unwrap().is_ok(), "the blocking command was not disturbed");
    let lost = std::iter::from_fn(|| client.events_try_next().unwrap()).find(|event| event.kind == EventKind::LinkLost);
    assert!(lost.is_none(), "{lost:?}");
}
