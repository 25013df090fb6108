//! What a client tells about itself: the events of scripted failures in their order, and a watch that may only ask.

use std::time::Duration;

use standfast::{Client, EventKind, Events};
use standfast_behaviour::{LIMIT, client, connect, event, lab, raw, run, until, with};
use standfast_lab::{Lab, LabOptions};

use EventKind::{
    AuthFailed, Closed, Connecting, FailoverStarted, Fenced, LinkLost, LinkRestored, MasterSwitched, NotReady, Ready,
    SentinelAdded, SentinelDown, SentinelUp, SwitchConfirmed, SwitchReport, Tilt, Unfenced,
};

/// The kinds of the events up to the first of this kind. What single sentinels do comes in between at any time.
fn story(events: &Events, end: EventKind) -> Vec<EventKind> {
    let mut story = Vec::new();
    loop {
        let event = events.next_blocking(Some(LIMIT), None).unwrap().unwrap_or_else(|| panic!("no {end:?}: {story:?}"));
        if !matches!(event.kind, SentinelUp | SentinelDown | SentinelAdded | Tilt) {
            story.push(event.kind);
        }
        if event.kind == end {
            return story;
        }
    }
}

fn settled(options: &str) -> (Lab, Client, Events) {
    let lab = lab();
    let client = client(&lab, options);
    let events = client.events();
    assert_eq!(story(&events, SwitchConfirmed), [Connecting, Ready, SwitchConfirmed]);
    (lab, client, events)
}

/// R63, B-66.
#[test]
fn a_planned_failover_is_told_in_order() {
    let (lab, _client, events) = settled("");
    lab.planned_failover().unwrap();
    let expected = [FailoverStarted, Fenced, Unfenced, MasterSwitched, SwitchReport, SwitchConfirmed];
    assert_eq!(story(&events, SwitchConfirmed), expected);
}

/// R63, B-66.
#[test]
fn a_planned_failover_without_a_fence_is_told_in_order() {
    let (lab, _client, events) = settled("fence=off");
    lab.planned_failover().unwrap();
    assert_eq!(story(&events, SwitchConfirmed), [FailoverStarted, MasterSwitched, SwitchReport, SwitchConfirmed]);
}

/// R63, B-66.
#[test]
fn the_death_of_the_master_is_told_in_order() {
    let (lab, _client, events) = settled("");
    lab.kill(lab.master().unwrap()).unwrap();
    let expected = [LinkLost, NotReady, FailoverStarted, MasterSwitched, SwitchReport, SwitchConfirmed];
    assert_eq!(story(&events, SwitchConfirmed), expected);
}

/// R63, B-66: nothing is known of the old master but that it does not answer, so the report waits for it.
#[test]
fn a_frozen_master_is_told_in_order() {
    let (lab, _client, events) = settled("heartbeat_interval=1h");
    lab.stop(lab.master().unwrap()).unwrap();
    assert_eq!(story(&events, MasterSwitched), [FailoverStarted, Fenced, Unfenced, MasterSwitched]);
    event(&events, SwitchReport);
}

/// R63, B-66.
#[test]
fn a_master_that_comes_back_is_told_in_order() {
    let lab = Lab::start(LabOptions { down_after: Duration::from_secs(60), ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    let events = client.events();
    story(&events, SwitchConfirmed);
    let master = lab.master().unwrap();
    lab.kill(master).unwrap();
    lab.restart(master).unwrap();
    assert_eq!(story(&events, Ready), [LinkLost, NotReady, LinkRestored, Ready]);
    client.close();
    assert_eq!(story(&events, Closed), [Closed]);
}

/// R63, B-66: by each of the three sentinels.
#[test]
fn wrong_credentials_are_told() {
    let lab = Lab::start(LabOptions { sentinel_password: Some("right".to_owned()), ..LabOptions::default() }).unwrap();
    let url = lab.url().replace("right", "wrong");
    let client = connect(&with(&url.replace('?', "?connect=background&"), "")).unwrap();
    let events = client.events();
    assert_eq!(story(&events, AuthFailed), [Connecting, AuthFailed]);
    assert!(client.status().sentinels.iter().any(|sentinel| sentinel.error.is_some()));
}

/// R78, B-67: the rights that Redis' documentation gives to Sentinel clients do not include subscribing.
#[test]
fn a_user_who_may_only_ask_follows_by_asking() {
    let lab = lab();
    let rights = "-@all +auth +client|getname +client|id +client|setname +command +hello +ping +role \
                  +sentinel|get-master-addr-by-name +sentinel|master +sentinel|myid +sentinel|replicas +sentinel|sentinels";
    for &sentinel in lab.sentinel_addrs() {
        let mut user = vec!["ACL", "SETUSER", "asker", "ON", ">pw", "resetchannels"];
        user.extend(rights.split_whitespace());
        raw(&lab, sentinel).command(&user).unwrap().into_result().unwrap();
    }
    let client = client(&lab, "sentinel_username=asker&sentinel_password=pw");
    until("all sentinels are polled", || {
        let sentinels = client.status().sentinels;
        (sentinels.len() == 3 && sentinels.iter().all(|sentinel| sentinel.state == "polling")).then_some(())
    });
    let old = lab.master().unwrap();
    lab.kill(old).unwrap();
    event(&client.events(), MasterSwitched);
    run(&client, "SET k v").unwrap();
    assert_ne!(client.status().master.unwrap().port, old.port());
}
