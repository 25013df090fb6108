//! The timeline as SVG: a title, one panel a fault, a legend. Plain shapes and text, no script, readable on white.

use std::fmt::Write as _;

use super::picture::{Lane, Panel, What};

const WIDTH: f64 = 1120.0;
const MARGIN: f64 = 32.0;
const LEFT: f64 = 108.0;
/// Room for the text of a mark at the very end.
const RIGHT: f64 = 150.0;
const CHART: f64 = WIDTH - LEFT - RIGHT;
const TITLE: f64 = 84.0;
const PANEL_TITLE: f64 = 30.0;
const LABEL_ROW: f64 = 17.0;
const LANE: f64 = 30.0;
const AXIS: f64 = 30.0;
const BETWEEN: f64 = 26.0;
const LEGEND: f64 = 44.0;
/// Of a letter of the 12 px labels; rather too much than too little, fonts differ.
const LETTER: f64 = 6.8;
const BOLD_LETTER: f64 = 8.2;

const INK: &str = "#1f2937";
const FAINT: &str = "#6b7280";
const GRID: &str = "#e5e7eb";
const WORKS: &str = "#34a56f";
const OUTAGE: &str = "#dc3f3f";
const GAP: &str = "#3b82f6";

/// The whole picture.
pub(crate) fn draw(panels: &[Panel], title: &str, subtitle: &str) -> String {
    let mut body = String::new();
    let mut y = TITLE;
    for panel in panels {
        y = draw_panel(&mut body, panel, y) + BETWEEN;
    }
    draw_legend(&mut body, y);
    let height = y + LEGEND;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"40\" font-size=\"22\" font-weight=\"600\" fill=\"{INK}\">{}</text>\n\
         <text x=\"{MARGIN}\" y=\"62\" font-size=\"13\" fill=\"{FAINT}\">{}</text>\n{body}</svg>\n",
        escape(title),
        escape(subtitle),
    )
}

/// Draws from `top` on and returns where it ended.
fn draw_panel(out: &mut String, panel: &Panel, top: f64) -> f64 {
    let x = |ms: f64| LEFT + panel.position(ms) * CHART;
    let labels = place_labels(panel, x);
    let rows = labels.iter().map(|label| label.row + 1).max().unwrap_or(1);
    #[expect(clippy::cast_precision_loss, reason = "few rows and lanes")]
    let (label_height, lanes_height) = (rows as f64 * LABEL_ROW, panel.lanes.len() as f64 * LANE);
    let lanes_top = top + PANEL_TITLE + label_height + 6.0;
    let bottom = lanes_top + lanes_height;

    text(out, MARGIN, top + 16.0, "start", INK, "font-size=\"15\" font-weight=\"600\"", panel.kind.title());
    for ms in panel.ticks() {
        line(out, (x(ms), lanes_top), (x(ms), bottom), GRID, "");
        text(out, x(ms), bottom + 17.0, "middle", FAINT, "", &format!("{ms:.0}"));
    }
    text(out, LEFT - 12.0, bottom + 17.0, "end", FAINT, "", "ms");

    for (lane, lane_top) in panel.lanes.iter().zip((0..).map(|n| lanes_top + f64::from(n) * LANE)) {
        draw_lane(out, lane, lane_top, x);
    }
    // Above the lanes: the marks belong to all of them.
    for label in labels {
        #[expect(clippy::cast_precision_loss, reason = "few rows")]
        let label_y = top + PANEL_TITLE + (rows - label.row) as f64 * LABEL_ROW - 5.0;
        line(out, (label.x, label_y + 4.0), (label.x, bottom), colour(label.what), "stroke-dasharray=\"3 3\"");
        text(out, label.text_x, label_y, "start", colour(label.what), "", &label.text);
    }
    line(out, (LEFT, bottom), (LEFT + CHART, bottom), "#9ca3af", "");
    bottom + AXIS
}

fn draw_lane(out: &mut String, lane: &Lane, top: f64, x: impl Fn(f64) -> f64) {
    let middle = top + LANE / 2.0;
    let (from, to) = (x(lane.bar.0), x(lane.bar.1));
    // Even an outage of nothing is to be seen.
    let width = (to - from).max(2.0);
    text(out, LEFT - 12.0, middle + 4.0, "end", INK, "font-size=\"13\"", &lane.face);
    line(out, (LEFT, middle), (LEFT + CHART, middle), WORKS, "stroke-width=\"2\"");
    rect(out, (from, middle - 7.0), (width, 14.0), OUTAGE, 3.0);
    for (since, until) in lane.gaps.iter().map(|(since, until)| (x(*since), x(*until))) {
        rect(out, (since, middle + 9.0), ((until - since).max(2.0), 3.0), GAP, 1.5);
    }
    #[expect(clippy::cast_precision_loss, reason = "labels are short")]
    let label_width = lane.label.chars().count() as f64 * BOLD_LETTER;
    let after = from + width + 8.0;
    let (at, anchor) = if after + label_width <= WIDTH - MARGIN { (after, "start") } else { (from - 8.0, "end") };
    // Marks' lines and the lane's own must not run through the number.
    let left = if anchor == "start" { at } else { at - label_width };
    rect(out, (left - 3.0, middle - 8.0), (label_width + 6.0, 16.0), "#ffffff", 3.0);
    text(out, at, middle + 4.0, anchor, INK, "font-weight=\"600\"", &lane.label);
}

fn draw_legend(out: &mut String, top: f64) {
    let y = top + 6.0;
    line(out, (LEFT, y), (LEFT + 28.0, y), WORKS, "stroke-width=\"2\"");
    text(out, LEFT + 36.0, y + 4.0, "start", FAINT, "", "writes are acknowledged");
    rect(out, (LEFT + 216.0, y - 7.0), (28.0, 14.0), OUTAGE, 3.0);
    text(out, LEFT + 252.0, y + 4.0, "start", FAINT, "", "no write was acknowledged");
    rect(out, (LEFT + 446.0, y - 1.5), (28.0, 3.0), GAP, 1.5);
    text(out, LEFT + 482.0, y + 4.0, "start", FAINT, "", "gap marked in the subscription");
}

struct Label {
    what: What,
    text: String,
    /// Of the mark.
    x: f64,
    /// Where the text begins.
    text_x: f64,
    /// Counted upwards from the lanes.
    row: usize,
}

/// Gives each mark's text the lowest row where it touches no other text and no line that goes up to a higher one.
/// From right to left: a text stands to the right of its own line, so only lines further right can run through it.
fn place_labels(panel: &Panel, x: impl Fn(f64) -> f64) -> Vec<Label> {
    let mut marks: Vec<_> = panel.marks.iter().collect();
    marks.sort_by(|a, b| b.ms.total_cmp(&a.ms).then(b.what.cmp(&a.what)));
    let mut placed: Vec<Label> = Vec::new();
    for mark in marks {
        let text = format!("{} {:.0}", mark.what.name(), mark.ms);
        #[expect(clippy::cast_precision_loss, reason = "labels are short")]
        let width = text.chars().count() as f64 * LETTER;
        let at = x(mark.ms);
        let text_x = at + 4.0;
        let end = text_x + width + 8.0;
        // A line further right crosses every row below its own text; so this text must stand above all it reaches.
        let row = placed.iter().filter(|other| other.x < end).map(|other| other.row + 1).max().unwrap_or(0);
        placed.push(Label { what: mark.what, text, x: at, text_x, row });
    }
    placed
}

fn colour(what: What) -> &'static str {
    match what {
        What::Fault => "#b91c1c",
        What::Sdown => "#b45309",
        What::Selected => "#7c3aed",
        What::Writable => "#15803d",
        What::Switched => "#1d4ed8",
        What::SwitchedEverywhere => "#64748b",
    }
}

// Writing to a String cannot fail, so the results below say nothing.

fn text(out: &mut String, x: f64, y: f64, anchor: &str, fill: &str, more: &str, content: &str) {
    let content = escape(content);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\" {more}>{content}</text>"
    );
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), stroke: &str, more: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ =
        writeln!(out, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" {more}/>");
}

fn rect(out: &mut String, at: (f64, f64), size: (f64, f64), fill: &str, radius: f64) {
    let ((x, y), (width, height)) = (at, size);
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius}\" fill=\"{fill}\"/>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demo::picture::Mark, faces::report::FaultKind};

    fn panel(marks: &[(What, f64)]) -> Panel {
        Panel {
            kind: FaultKind::Planned,
            marks: marks.iter().map(|(what, ms)| Mark { what: *what, ms: *ms }).collect(),
            lanes: vec![Lane {
                face: "a<b".into(),
                bar: (100.0, 180.0),
                label: "80 ms".into(),
                gaps: vec![(120.0, 170.0)],
            }],
            end_ms: 1300.0,
            tick_ms: 200.0,
        }
    }

    #[test]
    fn labels_touch_neither_each_other_nor_foreign_lines() {
        let panel = panel(&[
            (What::Fault, 0.0),
            (What::Selected, 98.0),
            (What::Writable, 165.0),
            (What::Switched, 1112.0),
            (What::SwitchedEverywhere, 1240.0),
        ]);
        let labels = place_labels(&panel, |ms| LEFT + panel.position(ms) * CHART);
        for a in &labels {
            let end = a.text_x + a.text.len() as f64 * LETTER;
            assert!(end <= WIDTH, "{} leaves the picture", a.text);
            for b in labels.iter().filter(|b| b.what != a.what) {
                let overlaps = a.row == b.row && a.text_x < b.text_x + b.text.len() as f64 * LETTER && b.text_x < end;
                assert!(!overlaps, "{} over {}", a.text, b.text);
                let crossed = b.row > a.row && a.text_x < b.x && b.x < end;
                assert!(!crossed, "the line of {} runs through {}", b.text, a.text);
            }
        }
    }

    #[test]
    fn names_are_escaped() {
        let svg = draw(&[panel(&[(What::Fault, 0.0)])], "T & t", "s");
        assert!(svg.contains("a&lt;b") && svg.contains("T &amp; t") && !svg.contains("a<b"));
    }
}
