//! `cargo xtask demo`: one failover after another, followed in every language at once. This file tells the story;
//! what a face is, how it is measured and how it is shown, its siblings know.

mod evaluate;
mod picture;
mod report;
mod style;
mod svg;
mod table;
mod timeline_text;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use standfast_lab::{Entry, Lab, LabOptions, Published, Writable, clean_up, now_us};

use crate::{
    faces::{
        Ended, Face, FaceSpec, key,
        measure::Fault,
        report::{FaultKind, ms},
        truth::{late_writers, saw, survivors},
        wait_until_ready,
    },
    guard,
};
use style::Style;

const CHANNEL: &str = "demo";
const PUBLISH_EVERY: Duration = Duration::from_millis(5);
const FACES_READY: Duration = Duration::from_secs(30);
/// Undisturbed work before the first fault and after the last, so that there is something to compare with.
const QUIET: Duration = Duration::from_millis(1500);
/// A sentinel that distrusts its clock decides nothing for 30 seconds.
const WRITABLE: Duration = Duration::from_secs(45);
const WRITES_AGAIN: Duration = Duration::from_secs(20);
/// After a planned failover Sentinel leaves the old master alone for ten seconds. That is when careless clients lose writes,
/// so the demo waits for it.
const REPLICATING: Duration = Duration::from_secs(60);
/// For messages that are on their way when the publisher stops.
const LAST_MESSAGES: Duration = Duration::from_millis(300);
const FACES_STOP: Duration = Duration::from_secs(15);
/// Whatever hangs, the demo does not.
const WHOLE_DEMO: Duration = Duration::from_secs(240);

/// What to run and where to leave the results.
#[derive(Clone, Debug)]
pub(crate) struct DemoArgs {
    /// The programs, already built.
    pub(crate) faces: Vec<FaceSpec>,
    /// Where `report.json` and `timeline.svg` go: `target/demo`.
    pub(crate) out_dir: PathBuf,
}

/// Runs the demo, prints what it saw, and says whether every face stood fast.
pub(crate) fn run(args: DemoArgs) -> Result<ExitCode> {
    end_at_the_deadline();
    let progress = Progress::start();
    let story = tell(&args, &progress);
    // An interruption kills servers and faces under our hands; what we then see is no result.
    guard::stop_if_leaving();
    let story = story?;
    let (report, panels) = evaluate::evaluate(&story);

    let style = Style::of_stdout();
    for panel in &panels {
        print!("{}", timeline_text::draw(panel, style));
    }
    print!("{}", table::table(&report, style));

    fs::create_dir_all(&args.out_dir).with_context(|| format!("making {}", args.out_dir.display()))?;
    let (json, picture) = (args.out_dir.join("report.json"), args.out_dir.join("timeline.svg"));
    fs::write(&json, serde_json::to_string_pretty(&report)? + "\n").with_context(|| json.display().to_string())?;
    let names: Vec<_> = report.faces.iter().map(|face| face.face.as_str()).collect();
    let subtitle = format!(
        "Redis {}, one writer and one subscriber in each of: {} (milliseconds after each fault)",
        report.server.redis,
        names.join(", ")
    );
    let drawing = svg::draw(&panels, "Standfast: two failovers as applications saw them", &subtitle);
    fs::write(&picture, drawing).with_context(|| picture.display().to_string())?;
    // What the sentinels said explains numbers that surprise.
    let diary = args.out_dir.join("timeline.jsonl");
    let lines = story.timeline.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    fs::write(&diary, lines.join("\n") + "\n").with_context(|| diary.display().to_string())?;
    println!("\n{}\n{}\n{}", json.display(), picture.display(), diary.display());

    if report.problems.is_empty() {
        println!("{}", style.good("every face recovered from both faults and missed no message outside a marked gap"));
        return Ok(ExitCode::SUCCESS);
    }
    println!();
    for problem in &report.problems {
        println!("{} {problem}", style.bad("FAILED"));
    }
    Ok(ExitCode::FAILURE)
}

/// Everything that was recorded.
struct Story {
    version: String,
    timeline: Vec<Entry>,
    faults: Vec<Fault>,
    published: Vec<Published>,
    faces: Vec<FaceStory>,
}

struct FaceStory {
    name: String,
    ready_us: i64,
    ended: Ended,
    survivors: BTreeSet<u64>,
}

fn tell(args: &DemoArgs, progress: &Progress) -> Result<Story> {
    if args.faces.is_empty() {
        bail!("there is no face to demonstrate");
    }
    progress.say("starting 1 master, 2 replicas, 3 sentinels");
    let lab = Lab::start(LabOptions::default())?;
    let publisher = lab.publisher(CHANNEL, PUBLISH_EVERY);

    let mut faces = Vec::new();
    for spec in &args.faces {
        faces.push(Face::start(spec, &lab.url(), CHANNEL)?);
    }
    let names: Vec<_> = faces.iter().map(Face::name).collect();
    progress.say(&format!("starting the faces: {}", names.join(", ")));
    let ready = wait_until_ready(&mut faces, FACES_READY)?;

    progress.say("all write and listen; a quiet moment");
    thread::sleep(QUIET);

    let old = lab.wait_replicating(REPLICATING)?;
    progress.say(&format!("planned failover away from {old}"));
    let planned_at = lab.planned_failover()?;
    let planned = follow(&lab, &faces, planned_at, progress)?;
    progress.say("waiting until Sentinel has demoted the old master (it takes its ten seconds)");
    let victim = lab.wait_replicating(REPLICATING)?;

    progress.say(&format!("kill -9 of the new master {victim}"));
    let killed_at = lab.kill(victim)?;
    let kill = follow(&lab, &faces, killed_at, progress)?;
    // The sentinels must know the new master before they can accept the old one back.
    lab.wait_replicating(REPLICATING)?;
    progress.say(&format!("restarting {victim}"));
    lab.restart(victim)?;
    lab.wait_replicating(REPLICATING)?;

    progress.say("it is back as a replica; another quiet moment");
    thread::sleep(QUIET);

    progress.say("stopping");
    let published = publisher.stop();
    thread::sleep(LAST_MESSAGES);
    let stopped: Vec<i64> = faces.iter_mut().map(Face::ask_to_stop).collect();
    let deadline = Instant::now() + FACES_STOP;
    let mut ended = Vec::new();
    for ((face, stop_us), ready_us) in faces.into_iter().zip(stopped).zip(ready) {
        ended.push((face.name().to_owned(), ready_us, face.collect(stop_us, deadline)));
    }
    // A second failover may follow by itself; whoever counts before it is over counts on the wrong master.
    let last_master = lab.wait_replicating(REPLICATING)?;
    progress.say(&format!("counting on the final master {last_master}"));
    let mut stories = Vec::new();
    for (name, ready_us, ended) in ended {
        let survivors = survivors(&lab, last_master, &key(&name))?;
        stories.push(FaceStory { name, ready_us, ended, survivors });
    }
    let timeline = lab.timeline();
    let done = [(FaultKind::Planned, planned_at, planned), (FaultKind::Kill, killed_at, kill)];
    Ok(Story { version: lab.version()?, faults: faults(&done, &timeline), timeline, published, faces: stories })
}

/// From a fault until every face writes to the new master, which is returned.
fn follow(lab: &Lab, faces: &[Face], fault_us: i64, progress: &Progress) -> Result<Writable> {
    let writable = lab.wait_writable(WRITABLE)?;
    let after = ms(writable.at_us - fault_us);
    progress.say(&format!("{} takes writes {after:.0} ms after the fault", writable.node));
    let late = late_writers(lab, writable.node, &faces.iter().map(Face::name).collect::<Vec<_>>(), WRITES_AGAIN);
    if late.is_empty() {
        progress.say("every face writes again");
    } else {
        progress.say(&format!("still not writing after {WRITES_AGAIN:?}: {}", late.join(", ")));
    }
    Ok(writable)
}

/// The faults with what the servers made of each before the next one.
fn faults(done: &[(FaultKind, i64, Writable)], timeline: &[Entry]) -> Vec<Fault> {
    let until_us = |index: usize| done.get(index + 1).map_or(i64::MAX, |next| next.1);
    let fault = |(index, (kind, at_us, writable)): (usize, &(FaultKind, i64, Writable))| {
        saw(*kind, *at_us..until_us(index), Some(writable.at_us), timeline)
    };
    done.iter().enumerate().map(fault).collect()
}

/// Whatever hangs, at the deadline the demo ends, together with every process it has started. Signals are the guard's business.
fn end_at_the_deadline() {
    thread::spawn(|| {
        thread::sleep(WHOLE_DEMO);
        guard::stop_if_leaving();
        eprintln!("the demo did not end within {WHOLE_DEMO:?}; killing everything");
        clean_up();
        std::process::exit(124);
    });
}

/// Tells on the error output what is going on.
struct Progress {
    start_us: i64,
}

impl Progress {
    fn start() -> Self {
        Self { start_us: now_us() }
    }

    fn say(&self, what: &str) {
        eprintln!("{:5.1} s  {what}", ms(now_us() - self.start_us) / 1000.0);
    }
}
