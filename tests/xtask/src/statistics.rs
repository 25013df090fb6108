//! Many measurements in three numbers: the median, and the range, because the worst run is what somebody meets one day.

use std::fmt;

/// Median and range of some measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Nothing of no measurements.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, min, max })
    }

    /// `of`, as text; a dash of no measurements.
    pub(crate) fn text(values: impl IntoIterator<Item = f64>) -> String {
        Self::of(values).map_or_else(|| "–".to_owned(), |spread| spread.to_string())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, min, max } = self;
        // Of one measurement, or of equal ones, there is one number to tell.
        if min == max { write!(f, "{median:.0}") } else { write!(f, "{median:.0} ({min:.0} … {max:.0})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_lies_between_the_two() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(Spread::text([-5.0]), "-5");
        assert_eq!(Spread::text([1.0, 2.0, 9.0]), "2 (1 … 9)");
    }

    #[test]
    fn no_measurement_is_no_zero() {
        assert_eq!(Spread::text([]), "–");
    }
}
