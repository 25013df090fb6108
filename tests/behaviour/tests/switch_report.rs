//! What a switch cost, told by the event `switch_report`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standfast::{Event, EventKind, Timeout, Tree};
use standfast_behaviour::{LIMIT, client, event, lab, raw, run_within, until};

fn detail<'a>(event: &'a Event, name: &str) -> &'a Tree {
    event.details.iter().find(|(key, _)| *key == name).map(|(_, value)| value).expect(name)
}

fn length(event: &Event, name: &str) -> Option<Duration> {
    match detail(event, name) {
        Tree::Duration(length) => Some(*length),
        _ => None,
    }
}

/// R84, B-43. The sentinels' own messages on the old master's stream are no data.
#[test]
fn a_planned_switch_puts_nothing_at_risk_when_nobody_else_writes() {
    let lab = lab();
    let client = client(&lab, "");
    let events = client.events();
    run_within(&client, "SET before 1", Timeout::Default).unwrap();
    lab.planned_failover().unwrap();
    event(&events, EventKind::Fenced);
    run_within(&client, "SET during 1", Timeout::Default).unwrap();
    let report = event(&events, EventKind::SwitchReport);
    assert_eq!(detail(&report, "bytes_at_risk"), &Tree::Int(0), "{report:?}");
    assert_eq!(detail(&report, "maybe_executed"), &Tree::Int(0), "{report:?}");
    assert_eq!(detail(&report, "eager"), &Tree::Bool(true), "{report:?}");
    assert_eq!(length(&report, "since_lost"), None);
    let (held, announced) = (length(&report, "held_for").unwrap(), length(&report, "since_announced").unwrap());
    assert!(held <= announced && length(&report, "since_replica").unwrap() <= held, "{report:?}");
}

/// R84, B-43.
#[test]
fn what_others_write_to_the_old_master_is_at_risk() {
    let lab = lab();
    let client = client(&lab, "");
    let events = client.events();
    let old = lab.master().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let foreigner = {
        let (mut link, stop) = (raw(&lab, old), Arc::clone(&stop));
        // It follows nobody: it goes on where it is.
        std::thread::spawn(move || while !stop.load(Ordering::Relaxed) && link.command(&["INCR", "foreign"]).is_ok() {})
    };
    lab.planned_failover().unwrap();
    let report = event(&events, EventKind::SwitchReport);
    stop.store(true, Ordering::Relaxed);
    foreigner.join().unwrap();
    assert!(matches!(detail(&report, "bytes_at_risk"), Tree::Int(bytes) if *bytes > 0), "{report:?}");
}

/// B-43: a dead master cannot be asked, and what was on its way to it has an unknown outcome.
#[test]
fn after_a_crash_it_is_unknown_what_was_lost() {
    let lab = lab();
    let client = client(&lab, "");
    let events = client.events();
    let old = lab.master().unwrap();
    // Frozen with a write on its way, then dead.
    lab.stop(old).unwrap();
    let writer = {
        let client = client.clone();
        std::thread::spawn(move || run_within(&client, "INCR k", Timeout::After(LIMIT)))
    };
    until("the write is on its way", || (client.status().pending == 1).then_some(()));
    lab.kill(old).unwrap();
    let report = event(&events, EventKind::SwitchReport);
    assert_eq!(detail(&report, "bytes_at_risk"), &Tree::Nil, "{report:?}");
    assert!(length(&report, "since_lost").is_some(), "{report:?}");
    let unknown = u64::from(writer.join().unwrap().is_err());
    assert_eq!(detail(&report, "maybe_executed"), &Tree::Int(unknown as i64), "{report:?}");
}
