//! From the story to the report and the picture, and what in it counts as a failure. The numbers themselves come from `measure`.

use super::{
    FaceStory, Story, picture,
    report::{FaceReport, FaultTimes, Report, Server, ServerEvent},
};
use crate::faces::measure::{Life, Measured, measure};

/// The report and the picture.
pub(super) fn evaluate(story: &Story) -> (Report, Vec<picture::Panel>) {
    let measured: Vec<(&FaceStory, Vec<Measured>)> = story
        .faces
        .iter()
        .map(|face| {
            // What a face that hung or crashed did not tell says nothing about its writes and messages.
            if !face.ended.records.done {
                return (face, Vec::new());
            }
            let life = Life {
                ready_us: face.ready_us,
                stop_us: face.ended.stop_us,
                records: &face.ended.records,
                survivors: &face.survivors,
            };
            (face, measure(&life, &story.faults, &story.published))
        })
        .collect();

    let mut panels = Vec::new();
    for (index, fault) in story.faults.iter().enumerate() {
        let until_us = story.faults.get(index + 1).map_or(i64::MAX, |next| next.at_us);
        let marks = picture::marks(fault, until_us, &story.timeline);
        let faces: Vec<_> =
            measured.iter().filter_map(|(face, all)| Some((face.name.as_str(), all.get(index)?))).collect();
        panels.push(picture::panel(fault, marks, &faces));
    }

    let faults = story.faults.iter().zip(&panels).map(|(fault, panel)| FaultTimes {
        fault: fault.kind,
        at_us: fault.at_us,
        events: panel.marks.iter().map(|m| ServerEvent { name: m.what.name().to_owned(), ms: m.ms }).collect(),
        failovers: fault.failovers,
    });
    let report = Report {
        server: Server { redis: story.version.clone() },
        faults: faults.collect(),
        problems: measured.iter().flat_map(|(face, all)| problems(face, all)).collect(),
        faces: measured
            .iter()
            .map(|(face, all)| FaceReport {
                face: face.name.clone(),
                faults: all.iter().map(|m| m.report.clone()).collect(),
                dropped: face.ended.records.dropped,
            })
            .collect(),
    };
    (report, panels)
}

fn problems(face: &FaceStory, measured: &[Measured]) -> Vec<String> {
    let mut problems: Vec<String> = face.ended.problem.iter().map(|what| format!("{}: {what}", face.name)).collect();
    for Measured { report, .. } in measured {
        let fault = report.fault.title();
        if !report.recovered {
            problems.push(format!("{}: never wrote again after the {fault}", face.name));
        }
        if report.missed > report.missed_in_gaps {
            let outside = report.missed - report.missed_in_gaps;
            problems.push(format!("{}: missed {outside} messages outside a marked gap ({fault})", face.name));
        }
    }
    problems
}
