//! Labelled rows over one axis: a few marks in each, and their numbers beside the label.

use super::{
    axis::Axis,
    style::Marker,
    svg::{Anchor, Picture, WIDTH},
};

const LEFT: f64 = 8.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 10.0;
const ROW: f64 = 38.0;
/// Between rows that do not belong together.
const GAP: f64 = 12.0;
const BELOW: f64 = 42.0;

/// A plot of rows.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) label: String,
    pub(super) x: Axis,
    pub(super) rows: Vec<LabelledRow>,
}

/// One row.
#[derive(Debug)]
pub(super) struct LabelledRow {
    pub(super) label: String,
    pub(super) numbers: String,
    /// The class of its colour.
    pub(super) class: &'static str,
    /// Values, each with its shape and what is told of it. A line goes from the first to the last, or
    /// from the beginning to the only one.
    pub(super) marks: Vec<(f64, Marker, String)>,
    /// A value that is marked with an upright line.
    pub(super) limit: Option<f64>,
    /// Whether it begins a block of rows.
    pub(super) is_apart: bool,
}

impl Rows {
    pub(super) fn render(self) -> String {
        let x = self.x.between(LEFT, RIGHT);
        let gaps = self.rows.iter().skip(1).filter(|row| row.is_apart).count();
        let bottom = TOP + self.rows.len() as f64 * ROW + gaps as f64 * GAP;
        let mut picture = Picture::new(bottom + BELOW);
        for (place, text) in x.ticks() {
            picture.line("grid", (place, TOP), (place, bottom));
            picture.line("axis", (place, bottom), (place, bottom + 4.0));
            // At the ends a text in the middle would leave the picture.
            let anchor = match place {
                place if place < LEFT + 12.0 => Anchor::Start,
                place if place > RIGHT - 12.0 => Anchor::End,
                _ => Anchor::Middle,
            };
            picture.text("tick", (place, bottom + 17.0), anchor, text);
        }
        picture.line("axis", (LEFT, bottom), (RIGHT, bottom));
        let middle = (LEFT + RIGHT) / 2.0;
        picture.text("title", (middle, bottom + 36.0), Anchor::Middle, x.title);
        let mut top = TOP;
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 && row.is_apart {
                top += GAP;
            }
            row.draw(&mut picture, &x, top);
            top += ROW;
        }
        picture.finish(&self.label)
    }
}

impl LabelledRow {
    fn draw(&self, picture: &mut Picture, x: &Axis, top: f64) {
        let middle = top + 25.0;
        picture.text("label", (LEFT, top + 13.0), Anchor::Start, &self.label);
        picture.text("number", (RIGHT, top + 13.0), Anchor::End, &self.numbers);
        picture.line("track", (LEFT, middle), (RIGHT, middle));
        let class = self.class;
        let from = match &self.marks[..] {
            [_] => Some(LEFT),
            [(first, ..), ..] => Some(x.place(*first)),
            [] => None,
        };
        if let (Some(from), Some((last, ..))) = (from, self.marks.last()) {
            let to = x.place(*last);
            picture.line(&format!("span {class}"), (from, middle), (to, middle));
        }
        if let Some(limit) = self.limit {
            let place = x.place(limit);
            picture.line("limit", (place, middle - 8.0), (place, middle + 8.0));
        }
        for (value, marker, told) in &self.marks {
            let at = (x.place(*value), middle);
            let shape = marker.path(at.0, at.1);
            picture.shape(&format!("mark {class}"), &shape, Some((told, at)));
        }
    }
}
