//! The page of a whole made-up matrix. Where `KADENZA_SAMPLE_REPORT` names a file it is left there, to
//! be looked at.

use kadenza_services::cache::Policy;

use super::{
    samples::{Load, central, killed, stood},
    *,
};
use crate::record::{Configuration, Setup};

const CONFIGURATIONS: [Configuration; 3] = [
    Configuration::Central,
    Configuration::Partitioned,
    Configuration::Replicated,
];

fn matrix() -> Report {
    let mut report = Report::new(
        [
            ("command", "kadenza evaluate --requests 5000 --sizes 5%,20%"),
            ("machine", "<b>2 cores</b> of a virtual processor"),
            ("table", "1,000 made-up songs"),
            ("seed", "7"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    );
    let sizes = [("5%", 50), ("20%", 200)];
    for (name, sizes) in [
        ("zipf 0.80", &sizes[..]),
        ("<script>alert(1)</script>", &sizes[1..]),
    ] {
        let load = Load::zipf(5000).named(name);
        report.add(&load.run(&stood(Configuration::Off, central("", 0))));
        for &(size, entries) in sizes {
            for configuration in CONFIGURATIONS {
                report.add(&load.run(&stood(configuration, central(size, entries))));
            }
            for policy in &Policy::ALL[1..] {
                // Another policy is another size here: enough to draw different lines.
                let worse = entries * (9 - (*policy as usize).min(7)) / 10;
                let setup = Setup {
                    policy: *policy,
                    ..central(size, worse)
                };
                let mut run = load.run(&setup);
                run.setup.entries = entries;
                report.add(&run);
            }
        }
        for configuration in &CONFIGURATIONS[1..] {
            let setup = stood(*configuration, central("20%", 200));
            report.add(&load.run(&killed(setup, 2000, 3500)));
        }
    }
    report
}

#[test]
fn the_page_shows_a_whole_matrix_and_stands_alone() {
    let report = matrix();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("report.html");
    report.write(&path).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    if let Some(sample) = std::env::var_os("KADENZA_SAMPLE_REPORT") {
        std::fs::write(sample, &page).unwrap();
    }
    // For each load: quantiles, policies, a failover; for each size a distribution and a course.
    assert_eq!(page.matches("<figure>").count(), 2 * 3 + 3 * 2);
    for forbidden in [
        "<script", "http://", "https://", "style=", "url(", "NaN", "inf\"",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&lt;b&gt;2 cores&lt;/b&gt;"));
    for line in report.conclusion().lines() {
        let (about, _) = line.split_once(": ").expect("what is said, and of what");
        let about = format!("<h3>{}</h3>", html::text(about));
        assert!(page.contains(&about), "{line}");
    }
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

#[test]
fn every_element_is_closed() {
    let page = matrix().page();
    for element in [
        "svg", "g", "text", "figure", "table", "tr", "td", "section", "details", "ul", "li", "div",
    ] {
        let opened = page.matches(&format!("<{element} ")).count()
            + page.matches(&format!("<{element}>")).count();
        let closed = page.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}");
    }
}

#[test]
fn a_page_of_nothing_says_so() {
    let page = Report::new(Circumstances::new()).page();
    assert!(page.contains("<h3>Measured</h3><p>Nothing.</p>"));
    assert!(!page.contains("<figure>"));
}

#[test]
fn a_page_of_little_has_no_empty_plot() {
    for requests in [1, 2, 60] {
        let mut report = Report::new(Circumstances::new());
        let load = Load::zipf(requests);
        report.add(&load.run(&central("5%", 1)));
        report.add(&load.run(&stood(Configuration::Off, central("5%", 1))));
        report.add(&load.run(&killed(central("5%", 1), 1, 2)));
        let mut empty = load.run(&stood(Configuration::Replicated, central("5%", 1)));
        empty.answers.clear();
        empty.optimum.clear();
        report.add(&empty);
        let page = report.page();
        assert!(!page.contains("NaN") && !page.contains("inf"), "{requests}");
        assert!(page.contains("<figure>"), "{requests}");
    }
}
