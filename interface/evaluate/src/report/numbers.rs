//! Numbers as people read them, the same in sentences, plots and tables.

/// `12,345`.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `41.2%`, of a share.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `9.8 points`, of a difference of shares.
pub(super) fn points(difference: f64) -> String {
    format!("{:.1} points", difference * 100.0)
}

/// Milliseconds with three digits that count, without the unit: `0.042`, `0.42`, `4.21`, `421`.
pub(super) fn ms(us: f64) -> String {
    let ms = us / 1000.0;
    let decimals = match ms {
        ms if ms < 0.0995 => 3,
        ms if ms < 9.995 => 2,
        ms if ms < 99.95 => 1,
        _ => 0,
    };
    if decimals == 0 {
        return count(ms.round() as usize);
    }
    format!("{ms:.decimals$}")
}

/// A time with its unit: `0.42 ms`, `1.20 s`.
pub(super) fn time(us: f64) -> String {
    if us >= 999_500.0 {
        format!("{:.2} s", us / 1e6)
    } else {
        format!("{} ms", ms(us))
    }
}

/// How many times as much: `9.3 times`, `120 times`.
pub(super) fn times(ratio: f64) -> String {
    let decimals = usize::from(ratio < 9.95);
    format!("{ratio:.decimals$} times")
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 run`, `2 runs`.
pub(super) fn several(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(percent(0.4123), "41.2%");
        assert_eq!(points(0.098), "9.8 points");
        let times_of = [
            7.0, 42.0, 99.4, 99.6, 420.0, 4_206.0, 9_994.0, 9_996.0, 42_060.0,
        ];
        let shown = times_of.map(time);
        assert_eq!(
            shown,
            [
                "0.007 ms", "0.042 ms", "0.099 ms", "0.10 ms", "0.42 ms", "4.21 ms", "9.99 ms",
                "10.0 ms", "42.1 ms"
            ]
        );
        assert_eq!(time(420_600.0), "421 ms");
        assert_eq!(time(999_600.0), "1.00 s");
        assert_eq!(times(9.34), "9.3 times");
        assert_eq!(times(120.4), "120 times");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(list(&names[..0]), "");
        assert_eq!(list(&names[..1]), "a");
        assert_eq!(list(&names[..2]), "a and b");
        assert_eq!(list(&names), "a, b and c");
        assert_eq!(several(1, "run"), "1 run");
        assert_eq!(several(2_000, "run"), "2,000 runs");
    }
}
