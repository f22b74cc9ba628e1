//! Lines in a frame with two axes.

use super::{
    axis::Axis,
    style::{Marker, Style},
    svg::{Anchor, Picture, WIDTH},
};

const HEIGHT: f64 = 264.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 38.0;
const BOTTOM: f64 = HEIGHT - 40.0;
/// How far apart the markers of a long line are.
const MARKERS_APART: f64 = 60.0;

/// A plot of lines.
#[derive(Debug)]
pub(super) struct Chart {
    /// Its name for those who cannot see it.
    pub(super) label: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Curve>,
    /// Upright lines with a word at their heads.
    pub(super) marks: Vec<(f64, &'static str)>,
    /// Stretches of x that say something.
    pub(super) told: Vec<Tooltip>,
}

/// A line through points.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) style: Style,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point has a marker, not only one now and then.
    pub(super) is_marked: bool,
    /// The tooltips of the markers, one for each point; or none.
    pub(super) told: Vec<String>,
}

/// A tooltip for a stretch between two values of x.
#[derive(Debug)]
pub(super) struct Tooltip {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) lines: Vec<String>,
}

impl Chart {
    pub(super) fn render(self) -> String {
        let x = self.x.between(LEFT, RIGHT);
        let y = self.y.between(BOTTOM, TOP);
        let mut picture = Picture::new(HEIGHT);
        grid(&mut picture, &x, &y);
        for (number, line) in self.lines.iter().enumerate() {
            let place = |(at, value): &(f64, f64)| (x.place(*at), y.place(*value));
            let points: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            let class = line.style.class;
            picture.path(&format!("line {class}"), line.style.dash, &points);
            for at in marked(&points, line.is_marked, number, self.lines.len()) {
                let (x, y) = points[at];
                let shape = line.style.marker.path(x, y);
                let told = line.told.get(at).map(|told| (told.as_str(), (x, y)));
                if line.style.marker != Marker::Nothing {
                    picture.shape(&format!("mark {class}"), &shape, told);
                }
            }
        }
        marks(&mut picture, &x, &self.marks);
        for told in &self.told {
            let stretch = (x.place(told.from), x.place(told.to));
            picture.told(stretch, (TOP, BOTTOM), &told.lines);
        }
        picture.finish(&self.label)
    }
}

fn grid(picture: &mut Picture, x: &Axis, y: &Axis) {
    picture.text("title", (4.0, 14.0), Anchor::Start, y.title);
    for (place, text) in y.ticks() {
        picture.line("grid", (LEFT, place), (RIGHT, place));
        picture.text("tick", (LEFT - 7.0, place + 4.0), Anchor::End, text);
    }
    picture.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    for (place, text) in x.ticks() {
        picture.line("axis", (place, BOTTOM), (place, BOTTOM + 4.0));
        picture.text("tick", (place, BOTTOM + 17.0), Anchor::Middle, text);
    }
    let (from, to) = x.ends();
    let middle = (from + to) / 2.0;
    picture.text("title", (middle, HEIGHT - 6.0), Anchor::Middle, x.title);
}

/// Which points get a marker. The lines take turns, so that markers do not hide each other.
fn marked(points: &[(f64, f64)], all: bool, number: usize, lines: usize) -> Vec<usize> {
    if all {
        return (0..points.len()).collect();
    }
    let mut next = LEFT + MARKERS_APART * (number as f64 + 0.5) / lines as f64;
    let mut marked = Vec::new();
    for (at, (x, _)) in points.iter().enumerate() {
        if *x >= next {
            marked.push(at);
            while next <= *x {
                next += MARKERS_APART;
            }
        }
    }
    marked
}

/// Words stand outwards of two lines, so that they never overlap, and within the picture.
fn marks(picture: &mut Picture, x: &Axis, marks: &[(f64, &'static str)]) {
    for (number, (at, word)) in marks.iter().enumerate() {
        let place = x.place(*at);
        picture.line("event", (place, TOP - 6.0), (place, BOTTOM));
        let is_left = number == 0 && place > LEFT + 70.0 || place > RIGHT - 70.0;
        let (place, anchor) = if is_left {
            (place - 4.0, Anchor::End)
        } else {
            (place + 4.0, Anchor::Start)
        };
        // Where both stand on the same side, the second is a row higher.
        let is_crowded = number > 0 && (is_left || x.place(marks[0].0) <= LEFT + 70.0);
        let row = if is_crowded { TOP - 14.0 } else { TOP - 1.0 };
        picture.text("event", (place, row), anchor, word);
    }
}
