//! The page: one HTML file that needs no network and no script.

use kadenza_services::ContentHash;

use super::{Report, html, tables};

const STYLE: &str = include_str!("page.css");

/// The whole file.
pub(super) fn render(report: &Report) -> String {
    let body = body(report);
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

fn body(report: &Report) -> String {
    let mut html = String::from("<body>\n<h1>Cache evaluation</h1>\n");
    for line in report.conclusion().lines() {
        html += &format!("<p>{}</p>\n", html::text(line));
    }
    html.push_str("<dl>\n");
    for (name, value) in &report.circumstances {
        html += &format!(
            "<dt>{}</dt><dd>{}</dd>\n",
            html::text(name),
            html::text(value)
        );
    }
    html.push_str("</dl>\n");
    html.push_str(&tables::hits(&report.runs).render());
    html.push_str(&tables::times(&report.runs).render());
    html.push_str("</body>\n");
    html
}
