//! The report as a table for people: one block a fault, one line a face.

use super::{
    report::{FaceReport, FaultTimes, Report},
    style::Style,
};
use crate::faces::report::{FaultKind, FaultReport};

const HEADS: [&str; 10] =
    ["face", "outage ms", "at the switch", "after writable", "acked", "lost", "missed", "in a gap", "gaps", "errors"];

/// The whole table.
pub(crate) fn table(report: &Report, style: Style) -> String {
    let rows = |kind: FaultKind| {
        let line = move |face: &FaceReport| Some(row(&face.face, face.faults.iter().find(|f| f.fault == kind)?));
        report.faces.iter().filter_map(line).collect::<Vec<_>>()
    };
    let title = |fault: &FaultTimes| match fault.failovers {
        0 | 1 => fault.fault.title().to_owned(),
        n => format!("{}: {n} failovers, Sentinel went on by itself", fault.fault.title()),
    };
    let blocks: Vec<_> = report.faults.iter().map(|fault| (title(fault), rows(fault.fault))).collect();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| {
            let cells = blocks.iter().flat_map(|(_, rows)| rows).map(|row| row[column].0.chars().count());
            cells.chain([HEADS[column].len()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (title, rows) in &blocks {
        text += &format!("\n{}\n", style.bold(title));
        text += &style.dim(line(&HEADS.map(|head| (head.to_owned(), Look::Usual)), &widths, style));
        text.push('\n');
        for row in rows {
            text += &line(row, &widths, style);
            text.push('\n');
        }
    }
    text
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Usual,
    Bad,
}

type Cell = (String, Look);

fn row(face: &str, fault: &FaultReport) -> [Cell; HEADS.len()] {
    let FaultReport {
        fault: _,
        outage_ms,
        switch_ms,
        lag_after_writable_ms,
        hold_ms: _,
        recovered,
        acked,
        lost,
        errors,
        missed,
        missed_in_gaps,
        gaps,
    } = fault;
    let usual = |text: String| (text, Look::Usual);
    let bad_if = |bad: bool, text: String| (text, if bad { Look::Bad } else { Look::Usual });
    let outage = if *recovered { format!("{outage_ms:.0}") } else { "never back".to_owned() };
    let errors: Vec<String> = errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
    [
        usual(face.to_owned()),
        bad_if(!recovered, outage),
        usual(format!("{switch_ms:.0}")),
        usual(lag_after_writable_ms.map_or_else(|| "–".into(), |ms| format!("{ms:+.0}"))),
        usual(acked.to_string()),
        bad_if(*lost > 0, lost.to_string()),
        bad_if(missed > missed_in_gaps, missed.to_string()),
        usual(missed_in_gaps.to_string()),
        usual(gaps.to_string()),
        usual(if errors.is_empty() { "–".to_owned() } else { errors.join(", ") }),
    ]
}

/// The first and the last column begin on the left, numbers end on the right.
fn line(cells: &[Cell; HEADS.len()], widths: &[usize], style: Style) -> String {
    let last = HEADS.len() - 1;
    let padded = cells.iter().enumerate().map(|(column, (text, look))| {
        let width = widths[column];
        let text = match column {
            0 => format!("{text:<width$}"),
            _ if column == last => text.clone(),
            _ => format!("{text:>width$}"),
        };
        match look {
            Look::Usual => text,
            Look::Bad => style.bad(text),
        }
    });
    format!("  {}", padded.collect::<Vec<_>>().join("   "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::report::Server;

    #[test]
    fn columns_stand_below_their_heads() {
        let fault = FaultReport {
            fault: FaultKind::Kill,
            outage_ms: 1391.4,
            switch_ms: 1391.4,
            lag_after_writable_ms: Some(-0.6),
            hold_ms: 1.0,
            recovered: true,
            acked: 12_345,
            lost: 2,
            errors: [("Timeout".to_owned(), 3)].into(),
            missed: 100,
            missed_in_gaps: 100,
            gaps: 1,
        };
        let report = Report {
            server: Server { redis: "7.0.15".into() },
            faces: vec![FaceReport { face: "rust".into(), faults: vec![fault], dropped: 0 }],
            faults: vec![FaultTimes { fault: FaultKind::Kill, at_us: 0, events: vec![], failovers: 2 }],
            problems: vec![],
        };
        let text = table(&report, Style::plain());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "kill -9 of the master: 2 failovers, Sentinel went on by itself");
        assert_eq!(
            lines[2],
            "  face   outage ms   at the switch   after writable   acked   lost   missed   in a gap   gaps   errors"
        );
        assert_eq!(
            lines[3],
            "  rust        1391            1391               -1   12345      2      100        100      1   Timeout 3"
        );
    }
}
