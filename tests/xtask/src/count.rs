//! How many tests passed and failed, read from what each tool prints at its end.
//!
//! A test that was skipped did not pass: it counts as failed, because this project has none.

/// Whose summary to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// The command is one test by itself.
    One,
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; ...`, one for each test binary.
    Libtest,
    /// `3 passed, 1 failed, 1 error in 0.12s`.
    Pytest,
    /// `# pass 3`, `# fail 0`, ... of `node --test`.
    Node,
    /// `3 passed, 0 failed`, as our own runners close.
    Plain,
}

/// What a step contributes to the closing line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Counter {
    /// Count a log whose commands ended well, or not. At least one test comes out of it: a suite that was silently
    /// empty, and a command that failed without naming a test, are failures.
    pub(crate) fn count(self, log: &str, well: bool) -> Count {
        let mut count = match self {
            Counter::One => Count { passed: u64::from(well), failed: 0 },
            Counter::Libtest => libtest(log),
            Counter::Pytest => pytest(log),
            Counter::Node => node(log),
            Counter::Plain => plain(log),
        };
        if count.failed == 0 && (!well || count.passed == 0) {
            count.failed = 1;
        }
        count
    }
}

fn libtest(log: &str) -> Count {
    let mut count = Count::default();
    for line in log.lines().filter_map(|line| line.trim_start().strip_prefix("test result: ")) {
        let words: Vec<&str> = line.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => count.passed += number,
                "failed" | "ignored" => count.failed += number,
                _ => {}
            }
        }
    }
    count
}

fn pytest(log: &str) -> Count {
    let summary = log.lines().rev().map(|line| line.trim_matches(|c| c == '=' || c == ' ')).find_map(|line| {
        let (counts, took) = line.rsplit_once(" in ")?;
        let took = took.split([' ', 's']).next()?;
        took.parse::<f64>().ok()?;
        Some(counts)
    });
    let mut count = Count::default();
    for part in summary.unwrap_or_default().split(", ") {
        let Some((number, word)) = part.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word {
            "passed" => count.passed += number,
            "failed" | "error" | "errors" | "skipped" | "xfailed" | "xpassed" => count.failed += number,
            _ => {}
        }
    }
    count
}

fn node(log: &str) -> Count {
    let mut count = Count::default();
    for line in log.lines() {
        let Some(line) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
            continue;
        };
        let Some((word, number)) = line.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word {
            "pass" => count.passed += number,
            "fail" | "cancelled" | "skipped" | "todo" => count.failed += number,
            _ => {}
        }
    }
    count
}

fn plain(log: &str) -> Count {
    let line = log.lines().rev().find_map(|line| {
        let (passed, failed) = line.trim().strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Count { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
    });
    line.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counter: Counter, log: &str, well: bool) -> (u64, u64) {
        let Count { passed, failed } = counter.count(log, well);
        (passed, failed)
    }

    #[test]
    fn libtest_results_are_added_up_and_ignored_tests_did_not_pass() {
        let log = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 5 filtered out; finished in 1.50s\n";
        assert_eq!(counted(Counter::Libtest, log, false), (7, 3));
    }

    #[test]
    fn pytest_summary_is_read_with_and_without_bars() {
        assert_eq!(counted(Counter::Pytest, "== 41 passed in 3.21s ==\n", true), (41, 0));
        assert_eq!(
            counted(
                Counter::Pytest,
                "x in 3\n1 failed, 39 passed, 1 skipped, 2 warnings, 1 error in 63.20s (0:01:03)",
                false
            ),
            (39, 3)
        );
    }

    #[test]
    fn node_summary_is_read_from_both_reporters() {
        assert_eq!(counted(Counter::Node, "# tests 5\n# pass 5\n# fail 0\n# skipped 0\n", true), (5, 0));
        assert_eq!(counted(Counter::Node, "ℹ pass 4\nℹ fail 1\nℹ todo 1\n", false), (4, 2));
    }

    #[test]
    fn our_own_runners_close_with_one_line() {
        assert_eq!(counted(Counter::Plain, "1 passed, 1 failed\nnoise\n12 passed, 0 failed\n", true), (12, 0));
    }

    #[test]
    fn a_failure_without_a_failed_test_counts_and_so_does_an_empty_suite() {
        for counter in [Counter::One, Counter::Libtest, Counter::Pytest, Counter::Node, Counter::Plain] {
            assert_eq!(counted(counter, "error: could not compile", false), (0, 1), "{counter:?}");
        }
        assert_eq!(counted(Counter::Libtest, "test result: ok. 0 passed; 0 failed; 0 ignored;", true), (0, 1));
        assert_eq!(counted(Counter::One, "", true), (1, 0));
    }
}
