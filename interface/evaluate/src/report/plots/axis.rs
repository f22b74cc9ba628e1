//! An axis: the position of each value, and the values that are written beside it.

use super::super::numbers;

/// A direction of a plot.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// The text at its end, with the unit.
    pub(super) title: &'static str,
    /// The positions of its ends in the picture.
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

impl Axis {
    /// Shares from 0 to the largest, in percent.
    pub(super) fn shares(title: &'static str, largest: f64) -> Axis {
        let step = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
            .into_iter()
            .find(|step| largest <= 5.0 * step)
            .unwrap_or(0.25);
        let high = (largest / step - 1e-9).ceil().max(1.0) * step;
        let ticks = (0..=(high / step).round() as usize).map(|at| at as f64 * step);
        let digits = usize::from(step < 0.01);
        Axis {
            ticks: ticks
                .map(|tick| (tick, format!("{:.digits$}%", tick * 100.0)))
                .collect(),
            ..Axis::new(Scale::Linear, 0.0, high, title)
        }
    }

    /// Requests from the first to the last.
    pub(super) fn requests(requests: usize) -> Axis {
        let requests = requests.max(1);
        let powers = (0..).map(|power| 10_usize.pow(power));
        let step = powers
            .flat_map(|power| [1, 2, 5].map(|digit| digit * power))
            .find(|step| requests / step <= 5)
            .unwrap_or(requests);
        let ticks = (0..=requests / step).map(|at| at * step);
        Axis {
            ticks: ticks
                .map(|tick| (tick as f64, numbers::count(tick)))
                .collect(),
            ..Axis::new(Scale::Linear, 0.0, requests as f64, "request")
        }
    }

    /// Times in microseconds, by their logarithm, from the shortest to the longest; written in
    /// milliseconds.
    pub(super) fn times(title: &'static str, shortest: f64, longest: f64) -> Axis {
        let (low, high) = (shortest.max(1.0) / 1.15, longest.max(2.0) * 1.15);
        // Ticks are at 1, 2 and 5 times powers of ten: at least two of them, and hardly more than
        // six.
        let by = |digits: &[f64]| -> Vec<f64> {
            let powers = (0..8).map(|power| 10_f64.powi(power));
            let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
            ticks.filter(|tick| (low..=high).contains(tick)).collect()
        };
        let choices = [
            by(&[1.0]),
            by(&[1.0, 3.0]),
            by(&[1.0, 2.0, 5.0]),
            by(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]),
        ];
        let fitting = choices.iter().rev().find(|ticks| ticks.len() <= 6);
        let ticks = fitting.unwrap_or(&choices[0]).iter();
        Axis {
            ticks: ticks.map(|tick| (*tick, plain_ms(*tick))).collect(),
            ..Axis::new(Scale::Log, low, high, title)
        }
    }

    /// Names in their order, at 0, 1, 2 and so on.
    pub(super) fn names(title: &'static str, names: Vec<String>) -> Axis {
        let last = names.len().saturating_sub(1) as f64;
        let ticks = names.into_iter().enumerate();
        Axis {
            ticks: ticks.map(|(at, name)| (at as f64, name)).collect(),
            ..Axis::new(Scale::Linear, -0.25, last + 0.25, title)
        }
    }

    fn new(scale: Scale, low: f64, high: f64, title: &'static str) -> Axis {
        Axis {
            scale,
            low,
            high,
            title,
            from: 0.0,
            to: 1.0,
            ticks: Vec::new(),
        }
    }

    /// The same axis between these positions of the picture.
    pub(super) fn between(mut self, from: f64, to: f64) -> Axis {
        (self.from, self.to) = (from, to);
        self
    }

    /// The position of a value. Values beyond the ends stand at the ends.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.max(1e-9) / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The texts beside it, with their positions.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.ticks
            .iter()
            .map(|(value, text)| (self.place(*value), text.as_str()))
    }

    /// The place of an end.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.from, self.to)
    }
}

/// Milliseconds without digits that say nothing: `0.05`, `0.5`, `20`.
fn plain_ms(us: f64) -> String {
    let ms = us / 1000.0;
    if ms >= 1000.0 {
        return numbers::count(ms as usize);
    }
    let mut text = format!("{ms:.3}");
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(axis: &Axis) -> Vec<&str> {
        axis.ticks().map(|(_, text)| text).collect()
    }

    #[test]
    fn numbers_at_an_axis_are_round() {
        let shares = Axis::shares("", 0.73);
        assert_eq!(written(&shares), ["0%", "20%", "40%", "60%", "80%"]);
        assert_eq!(written(&Axis::shares("", 1.0)).last(), Some(&"100%"));
        assert_eq!(written(&Axis::shares("", 0.0)), ["0.0%", "0.2%"]);
        assert_eq!(
            written(&Axis::requests(10_000)),
            ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]
        );
        assert_eq!(written(&Axis::requests(0)), ["0", "1"]);
        let times = Axis::times("", 300.0, 40_000.0);
        assert_eq!(written(&times), ["0.5", "1", "2", "5", "10", "20"]);
        let close = Axis::times("", 500.0, 700.0);
        assert_eq!(written(&close), ["0.5", "0.6", "0.8"]);
    }

    #[test]
    fn values_stand_between_the_ends_and_in_order() {
        for axis in [
            Axis::shares("", 0.5),
            Axis::requests(1000),
            Axis::times("", 0.0, 0.0),
            Axis::times("", 10.0, 1e9),
            Axis::names("", vec!["a".to_owned()]),
        ] {
            let axis = axis.between(40.0, 400.0);
            let values = [0.0, 0.1, 0.5, 1.0, 10.0, 1e3, 1e6, 1e12];
            let places = values.map(|value| axis.place(value));
            assert!(places.is_sorted(), "{axis:?}");
            assert!(
                places.iter().all(|x| (40.0..=400.0).contains(x)),
                "{axis:?}"
            );
            assert!(axis.ticks().count() <= 12, "{axis:?}");
        }
    }
}
