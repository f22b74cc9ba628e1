//! Numbers and dates in the forms that people write.

/// What may stand before a number and says what it counts.
const COUNTED: [&str; 13] = [
    "track", "trk", "side", "disc", "disk", "disque", "cd", "dvd", "lp", "vol", "volume", "part",
    "no",
];

/// The number of a track or a disc: `3`, `03`, `3/12`, `3 of 12`, `CD2`, `Disc 2`. A side of a record and its
/// track (`A1`) is none.
pub(crate) fn number(text: &str) -> Option<u32> {
    let text = text
        .trim()
        .trim_matches(['(', ')', '[', ']', '#'])
        .to_lowercase();
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let (before, from) = text.split_at(digits);
    if before.trim() == "-" {
        return None;
    }
    let before = before
        .trim_end_matches([' ', '.', ':', '#', '-', '_', '°', 'º'])
        .trim();
    if !before.is_empty() && !COUNTED.contains(&before) {
        return None;
    }
    let end = from
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(from.len());
    let (number, behind) = from.split_at(end);
    let behind = behind.trim_start();
    let has_total = ["/", "\\", "of ", "von ", "de ", "("]
        .iter()
        .any(|sign| behind.starts_with(sign));
    let is_end = behind.chars().all(|c| matches!(c, '.' | ' ' | ')' | '\0'));
    let number = number
        .parse()
        .ok()
        .filter(|number| (1..=65_535).contains(number));
    number.filter(|_| has_total || is_end)
}

/// The number of all, behind the number itself: 12 in `3 / 12`.
pub(super) fn total(text: &str) -> Option<u32> {
    digits(text).get(1).and_then(|total| total.parse().ok())
}

/// A date, as far as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: u32,
    month: Option<u32>,
    day: Option<u32>,
}

impl Date {
    /// Reads `1997`, `1997-05`, `1997/05/21`, `21.05.1997`, `19970521`, `(1997)`, `May 21, 1997` and the like. Where
    /// day and month cannot be told apart, both are left out.
    pub(crate) fn parse(text: &str) -> Option<Date> {
        let groups = digits(text);
        let is_year = |group: &&str| group.len() == 4 && !group.starts_with('0');
        let number = |at: usize| groups.get(at).and_then(|group| group.parse().ok());
        let year_at = groups.iter().position(is_year);
        let Some(year_at) = year_at else {
            let whole = groups
                .iter()
                .find(|group| group.len() == 8 && !group.starts_with('0'))?;
            let part = |from, to| whole[from..to].parse().ok();
            return Some(Date::new(part(0, 4)?, part(4, 6), part(6, 8)));
        };
        let year = number(year_at)?;
        Some(match year_at {
            // The year is first, and then month and day follow.
            0 => Date::new(year, number(1), number(2)),
            2 => match (number(0), number(1)) {
                (Some(day), Some(month)) if day > 12 => Date::new(year, Some(month), Some(day)),
                (Some(month), Some(day)) if day > 12 => Date::new(year, Some(month), Some(day)),
                (Some(day), Some(month)) if text.contains('.') => {
                    Date::new(year, Some(month), Some(day))
                }
                _ => Date::new(year, None, None),
            },
            _ => Date::new(year, None, None),
        })
    }

    fn new(year: u32, month: Option<u32>, day: Option<u32>) -> Date {
        let month = month.filter(|month| (1..=12).contains(month));
        let day = day.filter(|day| (1..=31).contains(day) && month.is_some());
        Date { year, month, day }
    }

    /// The date as ISO 8601 writes it.
    pub(crate) fn iso(self) -> String {
        match (self.month, self.day) {
            (Some(month), Some(day)) => format!("{:04}-{month:02}-{day:02}", self.year),
            (Some(month), None) => format!("{:04}-{month:02}", self.year),
            _ => format!("{:04}", self.year),
        }
    }
}

/// The runs of digits in a text.
fn digits(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("3", Some(3)),
            ("03", Some(3)),
            (" 3 ", Some(3)),
            ("3/12", Some(3)),
            ("3 / 12", Some(3)),
            ("3 of 12", Some(3)),
            ("3 (12)", Some(3)),
            ("CD2", Some(2)),
            ("CD 2", Some(2)),
            ("Disc 2", Some(2)),
            ("disk-2", Some(2)),
            ("Track 07", Some(7)),
            ("No. 4", Some(4)),
            ("#5", Some(5)),
            ("5.", Some(5)),
            ("(6)", Some(6)),
            ("[6]", Some(6)),
            ("3\0", Some(3)),
            ("65535", Some(65_535)),
            ("A1", None),
            ("1A", None),
            ("B", None),
            ("", None),
            ("0", None),
            ("0/12", None),
            ("-3", None),
            ("1-03", None),
            ("99999999999", None),
            ("three", None),
            ("/12", None),
            ("Opus 3", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1997", "1997"),
            ("1997-05", "1997-05"),
            ("1997-05-21", "1997-05-21"),
            ("1997-05-21T12:30:00Z", "1997-05-21"),
            ("1997/05/21", "1997-05-21"),
            ("1997.5.21", "1997-05-21"),
            ("21.05.1997", "1997-05-21"),
            ("21/05/1997", "1997-05-21"),
            ("05/21/1997", "1997-05-21"),
            ("04/05/1997", "1997"),
            ("04.05.1997", "1997-05-04"),
            ("19970521", "1997-05-21"),
            ("(1997)", "1997"),
            ("c1997", "1997"),
            ("℗ 1997 Label", "1997"),
            ("May 21, 1997", "1997"),
            ("21 May 1997", "1997"),
            ("1997-1999", "1997"),
            ("1997-00-00", "1997"),
            ("1997-13-01", "1997"),
            ("1997年5月21日", "1997-05-21"),
        ] {
            let date = Date::parse(text).map(Date::iso);
            assert_eq!(date.as_deref(), Some(expected), "{text:?}");
        }
        for text in [
            "",
            "97",
            "'97",
            "0000",
            "0000-00-00",
            "unknown",
            "12345",
            "05-21",
        ] {
            assert_eq!(Date::parse(text), None, "{text:?}");
        }
    }
}
