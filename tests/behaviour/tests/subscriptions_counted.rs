//! What a failover does to subscriptions, counted message by message. Each kind once; `cargo xtask soak subscriptions` does it often enough to
//! believe it.

use standfast::Channels;
use standfast_behaviour::counting::{Cause, Counted, Follow, count};

/// Nothing missing, nothing twice, nothing marked.
fn nothing_happened(counted: &Counted) {
    let Counted { acknowledged, missing, unmarked, doubled, disordered, gaps, uncarried, .. } = counted;
    assert!(*acknowledged > 500, "{counted:?}");
    assert_eq!([missing, unmarked, doubled, disordered, gaps, uncarried], [&0; 6], "{counted:?}");
}

/// What is missing is marked, and nothing comes twice.
fn nothing_unmarked(counted: &Counted) {
    let Counted { acknowledged, unmarked, doubled, disordered, gaps, uncarried, .. } = counted;
    assert!(*acknowledged > 200 && *gaps > 0, "{counted:?}");
    assert_eq!([unmarked, doubled, disordered, uncarried], [&0; 4], "{counted:?}");
}

#[test]
fn planned_with_a_publisher_that_follows_at_once() {
    nothing_happened(&count(Cause::Planned(Follow::AtOnce), Channels::default()));
}

#[test]
fn planned_with_a_publisher_that_follows_five_seconds_later() {
    nothing_happened(&count(Cause::Planned(Follow::Late), Channels::default()));
}

#[test]
fn planned_with_a_publisher_that_stays_until_the_demotion() {
    nothing_happened(&count(Cause::Planned(Follow::Never), Channels::default()));
}

#[test]
fn killed() {
    nothing_unmarked(&count(Cause::Kill, Channels::default()));
}

#[test]
fn stopped() {
    nothing_unmarked(&count(Cause::Stop, Channels::default()));
}

#[test]
fn swallowed() {
    nothing_unmarked(&count(Cause::Swallow, Channels::default()));
}

#[test]
fn killed_with_a_second_link() {
    let counted = count(Cause::Kill, Channels::default().redundancy(2));
    let Counted { unmarked, doubled, disordered, uncarried, .. } = counted;
    assert_eq!([unmarked, doubled, disordered, uncarried], [0; 4], "{counted:?}");
}
