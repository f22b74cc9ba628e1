//! The best of several runs, and whether its lead is more than noise.
//!
//! Nothing is measured twice, so the noise must be bounded from within a run. A hit rate has the
//! standard error of a binomial share; runs of the same load are asked the same questions, so that the
//! true noise between them is smaller. A quantile has its interval from ranks. What the machine did
//! meanwhile is in neither: times within a tenth of each other count as the same.

use super::summary::{Counts, Quantile};

/// Times are different from this ratio on.
pub(super) const TIMES_RATIO: f64 = 1.1;

/// The measure by which runs are compared.
pub(super) trait Measure: Copy {
    /// Whether it is better than the other.
    fn beats(self, other: Self) -> bool;
    /// Whether they are so far apart that it is not noise.
    fn differs(self, other: Self) -> bool;
}

/// More hits are better.
#[derive(Debug, Clone, Copy)]
pub(super) struct HitRate(pub(super) Counts);

impl HitRate {
    pub(super) fn value(self) -> f64 {
        self.0.rate()
    }

    /// Twice the standard error of the difference of two.
    pub(super) fn noise(self, other: HitRate) -> f64 {
        2.0 * (self.variance() + other.variance()).sqrt()
    }

    /// With two hits and two misses added, so that a rate of 0 or 1 has an error too (Agresti and
    /// Coull, "Approximate is better than exact", 1998).
    fn variance(self) -> f64 {
        let n = self.0.requests as f64 + 4.0;
        let rate = (self.0.hits as f64 + 2.0) / n;
        rate * (1.0 - rate) / n
    }
}

impl Measure for HitRate {
    fn beats(self, other: HitRate) -> bool {
        self.value() > other.value()
    }

    fn differs(self, other: HitRate) -> bool {
        (self.value() - other.value()).abs() > self.noise(other)
    }
}

/// Less time is better.
impl Measure for Quantile {
    fn beats(self, other: Quantile) -> bool {
        self.us < other.us
    }

    fn differs(self, other: Quantile) -> bool {
        let (fast, slow) = if self.us < other.us {
            (self, other)
        } else {
            (other, self)
        };
        fast.high_us < slow.low_us && f64::from(slow.us) >= f64::from(fast.us) * TIMES_RATIO
    }
}

/// Labelled measures, best first.
#[derive(Debug, Clone)]
pub(super) struct Ranking<M> {
    /// The best, and all whose difference from it is noise.
    pub(super) best: Vec<(String, M)>,
    pub(super) others: Vec<(String, M)>,
}

/// Puts measures in order. Equal ones stay in the order in which they came.
pub(super) fn rank<M: Measure>(mut measured: Vec<(String, M)>) -> Ranking<M> {
    measured.sort_by(|(_, a), (_, b)| b.beats(*a).cmp(&a.beats(*b)));
    let Some((_, first)) = measured.first().cloned() else {
        return Ranking {
            best: Vec::new(),
            others: Vec::new(),
        };
    };
    let (best, others) = measured
        .into_iter()
        .partition(|(_, measure)| !first.differs(*measure));
    Ranking { best, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(hits: usize, requests: usize) -> HitRate {
        HitRate(Counts {
            hits,
            requests,
            ..Counts::default()
        })
    }

    fn time(us: u32, reach: u32) -> Quantile {
        Quantile {
            us,
            low_us: us - reach,
            high_us: us + reach,
        }
    }

    fn named<M: Measure>(measures: &[M]) -> Ranking<M> {
        let names = ["a", "b", "c"].map(str::to_owned);
        rank(names.into_iter().zip(measures.iter().copied()).collect())
    }

    fn names<M>(of: &[(String, M)]) -> Vec<&str> {
        of.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn noise_is_no_difference() {
        // The standard error of each is 0.5 points, of a difference 0.7.
        let ranking = named(&[rate(4000, 10_000), rate(4120, 10_000), rate(3000, 10_000)]);
        assert_eq!(names(&ranking.best), ["b", "a"]);
        assert_eq!(names(&ranking.others), ["c"]);
        let ranking = named(&[rate(4000, 10_000), rate(4150, 10_000)]);
        assert_eq!(names(&ranking.best), ["b"]);
        // Of a tenth of the requests the same rates say nothing.
        let ranking = named(&[rate(400, 1000), rate(415, 1000)]);
        assert_eq!(names(&ranking.best), ["b", "a"]);
    }

    #[test]
    fn all_and_nothing_are_rates_too() {
        let ranking = named(&[rate(0, 1000), rate(1000, 1000)]);
        assert_eq!(names(&ranking.best), ["b"]);
        let ranking = named(&[rate(0, 10), rate(1, 10)]);
        assert_eq!(ranking.best.len(), 2);
        assert_eq!(named(&[rate(0, 0), rate(0, 0)]).best.len(), 2);
        assert!(named::<HitRate>(&[]).best.is_empty());
    }

    #[test]
    fn times_differ_when_their_intervals_and_a_tenth_lie_between() {
        assert_eq!(names(&named(&[time(500, 10), time(560, 10)]).best), ["a"]);
        let close = named(&[time(500, 1), time(540, 1)]);
        assert_eq!(close.best.len(), 2, "less than a tenth");
        let unsure = named(&[time(500, 50), time(560, 50)]);
        assert_eq!(unsure.best.len(), 2, "their intervals overlap");
        assert_eq!(
            names(&named(&[time(9, 0), time(7, 0), time(8, 0)]).others),
            ["c", "a"]
        );
    }
}
