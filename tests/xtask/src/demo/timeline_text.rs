//! The timeline for the terminal: a lane for the servers, a lane for each face, one column for a piece of time.

use super::{
    picture::{Panel, What},
    style::Style,
};

/// Columns of the chart itself, beside the names on its left and the numbers on its right: together no more than 100.
const WIDTH: usize = 72;
const NAMES: usize = 10;

/// One panel.
pub(crate) fn draw(panel: &Panel, style: Style) -> String {
    let mut text = format!("\n{} {}\n", style.bold(panel.kind.title()), style.dim("(milliseconds after the fault)"));
    let indent = " ".repeat(NAMES + 2);
    text += &format!("{indent}{}\n", style.dim(axis(panel)));
    text += &format!("  {:<NAMES$}{}\n", "servers", style.bold(servers(panel).trim_end()));
    for lane in &panel.lanes {
        let (from, to) = (column(panel, lane.bar.0), column(panel, lane.bar.1));
        let bar = "█".repeat(to.max(from + 1) - from);
        let (before, after) = ("─".repeat(from), "─".repeat(WIDTH.saturating_sub(from + bar.chars().count())));
        text += &format!(
            "  {:<NAMES$}{}{}{}  {}\n",
            lane.face,
            style.good(before),
            style.bad(bar),
            style.good(after),
            lane.label
        );
    }
    let legend: Vec<String> =
        panel.marks.iter().map(|m| format!("{} {} {:.0}", letter(m.what), m.what.name(), m.ms)).collect();
    text + &format!("{indent}{}\n", style.dim(legend.join(" · ")))
}

fn letter(what: What) -> char {
    match what {
        What::Fault => 'F',
        What::Sdown => 'D',
        What::Selected => 'S',
        What::Writable => 'W',
        What::Switched => 'M',
        What::SwitchedEverywhere => 'm',
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position lies between 0 and 1")]
fn column(panel: &Panel, ms: f64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "the chart has few columns")]
    let exact = panel.position(ms) * (WIDTH - 1) as f64;
    exact.round() as usize
}

/// The ticks' numbers, each beginning at its place.
fn axis(panel: &Panel) -> String {
    let mut line = String::new();
    for ms in panel.ticks() {
        let at = column(panel, ms);
        // The last numbers may find no room; a number that touches its neighbour says something else.
        if line.is_empty() || at > line.len() + 1 {
            line = format!("{line:<at$}{ms:.0}");
        }
    }
    line
}

/// A letter for each mark; of two at the same place the later one steps aside.
fn servers(panel: &Panel) -> String {
    let mut line = vec![' '; WIDTH + panel.marks.len()];
    for mark in &panel.marks {
        let free = (column(panel, mark.ms)..).find(|at| line.get(*at).is_none_or(|c| *c == ' '));
        if let Some(cell) = free.and_then(|at| line.get_mut(at)) {
            *cell = letter(mark.what);
        }
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        demo::picture::{Lane, Mark},
        faces::report::FaultKind,
    };

    #[test]
    fn marks_and_bars_share_their_columns() {
        let mark = |what, ms| Mark { what, ms };
        let panel = Panel {
            kind: FaultKind::Kill,
            marks: vec![mark(What::Fault, 0.0), mark(What::Selected, 500.0), mark(What::Writable, 500.0)],
            lanes: vec![Lane { face: "rust".into(), bar: (0.0, 500.0), label: "500 ms".into(), gaps: vec![] }],
            end_ms: 1000.0,
            tick_ms: 500.0,
        };
        let text = draw(&panel, Style::plain());
        let lines: Vec<Vec<char>> = text.lines().map(|l| l.chars().collect()).collect();
        let at = |line: usize, c: char| lines[line].iter().position(|x| *x == c).unwrap();
        assert_eq!(at(2, '0'), at(3, 'F'));
        assert_eq!(at(3, 'F'), at(4, '█'));
        assert_eq!(at(3, 'S'), lines[4].iter().rposition(|x| *x == '█').unwrap() + 1);
        assert_eq!(at(3, 'W'), at(3, 'S') + 1);
    }
}
