//! Two links that hear the same: which messages of one the other has had. One of them is in charge, what it hears is handed
//! out; what the other hears is kept, in case. No I/O, no clock.
//!
//! The streams are aligned by *marks*: numbered messages of our own that go through the same master, so that both links meet
//! them at the same place between the same messages. What lies before the last mark that both have met is forgotten; what lies
//! behind it can be told apart by counting, for each channel by itself, whatever it says. As a check the messages are compared.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::Target;

/// So many messages, or so many bytes, are kept without a mark that both links have met; then the alignment is given up.
const MOST: usize = 1 << 17;
const MOST_BYTES: usize = 16 << 20;

/// Which of the two links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one to the master.
    First,
    /// The one to a replica.
    Second,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is new.
    Deliver,
    /// It was handed out already, or may be needed later.
    Keep,
    /// It is not the one that was to come: hand it out behind a gap.
    Doubt,
}

/// A message that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) target: Target,
    pub(crate) channel: Arc<[u8]>,
    pub(crate) payload: Vec<u8>,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Pair {
    logs: [Log; 2],
    in_charge: Side,
    /// Both logs begin at the same place.
    aligned: bool,
    /// What the link in charge will repeat, because the other one was quicker.
    owed: HashMap<Target, VecDeque<u64>>,
}

/// What a link has heard since the last mark that both have met.
#[derive(Debug, Default)]
struct Log {
    there: bool,
    steps: VecDeque<Step>,
    bytes: usize,
}

#[derive(Debug)]
enum Step {
    Mark(u64),
    Message { target: Target, print: u64, kept: Option<(Arc<[u8]>, Vec<u8>)> },
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair { logs: [Log::default(), Log::default()], in_charge: Side::First, aligned: false, owed: HashMap::new() }
    }

    pub(crate) fn in_charge(&self) -> Side {
        self.in_charge
    }

    /// A link begins to hear, somewhere.
    pub(crate) fn began(&mut self, side: Side) {
        self.log(side).clear();
        self.log(side).there = true;
        self.aligned = false;
    }

    /// A message came.
    pub(crate) fn heard(&mut self, side: Side, target: &Target, channel: &Arc<[u8]>, payload: &[u8]) -> Heard {
        let print = print(channel, payload);
        let mut what = Heard::Keep;
        let mut kept = None;
        if side == self.in_charge {
            what = match self.owed.get_mut(target).and_then(VecDeque::pop_front) {
                None => Heard::Deliver,
                Some(expected) if expected == print => Heard::Keep,
                Some(_) => {
                    self.forget();
                    Heard::Doubt
                }
            };
        } else {
            kept = Some((Arc::clone(channel), payload.to_vec()));
        }
        if self.log(side.other()).there {
            let log = self.log(side);
            log.bytes += kept.as_ref().map_or(0, |_| payload.len());
            log.steps.push_back(Step::Message { target: target.clone(), print, kept });
            if log.steps.len() > MOST || log.bytes > MOST_BYTES {
                log.clear();
                self.aligned = false;
            }
        }
        what
    }

    /// A mark came. If the link to the master is not in charge but could be, it is from here on: what it has and the other one
    /// had not is given back.
    pub(crate) fn mark(&mut self, side: Side, number: u64) -> Option<Vec<Kept>> {
        if !self.logs.iter().all(|log| log.there) {
            return None;
        }
        self.log(side).steps.push_back(Step::Mark(number));
        let is_it = |step: &Step| matches!(step, Step::Mark(mark) if *mark == number);
        if !self.log(side.other()).steps.iter().any(is_it) {
            return None;
        }
        for log in &mut self.logs {
            log.forget_through(is_it);
        }
        self.aligned = true;
        if self.in_charge == Side::First { None } else { self.turn() }
    }

    /// A link is lost. If it was in charge: what the other one has heard beyond it, or nothing if that cannot be told.
    pub(crate) fn lost(&mut self, side: Side) -> Option<Vec<Kept>> {
        let more = if side == self.in_charge { self.turn() } else { None };
        *self.log(side) = Log::default();
        if side == self.in_charge {
            // Nobody can take over.
            self.forget();
            self.in_charge = Side::First;
        }
        self.aligned = false;
        more
    }

    /// The other link is in charge from here on.
    fn turn(&mut self) -> Option<Vec<Kept>> {
        let (from, to) = (self.in_charge, self.in_charge.other());
        if !self.aligned || !self.log(to).there {
            return None;
        }
        // What the one in charge still had to repeat, this one has handed out before, and keeps no longer.
        let mut owed: HashMap<Target, VecDeque<u64>> = HashMap::new();
        for step in &self.log(from).steps {
            if let Step::Message { target, print, .. } = step {
                owed.entry(target.clone()).or_default().push_back(*print);
            }
        }
        let mut more = Vec::new();
        let mut fits = true;
        for step in &mut self.log(to).steps {
            let Step::Message { target, print, kept } = step else { continue };
            let kept = kept.take();
            match owed.get_mut(target).and_then(VecDeque::pop_front) {
                Some(expected) => fits &= expected == *print,
                // What is not kept was handed out by this link when it was in charge before.
                None => more.extend(kept.map(|(channel, payload)| Kept { target: target.clone(), channel, payload })),
            }
        }
        self.log(to).bytes = 0;
        if !fits {
            return None;
        }
        owed.retain(|_, prints| !prints.is_empty());
        self.owed = owed;
        self.in_charge = to;
        Some(more)
    }

    /// The link to the master is in charge again, come what may; what it kept may have been handed out, or not.
    pub(crate) fn give_up(&mut self) {
        self.in_charge = Side::First;
        self.log(Side::First).clear();
        self.log(Side::Second).clear();
        self.forget();
    }

    fn forget(&mut self) {
        self.owed.clear();
        self.aligned = false;
    }

    fn log(&mut self, side: Side) -> &mut Log {
        match side {
            Side::First => &mut self.logs[0],
            Side::Second => &mut self.logs[1],
        }
    }
}

impl Log {
    fn clear(&mut self) {
        self.steps.clear();
        self.bytes = 0;
    }

    fn forget_through(&mut self, is_last: impl Fn(&Step) -> bool) {
        while let Some(step) = self.steps.pop_front() {
            if let Step::Message { kept: Some((_, payload)), .. } = &step {
                self.bytes = self.bytes.saturating_sub(payload.len());
            }
            if is_last(&step) {
                break;
            }
        }
        if self.steps.is_empty() {
            self.bytes = 0;
        }
    }
}

fn print(channel: &[u8], payload: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((channel, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::link::published::Kind;

    /// What happens next: a message on one of two channels, a mark, a link that reads on, a link that is lost.
    #[derive(Clone, Debug)]
    enum Act {
        Publish { channel: bool, payload: u8 },
        Mark,
        Read { second: bool, steps: usize },
        LoseFirst,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            // Few payloads: messages are alike.
            8 => (any::<bool>(), 0..3_u8).prop_map(|(channel, payload)| Act::Publish { channel, payload }),
            2 => Just(Act::Mark),
            6 => (any::<bool>(), 1..6_usize).prop_map(|(second, steps)| Act::Read { second, steps }),
            1 => Just(Act::LoseFirst),
        ]
    }

    #[derive(Clone, Copy, Debug)]
    enum Sent {
        Message(bool, u8),
        Mark(u64),
    }

    fn target(channel: bool) -> Target {
        Target { kind: Kind::Channel, name: if channel { b"a"[..].into() } else { b"b"[..].into() } }
    }

    /// A master, the two links that hear it, and what was handed out of each channel.
    struct Model {
        pair: Pair,
        stream: Vec<Sent>,
        /// Up to where each link has read.
        read: [usize; 2],
        handed_out: [Vec<u8>; 2],
        marks: u64,
    }

    impl Model {
        fn new() -> Model {
            let mut pair = Pair::new();
            pair.began(Side::First);
            pair.began(Side::Second);
            Model { pair, stream: Vec::new(), read: [0, 0], handed_out: [Vec::new(), Vec::new()], marks: 0 }
        }

        fn keep(&mut self, kept: Vec<Kept>) {
            for Kept { target, payload, .. } in kept {
                self.handed_out[usize::from(&*target.name == b"a")].push(payload[0]);
            }
        }

        fn read(&mut self, side: Side, steps: usize) {
            for _ in 0..steps {
                let Some(sent) = self.stream.get(self.read[side as usize]).copied() else { return };
                self.read[side as usize] += 1;
                match sent {
                    Sent::Mark(number) => {
                        let kept = self.pair.mark(side, number).unwrap_or_default();
                        self.keep(kept);
                    }
                    Sent::Message(channel, payload) => {
                        let target = target(channel);
                        match self.pair.heard(side, &target, &target.name, &[payload]) {
                            Heard::Deliver => self.handed_out[usize::from(channel)].push(payload),
                            Heard::Keep => {}
                            Heard::Doubt => panic!("both hear the same"),
                        }
                    }
                }
            }
        }

        /// What was published up to there.
        fn published(&self, up_to: usize, of: bool) -> Vec<u8> {
            let messages = self.stream[..up_to].iter().filter_map(|sent| match sent {
                Sent::Message(channel, payload) if *channel == of => Some(*payload),
                _ => None,
            });
            messages.collect()
        }
    }

    proptest! {
        /// Whatever is lost when: while somebody is in charge, everything that he has read was handed out, once and in order.
        #[test]
        fn each_message_is_handed_out_once_and_in_order(acts in prop::collection::vec(act(), 0..120)) {
            let mut model = Model::new();
            for act in acts {
                match act {
                    Act::Publish { channel, payload } => model.stream.push(Sent::Message(channel, payload)),
                    Act::Mark => {
                        model.marks += 1;
                        model.stream.push(Sent::Mark(model.marks));
                    }
                    Act::Read { second, steps } => {
                        model.read(if second { Side::Second } else { Side::First }, steps);
                    }
                    Act::LoseFirst => {
                        let had = model.pair.in_charge();
                        match model.pair.lost(Side::First) {
                            Some(kept) => model.keep(kept),
                            // Nothing is known of what comes between: that is a gap, and the end of the story.
                            None if had == Side::First => return Ok(()),
                            None => {}
                        }
                        // It comes back, somewhere ahead of where it was.
                        model.read[0] = model.stream.len();
                        model.pair.began(Side::First);
                    }
                }
                let ahead = model.read[0].max(model.read[1]);
                let in_charge = model.read[model.pair.in_charge() as usize];
                for channel in [false, true] {
                    let out = &model.handed_out[usize::from(channel)];
                    let all = model.published(ahead, channel);
                    prop_assert!(all.starts_with(out), "{out:?} is no beginning of {all:?}");
                    let least = model.published(in_charge, channel);
                    prop_assert!(out.len() >= least.len(), "{out:?} lacks something of {least:?}");
                }
            }
        }
    }

    #[test]
    fn too_much_between_two_marks_ends_the_alignment() {
        let mut model = Model::new();
        model.stream.push(Sent::Mark(1));
        model.read(Side::First, 1);
        model.read(Side::Second, 1);
        let target = target(true);
        for _ in 0..=MOST {
            model.pair.heard(Side::First, &target, &target.name, b"x");
        }
        assert_eq!(model.pair.lost(Side::First), None);
    }

    #[test]
    fn what_does_not_fit_together_is_a_doubt() {
        let mut model = Model::new();
        model.stream.push(Sent::Mark(1));
        model.read(Side::First, 1);
        model.read(Side::Second, 1);
        let target = target(true);
        model.pair.heard(Side::First, &target, &target.name, b"x");
        assert_eq!(model.pair.lost(Side::First), Some(Vec::new()));
        assert_eq!(model.pair.heard(Side::Second, &target, &target.name, b"y"), Heard::Doubt);
    }
}
