//! The few elements of SVG that plots are made of.
//!
//! Our own, since the plotting libraries write fixed colours and sizes: neither a dark ground nor
//! tooltips nor a style sheet could reach what they draw.

use super::super::html;

/// A picture that is being drawn. It is [`WIDTH`] units wide.
#[derive(Debug)]
pub(super) struct Picture {
    height: f64,
    body: String,
}

/// How wide every picture is. Text of 12 is still read where that is scaled down to a phone.
pub(super) const WIDTH: f64 = 460.0;

/// The point of a text that has the given position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Picture {
    pub(super) fn new(height: f64) -> Picture {
        Picture {
            height,
            body: String::new(),
        }
    }

    /// The whole picture, with a label for those who cannot see it.
    pub(super) fn finish(self, label: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            self.height,
            html::text(label),
            self.body
        )
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.body += &format!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
        );
    }

    /// A line through points.
    pub(super) fn path(&mut self, class: &str, dash: &str, points: &[(f64, f64)]) {
        let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
        let points: Vec<String> = points.collect();
        self.body += &format!(
            "<polyline class=\"{class}\"{} points=\"{}\"/>\n",
            dashes(dash),
            points.join(" ")
        );
    }

    /// A filled shape; with a title it shows that to whoever points at it or near it.
    pub(super) fn shape(&mut self, class: &str, data: &str, title: Option<(&str, (f64, f64))>) {
        let Some((title, (x, y))) = title else {
            self.body += &format!("<path class=\"{class}\" d=\"{data}\"/>\n");
            return;
        };
        self.body += &format!(
            "<g><title>{}</title><circle class=\"near\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"10\"/>\
             <path class=\"{class}\" d=\"{data}\"/></g>\n",
            html::text(title)
        );
    }

    /// An unseen stretch of the plot that shows lines of text to whoever points at it.
    pub(super) fn told(&mut self, (x1, x2): (f64, f64), (y1, y2): (f64, f64), lines: &[String]) {
        let lines: Vec<String> = lines.iter().map(|line| html::text(line)).collect();
        self.body += &format!(
            "<rect class=\"told\" x=\"{x1:.1}\" y=\"{y1:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{}</title></rect>\n",
            x2 - x1,
            y2 - y1,
            lines.join("\n")
        );
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body += &format!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            html::text(text)
        );
    }
}

/// The attribute that makes a line dashed.
pub(super) fn dashes(dash: &str) -> String {
    if dash.is_empty() {
        String::new()
    } else {
        format!(" stroke-dasharray=\"{dash}\"")
    }
}
