//! A plot with its caption, its legend and its numbers.

use super::{
    super::html::{self, Table},
    style::{Marker, Style},
    svg::dashes,
};

/// A plot as it stands on the page.
#[derive(Debug)]
pub(in super::super) struct Figure {
    pub(super) title: String,
    /// A sentence that says what to look for.
    pub(super) caption: String,
    /// One picture, or several over each other with the same lines.
    pub(super) pictures: Vec<String>,
    pub(super) legend: Vec<Entry>,
    /// Every number that the plot shows.
    pub(super) numbers: Table,
    /// Whether the numbers are shown at once.
    pub(super) is_open: bool,
}

/// A line of the legend.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) style: Style,
    pub(super) label: String,
    pub(super) has_line: bool,
}

impl Figure {
    pub(in super::super) fn render(&self) -> String {
        let legend: String = self.legend.iter().map(Entry::render).collect();
        let caption = if self.caption.is_empty() {
            String::new()
        } else {
            format!("<p>{}</p>\n", html::text(&self.caption))
        };
        format!(
            "<figure>\n<figcaption><h3>{}</h3>\n{caption}</figcaption>\n{}\
             <ul class=\"legend\">\n{legend}</ul>\n\
             <details{}><summary>The numbers of this plot</summary>\n{}</details>\n</figure>\n",
            html::text(&self.title),
            self.pictures.concat(),
            if self.is_open { " open" } else { "" },
            self.numbers.render(),
        )
    }
}

impl Entry {
    pub(super) fn line(label: &str, style: Style) -> Entry {
        Entry {
            style,
            label: label.to_owned(),
            has_line: true,
        }
    }

    pub(super) fn marker(label: &str, class: &'static str, marker: Marker) -> Entry {
        Entry {
            style: Style {
                class,
                dash: "",
                marker,
            },
            label: label.to_owned(),
            has_line: false,
        }
    }

    fn render(&self) -> String {
        let Style {
            class,
            dash,
            marker,
        } = self.style;
        let width = if self.has_line { 34 } else { 12 };
        let line = if self.has_line {
            format!(
                "<line class=\"line {class}\"{} x1=\"1\" y1=\"6\" x2=\"33\" y2=\"6\"/>",
                dashes(dash)
            )
        } else {
            String::new()
        };
        format!(
            "<li><svg viewBox=\"0 0 {width} 12\" width=\"{width}\" height=\"12\" aria-hidden=\"true\">\
             {line}<path class=\"mark {class}\" d=\"{}\"/></svg>{}</li>\n",
            marker.path(f64::from(width) / 2.0, 6.0),
            html::text(&self.label)
        )
    }
}
