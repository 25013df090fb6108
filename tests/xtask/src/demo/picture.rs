//! What the timeline shows, before anybody draws it: one panel a fault, with the servers' marks and each face's bar, in milliseconds after the fault.
//! `timeline_text` and `svg` only put it on paper.

use standfast_lab::Entry;

use crate::faces::{
    measure::{Fault, Measured, Span},
    report::{FaultKind, ms},
};

/// Two announcements this close are one moment to a reader.
const SAME_US: i64 = 100_000;

/// One fault.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) kind: FaultKind,
    pub(crate) marks: Vec<Mark>,
    pub(crate) lanes: Vec<Lane>,
    /// Where the axis ends; it begins a little before 0.
    pub(crate) end_ms: f64,
    pub(crate) tick_ms: f64,
}

/// A moment on the servers' side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) what: What,
    pub(crate) ms: f64,
}

/// The kinds of moments, in the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Fault,
    Sdown,
    Selected,
    Writable,
    Switched,
    SwitchedEverywhere,
}

impl What {
    pub(crate) fn name(self) -> &'static str {
        match self {
            What::Fault => "fault",
            What::Sdown => "sdown",
            What::Selected => "selected replica",
            What::Writable => "new master writable",
            What::Switched => "switch-master",
            What::SwitchedEverywhere => "last switch-master",
        }
    }
}

/// One face.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lane {
    pub(crate) face: String,
    /// The silence around the failover as (from, to); to infinity when it never ended.
    pub(crate) bar: (f64, f64),
    pub(crate) label: String,
    /// Marked gaps of the subscription.
    pub(crate) gaps: Vec<(f64, f64)>,
}

/// What the lab recorded from a fault to the next.
pub(crate) fn marks(fault: &Fault, until_us: i64, timeline: &[Entry]) -> Vec<Mark> {
    let here: Vec<_> = timeline.iter().filter(|e| fault.at_us <= e.at_us && e.at_us < until_us).collect();
    let first = |kind: &str, begins: &str| {
        here.iter().find(|e| e.kind == kind && e.detail.starts_with(begins)).map(|e| e.at_us)
    };
    let switched = first("+switch-master", "");
    let found = [
        (What::Fault, Some(fault.at_us)),
        // In a planned failover the demoted master may be suspected for other reasons, much later.
        (What::Sdown, first("+sdown", "master ").filter(|us| switched.is_none_or(|switched| *us < switched))),
        (What::Selected, first("+selected-slave", "")),
        (What::Writable, fault.writable_us),
        (What::Switched, switched),
        (
            What::SwitchedEverywhere,
            fault.switched_us.filter(|last| switched.is_some_and(|first| last - first > SAME_US)),
        ),
    ];
    found.into_iter().filter_map(|(what, at_us)| Some(Mark { what, ms: ms(at_us? - fault.at_us) })).collect()
}

/// One panel from its marks and what each face measured.
pub(crate) fn panel(fault: &Fault, marks: Vec<Mark>, faces: &[(&str, &Measured)]) -> Panel {
    let after = |us: i64| ms(us - fault.at_us);
    let lanes: Vec<Lane> = faces
        .iter()
        .map(|(face, measured)| {
            let Span { from_us, to_us, open } = measured.switch;
            Lane {
                face: (*face).to_owned(),
                bar: (after(from_us), if open { f64::INFINITY } else { after(to_us) }),
                label: label(measured),
                gaps: measured.gaps.iter().map(|gap| (after(gap.since_us), after(gap.until_us))).collect(),
            }
        })
        .collect();
    // A bar without an end runs out of the picture; it must not make everything else small.
    let ends = lanes.iter().map(|lane| lane.bar.1).filter(|ms| ms.is_finite());
    let last = marks.iter().map(|mark| mark.ms).chain(ends).fold(100.0, f64::max);
    let end_ms = last * 1.08;
    Panel { kind: fault.kind, marks, lanes, end_ms, tick_ms: tick(end_ms) }
}

fn label(measured: &Measured) -> String {
    let Measured { outage, switch, .. } = measured;
    let silence = if switch.open { "never recovered".to_owned() } else { format!("{:.0} ms", ms(switch.length())) };
    match outage {
        outage if outage == switch => silence,
        outage if outage.open => format!("{silence}, silent later on"),
        outage => format!("{silence}, {:.0} ms later on", ms(outage.length())),
    }
}

/// The smallest round step that gives no more than ten ticks.
fn tick(end_ms: f64) -> f64 {
    let steps = [10.0, 20.0, 50.0, 100.0, 200.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];
    steps.into_iter().find(|step| end_ms / step <= 10.0).unwrap_or(60_000.0)
}

impl Panel {
    /// The axis shows a little of the time before the fault, so that an outage's beginning is seen.
    pub(crate) fn begin_ms(&self) -> f64 {
        -0.04 * self.end_ms
    }

    /// 0 at the left edge, 1 at the right one; what lies outside is shown at the edge.
    pub(crate) fn position(&self, ms: f64) -> f64 {
        ((ms - self.begin_ms()) / (self.end_ms - self.begin_ms())).clamp(0.0, 1.0)
    }

    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        (0..).map(|n| f64::from(n) * self.tick_ms).take_while(|ms| *ms <= self.end_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at_us: i64, kind: &str, detail: &str) -> Entry {
        Entry { at_us, source: "127.0.0.1:1".into(), kind: kind.into(), detail: detail.into() }
    }

    #[test]
    fn marks_are_the_first_of_their_kind_after_the_fault() {
        let fault = Fault {
            kind: FaultKind::Kill,
            at_us: 1_000_000,
            writable_us: Some(2_400_000),
            switched_us: Some(4_100_000),
            failovers: 1,
        };
        let timeline = [
            entry(900_000, "+switch-master", "before"),
            entry(2_050_000, "+sdown", "sentinel x"),
            entry(2_060_000, "+sdown", "master mymaster"),
            entry(2_070_000, "+sdown", "master mymaster"),
            entry(2_300_000, "+selected-slave", "slave x"),
            entry(3_100_000, "+switch-master", "mymaster"),
            entry(4_100_000, "+switch-master", "mymaster"),
        ];
        let seen: Vec<_> = marks(&fault, 9_000_000, &timeline).into_iter().map(|m| (m.what, m.ms)).collect();
        assert_eq!(
            seen,
            [
                (What::Fault, 0.0),
                (What::Sdown, 1060.0),
                (What::Selected, 1300.0),
                (What::Writable, 1400.0),
                (What::Switched, 2100.0),
                (What::SwitchedEverywhere, 3100.0),
            ]
        );
    }

    #[test]
    fn an_axis_has_between_four_and_ten_ticks() {
        for end_ms in [108.0, 370.0, 1300.0, 2500.0, 3300.0, 16_000.0] {
            let panel = Panel { kind: FaultKind::Kill, marks: vec![], lanes: vec![], end_ms, tick_ms: tick(end_ms) };
            assert!((4..=11).contains(&panel.ticks().count()), "{end_ms}: {:?}", panel.ticks().collect::<Vec<_>>());
        }
    }
}
