//! The page: one HTML file that needs no network and no script.

use kadenza_contract::ContentHash;

use super::{conclusion, html, numbers, plots, summary::Summary, tables};
use crate::record::Circumstances;

const STYLE: &str = include_str!("page.css");

/// A section that explains the numbers.
const HOW_TO_READ: &str = include_str!("reading.html");

/// Circumstances of more characters have a whole line.
const CELL_CHARS_MAX: usize = 60;

/// The whole file.
pub(super) fn render(circumstances: &Circumstances, runs: &[Summary]) -> String {
    let body = body(circumstances, runs);
    // Nothing may be loaded and nothing run but this one style sheet. Its nonce is a hash of all the
    // names in the page, so that none of them can contain it.
    let nonce = ContentHash::of(body.as_bytes());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Cache evaluation – Kadenza</title>\n<style nonce=\"{nonce}\">\n{STYLE}</style>\n\
         </head>\n{body}</html>\n"
    )
}

fn body(circumstances: &Circumstances, runs: &[Summary]) -> String {
    let mut html = String::from("<body>\n<main>\n");
    html.push_str(&head(runs));
    html.push_str(&table_of(circumstances));
    for chapter in plots::chapters(runs) {
        html += &format!(
            "<section>\n<h2>{}</h2>\n<div class=\"figures\">\n",
            html::text(chapter.title)
        );
        for figure in &chapter.figures {
            html.push_str(&figure.render());
        }
        html.push_str("</div>\n</section>\n");
    }
    html.push_str(&all_runs(runs));
    html.push_str(HOW_TO_READ);
    html.push_str("</main>\n</body>\n");
    html
}

fn head(runs: &[Summary]) -> String {
    let lines = conclusion::lines(runs).into_iter().map(|line| {
        let sentences = line.sentences.iter();
        let sentences = sentences.map(|sentence| format!("<p>{}</p>", html::text(sentence)));
        format!(
            "<li><h3>{}</h3>{}</li>\n",
            html::text(&line.about),
            sentences.collect::<String>()
        )
    });
    format!(
        "<header>\n<p class=\"brand\">Kadenza</p>\n<h1>Cache evaluation</h1>\n</header>\n\
         <section class=\"conclusion\">\n<h2>What the numbers say</h2>\n<ul>\n{}</ul>\n</section>\n",
        lines.collect::<String>()
    )
}

fn table_of(circumstances: &Circumstances) -> String {
    if circumstances.is_empty() {
        return String::new();
    }
    // Long values have a line of their own, and come last.
    let (short, long): (Vec<_>, Vec<_>) = circumstances
        .iter()
        .partition(|(_, value)| value.chars().count() <= CELL_CHARS_MAX);
    let cell = |class: &str, name: &str, value: &str| {
        let (name, value) = (html::text(name), html::text(value));
        format!("<div{class}><dt>{name}</dt><dd>{value}</dd></div>\n")
    };
    let short = short.into_iter().map(|(name, value)| cell("", name, value));
    let long = long
        .into_iter()
        .map(|(name, value)| cell(" class=\"long\"", name, value));
    format!(
        "<section>\n<h2>Circumstances</h2>\n<dl>\n{}</dl>\n</section>\n",
        short.chain(long).collect::<String>()
    )
}

fn all_runs(runs: &[Summary]) -> String {
    format!(
        "<section>\n<h2>All runs</h2>\n<p>{}. Every request is a line of the CSV file.</p>\n\
         <h3>Where the answers came from</h3>\n{}<h3>How long they took</h3>\n{}</section>\n",
        numbers::several(runs.len(), "run"),
        tables::hits(runs).render(),
        tables::times(runs).render()
    )
}
