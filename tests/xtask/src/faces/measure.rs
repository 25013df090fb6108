//! From records to numbers: a pure function of what a face told, what was published, and what the final master holds.
//!
//! Each fault has a *window*: from half a second before it to half a second before the next one, so that a write that was acknowledged just
//! before a kill and died with the master counts for the kill. The first window begins with the face's readiness and the last ends when it is
//! stopped, so the sums over all faults are the totals.
//! The *outage* is the longest time without an acknowledgement that touches the time from the fault to the end of its window.

use std::collections::{BTreeMap, BTreeSet};

use standfast_lab::Published;

use super::{
    records::{Gap, Records},
    report::{FaultKind, FaultReport, ms},
};

/// What happened just before a fault belongs to it.
const BEFORE_FAULT_US: i64 = 500_000;
/// The clocks of two processes are read at slightly different moments.
const GAP_MARGIN_US: i64 = 2_000;
/// A writer that is told to stop may take this long from its last acknowledgement; longer is silence.
const SILENCE_US: i64 = 1_000_000;
/// The probe that finds the new master writable may come this much after a client that asks without pause.
const PROBE_US: i64 = 20_000;
/// Shorter silences happen between any two writes.
const PAUSE_US: i64 = 20_000;
/// After the last sentinel has announced the new master, a pause has other reasons than the failover.
const AFTER_SWITCH_US: i64 = 1_000_000;

/// One fault, as the lab saw it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) at_us: i64,
    /// When the new master took its first write.
    pub(crate) writable_us: Option<i64>,
    /// When the last sentinel published `+switch-master`.
    pub(crate) switched_us: Option<i64>,
    /// How many followed: a second one may follow by itself.
    pub(crate) failovers: u64,
}

/// What one face lived through.
#[derive(Debug)]
pub(crate) struct Life<'a> {
    pub(crate) ready_us: i64,
    pub(crate) stop_us: i64,
    pub(crate) records: &'a Records,
    /// The numbers of this face on the final master.
    pub(crate) survivors: &'a BTreeSet<u64>,
}

/// The numbers of one face and fault, and what to draw of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) report: FaultReport,
    /// The longest silence of the window: from the last acknowledgement before it to the first after it.
    pub(crate) outage: Span,
    /// The longest silence until the failover was over. Usually the same.
    pub(crate) switch: Span,
    pub(crate) gaps: Vec<Gap>,
}

/// A piece of time; without an end it lasted until the face was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    pub(crate) open: bool,
}

impl Span {
    pub(crate) fn length(self) -> i64 {
        self.to_us - self.from_us
    }

    fn touches(self, from_us: i64, to_us: i64) -> bool {
        self.from_us < to_us && self.to_us > from_us
    }
}

/// The numbers of one face for each fault, in their order.
pub(crate) fn measure(life: &Life<'_>, faults: &[Fault], published: &[Published]) -> Vec<Measured> {
    let silences = silences(life);
    let missed = missed(life, published);
    faults
        .iter()
        .enumerate()
        .map(|(index, fault)| {
            let begin = if index == 0 { i64::MIN } else { fault.at_us - BEFORE_FAULT_US };
            let end = faults.get(index + 1).map_or(i64::MAX, |next| next.at_us - BEFORE_FAULT_US);
            let inside = |at_us: i64| begin <= at_us && at_us < end;
            let gaps: Vec<Gap> = life.records.gaps.iter().filter(|gap| inside(gap.since_us)).cloned().collect();
            let mut errors = BTreeMap::<String, u64>::new();
            let (mut acked, mut lost, mut hold_us) = (0, 0, 0);
            for write in life.records.writes.iter().filter(|write| inside(write.end_us)) {
                match &write.error {
                    Some(name) => *errors.entry(name.clone()).or_default() += 1,
                    None => {
                        acked += 1;
                        hold_us = hold_us.max(write.end_us - write.start_us);
                        lost += u64::from(!life.survivors.contains(&write.n));
                    }
                }
            }
            let missed: Vec<i64> = missed.iter().copied().filter(|at_us| inside(*at_us)).collect();
            let explained = missed.iter().filter(|at_us| in_a_gap(**at_us, &life.records.gaps)).count();
            let outage = longest(&silences, fault.at_us, end.min(life.stop_us));
            let switch = switch(&silences, fault, end.min(life.stop_us));
            Measured {
                report: FaultReport {
                    fault: fault.kind,
                    outage_ms: ms(outage.length()),
                    switch_ms: ms(switch.length()),
                    lag_after_writable_ms: fault.writable_us.and_then(|us| lag(switch, us)).map(ms),
                    hold_ms: ms(hold_us),
                    recovered: !outage.open,
                    acked,
                    lost,
                    errors,
                    missed: missed.len() as u64,
                    missed_in_gaps: explained as u64,
                    gaps: gaps.len() as u64,
                },
                outage,
                switch,
                gaps,
            }
        })
        .collect()
}

/// The pieces of time between one acknowledgement and the next, from the face's readiness to its stop.
fn silences(life: &Life<'_>) -> Vec<Span> {
    let mut acks: Vec<i64> = life.records.writes.iter().filter(|w| w.error.is_none()).map(|w| w.end_us).collect();
    acks.sort_unstable();
    let mut spans = Vec::with_capacity(acks.len() + 1);
    let mut from_us = life.ready_us;
    for to_us in acks {
        spans.push(Span { from_us, to_us, open: false });
        from_us = to_us;
    }
    if life.stop_us - from_us > SILENCE_US {
        spans.push(Span { from_us, to_us: life.stop_us, open: true });
    }
    spans
}

/// The silence that belongs to the failover: the one in which the new master took its first write, or if the face did not pause then, the
/// longest until all sentinels had announced it. On a busy machine other pauses of a planned failover's length are nothing special.
fn switch(silences: &[Span], fault: &Fault, end_us: i64) -> Span {
    let then = fault.writable_us.map(|us| longest(silences, us - PROBE_US, us + PROBE_US));
    then.filter(|span| span.length() > PAUSE_US).unwrap_or_else(|| {
        let settled_us = fault.switched_us.map_or(end_us, |us| us + AFTER_SWITCH_US);
        longest(silences, fault.at_us, settled_us.min(end_us))
    })
}

/// How long after the new master's first write the face was writing again. Nothing if it never was, and nothing if it never paused for
/// the switch: it went on with the old master, and what became of that is told by the lost writes.
fn lag(silence: Span, writable_us: i64) -> Option<i64> {
    let after = silence.to_us - writable_us;
    (!silence.open && after > -PROBE_US).then_some(after)
}

/// The longest silence that touches a piece of time, and one that never ended before all others; of length 0 when none does.
fn longest(silences: &[Span], from_us: i64, to_us: i64) -> Span {
    silences
        .iter()
        .copied()
        .filter(|span| span.touches(from_us, to_us))
        .max_by_key(|span| (span.open, span.length()))
        .unwrap_or(Span { from_us, to_us: from_us, open: false })
}

/// When the messages were published that a server took while the face was listening, and that never arrived.
fn missed(life: &Life<'_>, published: &[Published]) -> Vec<i64> {
    let arrived: BTreeSet<u64> = life.records.messages.iter().map(|(n, _)| *n).collect();
    published
        .iter()
        .filter(|message| message.receivers.is_some())
        .filter(|message| message.at_us >= life.ready_us && message.done_us < life.stop_us)
        .filter(|message| !arrived.contains(&message.n))
        .map(|message| message.at_us)
        .collect()
}

fn in_a_gap(at_us: i64, gaps: &[Gap]) -> bool {
    gaps.iter().any(|gap| gap.since_us - GAP_MARGIN_US <= at_us && at_us <= gap.until_us + GAP_MARGIN_US)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::records::Write;

    const MS: i64 = 1000;

    /// Milliseconds in, microseconds out: readiness at 0, planned failover at 1000, kill at 5000, stop at 10000.
    fn faults() -> Vec<Fault> {
        let fault = |kind, at: i64, writable: i64| Fault {
            kind,
            at_us: at * MS,
            writable_us: Some(writable * MS),
            switched_us: Some((writable + 800) * MS),
            failovers: 1,
        };
        vec![fault(FaultKind::Planned, 1000, 1150), fault(FaultKind::Kill, 5000, 6300)]
    }

    /// A writer with one acknowledgement every 10 ms, except inside the pauses (from, to).
    fn writer(pauses: &[(i64, i64)]) -> Records {
        let at = (0..=10_000).step_by(10).filter(|ms| !pauses.iter().any(|(from, to)| from < ms && ms < to));
        let writes =
            at.enumerate().map(|(n, ms)| Write { n: n as u64, start_us: (ms - 1) * MS, end_us: ms * MS, error: None });
        Records { writes: writes.collect(), ..Records::default() }
    }

    fn everything(records: &Records) -> BTreeSet<u64> {
        records.writes.iter().map(|w| w.n).collect()
    }

    fn measured(records: &Records, survivors: &BTreeSet<u64>, published: &[Published]) -> Vec<Measured> {
        let life = Life { ready_us: 0, stop_us: 10_000 * MS, records, survivors };
        measure(&life, &faults(), published)
    }

    fn published(n: u64, at_ms: i64) -> Published {
        Published { n, at_us: at_ms * MS, done_us: at_ms * MS + 1, node: None, receivers: Some(1), error: None }
    }

    fn gap(since_ms: i64, until_ms: i64) -> Gap {
        Gap { since_us: since_ms * MS, until_us: until_ms * MS, reason: "switch".into() }
    }

    #[test]
    fn the_outage_lasts_from_the_last_acknowledgement_to_the_first() {
        let records = writer(&[(1100, 1160), (4990, 6310)]);
        let [planned, kill] = &measured(&records, &everything(&records), &[])[..] else { panic!() };
        assert_eq!((planned.report.outage_ms, planned.report.lag_after_writable_ms), (60.0, Some(10.0)));
        assert_eq!((kill.report.outage_ms, kill.report.lag_after_writable_ms), (1320.0, Some(10.0)));
        assert_eq!(kill.outage, Span { from_us: 4990 * MS, to_us: 6310 * MS, open: false });
        assert!(planned.report.recovered && kill.report.recovered);
    }

    #[test]
    fn acknowledgements_of_all_windows_add_up() {
        let records = writer(&[]);
        let all = measured(&records, &everything(&records), &[]);
        assert_eq!(all.iter().map(|m| m.report.acked).sum::<u64>(), records.writes.len() as u64);
        assert_eq!(all[0].report.outage_ms, 10.0);
    }

    #[test]
    fn a_late_pause_is_an_outage_but_not_the_lag_of_the_switch() {
        let records = writer(&[(1100, 1160), (3500, 4000)]);
        let planned = &measured(&records, &everything(&records), &[])[0].report;
        assert_eq!((planned.outage_ms, planned.lag_after_writable_ms), (500.0, Some(10.0)));
    }

    #[test]
    fn a_stall_after_the_switch_is_not_taken_for_it() {
        let records = writer(&[(1100, 1160), (1500, 1700)]);
        let planned = &measured(&records, &everything(&records), &[])[0];
        assert_eq!((planned.report.outage_ms, planned.report.lag_after_writable_ms), (200.0, Some(10.0)));
        assert_eq!(planned.switch.length(), 60 * MS);
    }

    #[test]
    fn a_writer_that_moves_when_the_switch_is_announced_has_that_lag() {
        let records = writer(&[(1950, 2010)]);
        let planned = &measured(&records, &everything(&records), &[])[0].report;
        assert_eq!((planned.outage_ms, planned.lag_after_writable_ms), (60.0, Some(860.0)));
    }

    #[test]
    fn a_writer_that_never_comes_back_has_not_recovered() {
        let records = writer(&[(5000, 20_000)]);
        let [planned, kill] = &measured(&records, &everything(&records), &[])[..] else { panic!() };
        assert!(planned.report.recovered);
        assert!(!kill.report.recovered);
        assert_eq!((kill.report.outage_ms, kill.report.lag_after_writable_ms), (5000.0, None));
    }

    #[test]
    fn a_writer_that_falls_silent_long_after_the_switch_has_not_recovered() {
        let records = writer(&[(4990, 6310), (8900, 20_000)]);
        let kill = &measured(&records, &everything(&records), &[])[1];
        assert!(!kill.report.recovered && kill.outage.open);
        assert_eq!((kill.report.outage_ms, kill.report.lag_after_writable_ms), (1100.0, Some(10.0)));
    }

    #[test]
    fn a_writer_that_never_paused_for_the_switch_has_no_lag() {
        let records = writer(&[(1010, 1060)]);
        let planned = &measured(&records, &everything(&records), &[])[0].report;
        assert_eq!((planned.outage_ms, planned.lag_after_writable_ms), (50.0, None));
    }

    #[test]
    fn a_writer_that_never_wrote_has_not_recovered_from_anything() {
        let all = measured(&Records::default(), &BTreeSet::new(), &[]);
        assert!(all.iter().all(|m| !m.report.recovered && m.report.acked == 0 && m.report.outage_ms == 10_000.0));
    }

    #[test]
    fn an_acknowledged_number_that_is_not_there_is_lost_by_the_fault_that_follows_it() {
        let records = writer(&[]);
        let mut survivors = everything(&records);
        // Acknowledged at 1200 ms, and at 4990 ms: just before the kill.
        assert!(survivors.remove(&120) && survivors.remove(&499));
        let [planned, kill] = &measured(&records, &survivors, &[])[..] else { panic!() };
        assert_eq!((planned.report.lost, kill.report.lost), (1, 1));
    }

    #[test]
    fn a_failed_write_is_an_error_by_name_and_never_lost() {
        let mut records = writer(&[]);
        for (index, name) in [(120, "Timeout"), (121, "Timeout"), (600, "MaybeExecuted")] {
            records.writes[index].error = Some(name.into());
        }
        let [planned, kill] = &measured(&records, &BTreeSet::new(), &[])[..] else { panic!() };
        assert_eq!(planned.report.errors, BTreeMap::from([("Timeout".into(), 2)]));
        assert_eq!(kill.report.errors, BTreeMap::from([("MaybeExecuted".into(), 1)]));
        assert_eq!(planned.report.lost + kill.report.lost, records.writes.len() as u64 - 3);
    }

    #[test]
    fn a_missed_message_lies_inside_a_gap_or_not() {
        let mut records = writer(&[]);
        records.messages = vec![(0, 100 * MS), (5, 7000 * MS)];
        records.gaps = vec![gap(1100, 1200), gap(5000, 6000)];
        let sent = [
            published(0, 99),   // arrived
            published(1, 1098), // within the margin
            published(2, 1202), // within the margin
            published(3, 1203), // outside
            published(4, 5500), // inside
            published(5, 6999), // arrived
        ];
        let [planned, kill] = &measured(&records, &everything(&records), &sent)[..] else { panic!() };
        assert_eq!((planned.report.missed, planned.report.missed_in_gaps, planned.report.gaps), (3, 2, 1));
        assert_eq!((kill.report.missed, kill.report.missed_in_gaps, kill.report.gaps), (1, 1, 1));
    }

    #[test]
    fn only_what_a_server_took_while_the_face_listened_can_be_missed() {
        let records = writer(&[]);
        let refused = Published { receivers: None, error: Some("refused".into()), ..published(1, 1500) };
        let sent = [published(0, -1), refused, published(2, 10_000)];
        let all = measured(&records, &everything(&records), &sent);
        assert!(all.iter().all(|m| m.report.missed == 0));
    }
}
