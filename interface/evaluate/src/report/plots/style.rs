//! How lines are told apart: by colour, by dashes and by markers, so that each alone is enough.
//!
//! The colours are those of Okabe and Ito ("Color universal design", 2008), which people of every kind
//! of colour vision tell apart; `page.css` has them, a little darker on a light ground where they would
//! be pale. A configuration and a policy have the same style in every plot.

use kadenza_services::cache::Policy;

use crate::record::{Configuration, Setup};

/// A line's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// The class that gives it its colour.
    pub(super) class: &'static str,
    /// Lengths of dashes and gaps; none is a solid line.
    pub(super) dash: &'static str,
    pub(super) marker: Marker,
}

/// A shape that marks points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
    TriangleDown,
    Bar,
    Ring,
    /// None: the line is known by its dashes alone.
    Nothing,
}

/// The style of the optimum, which no cache can exceed.
pub(super) const OPTIMUM: Style = style("optimum", "11 3", Marker::Nothing);

const STYLES: [Style; 9] = [
    style("c0", "", Marker::Circle),
    style("c1", "7 3", Marker::Square),
    style("c2", "2 3", Marker::Triangle),
    style("c3", "9 3 2 3", Marker::Diamond),
    style("c4", "5 2", Marker::Cross),
    style("c5", "12 4", Marker::Plus),
    style("c6", "3 2", Marker::TriangleDown),
    style("c7", "8 2 2 2 2 2", Marker::Bar),
    style("c8", "4 4", Marker::Ring),
];

const fn style(class: &'static str, dash: &'static str, marker: Marker) -> Style {
    Style {
        class,
        dash,
        marker,
    }
}

/// The styles of configurations. One that is there twice gets a style that is free.
pub(super) fn of_configurations<'a>(setups: impl Iterator<Item = &'a Setup>) -> Vec<Style> {
    distinct(setups.map(|setup| match setup.configuration {
        Configuration::Central => 0,
        Configuration::Partitioned => 1,
        Configuration::Replicated => 2,
        Configuration::Off => 8,
    }))
}

/// The styles of policies.
pub(super) fn of_policies<'a>(setups: impl Iterator<Item = &'a Setup>) -> Vec<Style> {
    let place = |policy: Policy| Policy::ALL.iter().position(|other| *other == policy);
    distinct(setups.map(|setup| place(setup.policy).unwrap_or(0)))
}

fn distinct(wanted: impl Iterator<Item = usize>) -> Vec<Style> {
    let mut taken: Vec<usize> = Vec::new();
    for wish in wanted {
        let around = (0..STYLES.len()).map(|step| (wish + step) % STYLES.len());
        // With more lines than styles the last ones look like the first.
        let free = around.clone().find(|style| !taken.contains(style));
        taken.push(free.unwrap_or(wish));
    }
    taken.into_iter().map(|style| STYLES[style]).collect()
}

impl Marker {
    /// The shape around a point, as the data of a path.
    pub(super) fn path(self, x: f64, y: f64) -> String {
        let r = 4.0;
        let corners = |corners: &[(f64, f64)]| {
            let corners = corners
                .iter()
                .map(|(dx, dy)| format!("{:.1} {:.1}", x + dx * r, y + dy * r));
            format!("M{}Z", corners.collect::<Vec<_>>().join("L"))
        };
        let circle = |r: f64| {
            format!(
                "M{:.1} {y:.1}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
                x - r,
                d = 2.0 * r
            )
        };
        match self {
            Marker::Circle => circle(3.6),
            Marker::Ring => circle(3.6) + &circle(1.6),
            Marker::Square => {
                corners(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)])
            }
            Marker::Triangle => corners(&[(0.0, -1.1), (1.05, 0.8), (-1.05, 0.8)]),
            Marker::TriangleDown => corners(&[(0.0, 1.1), (1.05, -0.8), (-1.05, -0.8)]),
            Marker::Diamond => corners(&[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)]),
            Marker::Bar => corners(&[(-0.35, -1.2), (0.35, -1.2), (0.35, 1.2), (-0.35, 1.2)]),
            Marker::Plus => corners(&PLUS),
            Marker::Cross => {
                let turned = PLUS.map(|(dx, dy)| ((dx - dy) * 0.75, (dx + dy) * 0.75));
                corners(&turned)
            }
            Marker::Nothing => String::new(),
        }
    }
}

const PLUS: [(f64, f64); 12] = [
    (-0.32, -1.2),
    (0.32, -1.2),
    (0.32, -0.32),
    (1.2, -0.32),
    (1.2, 0.32),
    (0.32, 0.32),
    (0.32, 1.2),
    (-0.32, 1.2),
    (-0.32, 0.32),
    (-1.2, 0.32),
    (-1.2, -0.32),
    (-0.32, -0.32),
];

#[cfg(test)]
mod tests {
    use super::{super::super::samples::*, *};

    #[test]
    fn no_two_lines_of_a_plot_look_the_same() {
        let setups: Vec<Setup> = Policy::ALL
            .map(|policy| Setup {
                policy,
                ..central("5%", 50)
            })
            .into();
        let mut styles = of_policies(setups.iter());
        let twice = [&setups[0], &setups[0], &setups[1]];
        assert_eq!(of_policies(twice.into_iter()), styles[..3]);
        styles.push(OPTIMUM);
        for (at, style) in styles.iter().enumerate() {
            for other in &styles[..at] {
                assert_ne!(style.class, other.class);
                assert_ne!(style.dash, other.dash);
                assert_ne!(style.marker, other.marker);
            }
        }
        assert_eq!(of_policies(std::iter::repeat_n(&setups[0], 20)).len(), 20);
    }
}
