//! The hub, and what becomes of interruptions, without any I/O.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::desired::{Hub, News, Wishes};
use super::pair::Side;
use super::queue::ItemQueue;
use super::verdict::{Interruption, Joined};
use super::{Item, Target};
use crate::config::{HostPort, OverflowPolicy};
use crate::link::published::{Kind, Published};
use crate::node::offsets::Position;

const PLAIN: Wishes = Wishes { redundant: false, pulse: None, max_silence: None };
const TWICE: Wishes = Wishes { redundant: true, ..PLAIN };

fn queue() -> Arc<ItemQueue> {
    Arc::new(ItemQueue::new(1000, 1 << 20, OverflowPolicy::DropOldest))
}

fn channel(name: &str) -> Target {
    Target { kind: Kind::Channel, name: name.as_bytes().into() }
}

fn node(port: u16) -> HostPort {
    HostPort::new("n", port)
}

fn interruption(reason: &'static str) -> Interruption {
    Interruption { since: SystemTime::now(), reason, old_master: node(1) }
}

/// A hub with a subscription to each of these channels that has them all.
fn ready(names: &[&str], wishes: Wishes) -> (Hub, Arc<ItemQueue>) {
    let (hub, queue) = (Hub::default(), queue());
    hub.add(names.iter().map(|name| channel(name)).collect(), Arc::clone(&queue), wishes).unwrap();
    join(&hub, 1, 1, None);
    names.iter().for_each(|name| _ = hub.confirm(&channel(name)));
    assert!(queue.readiness().is_ok());
    (hub, queue)
}

fn join(hub: &Hub, port: u16, generation: u64, position: Option<Position>) -> Vec<News> {
    hub.joined(Joined { node: node(port), generation, position })
}

fn say(hub: &Hub, side: Side, generation: u64, name: &str, payload: &str) {
    let mut post = hub.post(side, generation);
    let (name, payload) = (name.as_bytes(), payload.as_bytes());
    post.deliver(Published { kind: Kind::Channel, name, channel: name, payload });
    post.finish();
}

fn mark(hub: &Hub, side: Side, generation: u64, number: u64) {
    let name = String::from_utf8(hub.mark().name.to_vec()).unwrap();
    say(hub, side, generation, &name, &number.to_string());
}

fn unmoved() -> Option<Position> {
    Some(Position::example(900, 901))
}

fn read(queue: &ItemQueue) -> Vec<String> {
    std::iter::from_fn(|| queue.pop().ok().flatten())
        .map(|item| match item {
            Item::Message(message) => String::from_utf8(message.payload).unwrap(),
            Item::Gap(gap) => format!("gap {}", gap.reason),
            Item::Dropped(_) => "dropped".to_owned(),
        })
        .collect()
}

#[test]
fn ready_only_when_everything_is_confirmed_and_a_gap_after_an_interruption() {
    let (hub, queue) = (Hub::default(), queue());
    hub.add(vec![channel("a"), channel("b")], Arc::clone(&queue), PLAIN).unwrap();
    join(&hub, 1, 1, None);
    assert!(hub.confirm(&channel("a")).is_empty());
    assert_eq!(hub.confirm(&channel("b")), [News::Ready { subscription: 0 }]);
    hub.lost(1, &interruption("link_lost"));
    hub.cross(1, 2, &node(2), &interruption("switched"));
    assert!(hub.confirm(&channel("b")).is_empty());
    let news = hub.confirm(&channel("a"));
    assert!(
        matches!(&news[0], News::Gap(gap) if gap.reason == "switched" && gap.new_master == Some(node(2))),
        "{news:?}"
    );
    assert_eq!(read(&queue), ["gap switched"]);
}

#[test]
fn a_switch_has_no_gap_if_the_old_link_goes_on_and_the_new_one_came_in_time() {
    for (goes_on, position, expected) in [
        (true, unmoved(), &[][..]),
        (false, unmoved(), &["gap switched"]),
        (true, Some(Position::example(905, 901)), &["gap switched"]),
        (true, None, &["gap switched"]),
    ] {
        for old_first in [true, false] {
            let (hub, queue) = ready(&["a"], PLAIN);
            hub.cross(1, 2, &node(2), &interruption("switched"));
            hub.confirm(&channel("a"));
            assert!(read(&queue).is_empty(), "nothing is known yet");
            if old_first {
                hub.old_link(1, goes_on);
            }
            join(&hub, 2, 2, position.clone());
            if !old_first {
                assert_eq!(hub.is_undecided(2), position == unmoved());
                hub.old_link(1, goes_on);
            }
            assert!(!hub.is_undecided(2));
            assert_eq!(read(&queue), expected, "{goes_on} {position:?} {old_first}");
            assert!(queue.readiness().is_ok());
        }
    }
}

#[test]
fn an_old_link_that_says_nothing_is_waited_for_no_longer_than_that() {
    let (hub, queue) = ready(&["a"], PLAIN);
    hub.cross(1, 2, &node(2), &interruption("switched"));
    hub.confirm(&channel("a"));
    join(&hub, 2, 2, unmoved());
    assert!(hub.is_undecided(2));
    hub.old_link_is_late(2);
    assert!(!hub.is_undecided(2));
    assert_eq!(read(&queue), ["gap switched"]);
}

#[test]
fn a_link_that_was_lost_before_the_switch_is_a_gap_whatever_the_new_one_says() {
    let (hub, queue) = ready(&["a"], PLAIN);
    hub.lost(1, &interruption("link_lost"));
    hub.cross(1, 2, &node(2), &interruption("switched"));
    hub.confirm(&channel("a"));
    join(&hub, 2, 2, unmoved());
    assert_eq!(read(&queue), ["gap switched"]);
    hub.lost(2, &interruption("link_lost"));
    hub.confirm(&channel("a"));
    assert_eq!(read(&queue), ["gap link_lost"]);
}

/// The old link of a switch must not swallow the news for the new one.
#[test]
fn every_link_hears_of_a_change() {
    let hub = Hub::default();
    let links = [hub.changes(), hub.changes()];
    let id = hub.add(vec![channel("a")], queue(), PLAIN).unwrap();
    assert!(links.iter().all(|link| link.has_changed().unwrap()));
    let links = [hub.changes(), hub.changes()];
    hub.remove(id);
    assert!(links.iter().all(|link| link.has_changed().unwrap()));
}

#[test]
fn no_gap_for_a_subscription_that_was_never_confirmed() {
    let (hub, queue) = (Hub::default(), queue());
    hub.add(vec![channel("a")], Arc::clone(&queue), PLAIN).unwrap();
    hub.cross(1, 2, &node(2), &interruption("switched"));
    assert_eq!(hub.confirm(&channel("a")), [News::Ready { subscription: 0 }]);
    assert!(read(&queue).is_empty());
}

#[test]
fn handles_on_the_same_channel_share_it_and_the_last_one_lets_go() {
    let (hub, one) = ready(&["a"], PLAIN);
    let two = queue();
    let second = hub.add(vec![channel("a")], Arc::clone(&two), PLAIN).unwrap();
    assert!(two.readiness().is_ok());
    say(&hub, Side::First, 1, "a", "x");
    assert_eq!((read(&one), read(&two)), (vec!["x".to_owned()], vec!["x".to_owned()]));
    hub.remove(0);
    assert_eq!(hub.wanted().len(), 1);
    hub.remove(second);
    assert!(hub.is_empty());
}

/// Who wants again what is being taken back has to wait for its new confirmation.
#[test]
fn what_is_taken_back_is_confirmed_no_longer() {
    let (hub, _queue) = ready(&["a"], PLAIN);
    hub.remove(0);
    let plan = hub.plan(&[channel("a")].into());
    assert_eq!(plan.less.len(), 1);
    let again = queue();
    hub.add(vec![channel("a")], Arc::clone(&again), PLAIN).unwrap();
    assert!(hub.confirm(&channel("b")).is_empty());
    assert_eq!(hub.confirm(&channel("a")), [News::Ready { subscription: 1 }]);
}

#[test]
fn silence_is_counted_from_the_last_message_or_proof() {
    let limit = Duration::from_secs(60);
    let (hub, _queue) = ready(&["a"], Wishes { max_silence: Some(limit), ..PLAIN });
    let first = hub.silent_at().unwrap();
    say(&hub, Side::First, 1, "a", "x");
    let second = hub.silent_at().unwrap();
    assert!(second > first);
    hub.proved_alive();
    assert!(hub.silent_at().unwrap() > second);
    assert_eq!(hub.mark_interval(), None);
}

#[test]
fn a_second_link_fills_what_the_first_one_missed() {
    let (hub, queue) = ready(&["a"], TWICE);
    let plain = self::queue();
    hub.add(vec![channel("a")], Arc::clone(&plain), PLAIN).unwrap();
    assert!(hub.second_began(1, &node(3)));
    for side in [Side::First, Side::Second] {
        mark(&hub, side, 1, 1);
    }
    say(&hub, Side::First, 1, "a", "1");
    say(&hub, Side::Second, 1, "a", "1");
    say(&hub, Side::Second, 1, "a", "2");
    assert_eq!(read(&queue), ["1"]);
    hub.lost(1, &interruption("link_lost"));
    assert_eq!(read(&queue), ["2"], "it had been heard already");
    assert!(hub.second_in_charge(1));
    say(&hub, Side::Second, 1, "a", "3");
    // The link to the same master comes back, and from the next mark on it is in charge again.
    hub.confirm(&channel("a"));
    join(&hub, 1, 1, None);
    say(&hub, Side::First, 1, "a", "4");
    mark(&hub, Side::Second, 1, 2);
    mark(&hub, Side::First, 1, 2);
    assert!(!hub.second_in_charge(1));
    say(&hub, Side::First, 1, "a", "5");
    say(&hub, Side::Second, 1, "a", "5");
    assert_eq!(read(&queue), ["3", "5"], "4 lay before the mark, and the second link never heard of it");
    assert_eq!(read(&plain), ["1", "gap link_lost", "4", "5"], "who wants one link has a gap");
}

#[test]
fn after_a_crash_the_second_link_counts_if_the_new_master_has_nothing_more() {
    for (came_to, closed, second, expected) in [
        (900, false, node(3), &[][..]),
        (899, false, node(3), &["gap switched"]),
        // The second link was on the node that was promoted.
        (0, true, node(2), &[]),
        (0, true, node(3), &["gap switched"]),
    ] {
        let (hub, queue) = ready(&["a"], TWICE);
        hub.second_began(1, &second);
        for side in [Side::First, Side::Second] {
            mark(&hub, side, 1, 1);
        }
        hub.lost(1, &interruption("link_lost"));
        hub.second_reached(1, Position::replica(came_to));
        if closed {
            hub.second_lost(1, true);
        }
        hub.cross(1, 2, &node(2), &interruption("switched"));
        hub.confirm(&channel("a"));
        assert!(read(&queue).is_empty());
        join(&hub, 2, 2, unmoved());
        assert_eq!(read(&queue), expected, "{came_to} {closed} {second}");
    }
}

#[test]
fn a_second_link_that_was_in_charge_and_is_lost_leaves_a_gap() {
    let (hub, queue) = ready(&["a"], TWICE);
    hub.second_began(1, &node(3));
    for side in [Side::First, Side::Second] {
        mark(&hub, side, 1, 1);
    }
    hub.lost(1, &interruption("link_lost"));
    hub.confirm(&channel("a"));
    join(&hub, 1, 1, None);
    assert!(read(&queue).is_empty());
    assert!(hub.second_lost(1, true).is_some());
    say(&hub, Side::First, 1, "a", "1");
    assert_eq!(read(&queue), ["gap redundancy_lost", "1"]);
}

#[test]
fn without_a_common_mark_nothing_takes_over() {
    let (hub, queue) = ready(&["a"], TWICE);
    hub.second_began(1, &node(3));
    say(&hub, Side::First, 1, "a", "1");
    say(&hub, Side::Second, 1, "a", "1");
    say(&hub, Side::Second, 1, "a", "2");
    hub.lost(1, &interruption("link_lost"));
    assert!(!hub.second_in_charge(1));
    hub.confirm(&channel("a"));
    assert_eq!(read(&queue), ["1", "gap link_lost"]);
}
