//! Which faults a soak of failovers consists of, in which order. The same seed makes the same plan.

use crate::faces::report::FaultKind::{self, Kill, Planned, Stop, Swallow};

/// What a normal test run has time for.
pub(crate) const BRIEF: [FaultKind; 7] = [Planned, Kill, Stop, Planned, Kill, Stop, Planned];

/// A block holds every kind; half of all failovers are planned, because those promise most.
const BLOCK: [FaultKind; 6] = [Planned, Planned, Planned, Kill, Stop, Swallow];

/// `count` faults, block by block in an order of chance.
pub(crate) fn mixed(seed: u64, count: usize) -> Vec<FaultKind> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let blocks = std::iter::repeat_with(|| {
        let mut block = BLOCK;
        chance.shuffle(&mut block);
        block
    });
    blocks.flatten().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_and_every_kind_is_in_it() {
        assert_eq!(mixed(1, 1000), mixed(1, 1000));
        assert_ne!(mixed(1, 1000), mixed(2, 1000));
        let plan = mixed(3, 60);
        let count = |kind| plan.iter().filter(|planned| **planned == kind).count();
        assert_eq!([Planned, Kill, Stop, Swallow].map(count), [30, 10, 10, 10]);
    }
}
