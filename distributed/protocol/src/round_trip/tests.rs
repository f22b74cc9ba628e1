use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_peer_never_measured_has_300_ms() {
    let trip = RoundTrip::new();
    assert_eq!(
        (trip.soft(), trip.hedge(), trip.hard()),
        (ms(300), ms(300), ms(5000))
    );
    assert_eq!(trip.mean(), None);
}

#[test]
fn the_first_answers_are_smoothed_as_tcp_does() {
    let mut trip = RoundTrip::new();
    trip.answered(ms(80));
    assert_eq!((trip.mean(), trip.soft()), (Some(ms(80)), ms(80 + 4 * 40)));
    trip.answered(ms(160));
    // Mean 80 * 7/8 + 160 / 8; deviation 40 * 3/4 + 80 / 4.
    assert_eq!((trip.mean(), trip.soft()), (Some(ms(90)), ms(90 + 4 * 50)));
}

#[test]
fn a_steady_peer_is_soon_late_but_never_before_50_ms() {
    let mut trip = RoundTrip::new();
    for _ in 0..100 {
        trip.answered(Duration::from_micros(30));
    }
    assert_eq!((trip.soft(), trip.hedge()), (ms(50), ms(10)));
}

#[test]
fn each_deadline_passed_doubles_the_next_until_an_answer() {
    let mut trip = RoundTrip::new();
    trip.answered(ms(40));
    let before = trip.soft();
    trip.late();
    assert_eq!(trip.soft(), before * 2);
    trip.late();
    assert_eq!(trip.soft(), before * 4);
    trip.answered(ms(40));
    assert!(trip.soft() <= before);
}

proptest! {
    #[test]
    fn deadlines_keep_their_bounds_and_their_order(events in prop::collection::vec(any::<(bool, u64)>(), 0..200)) {
        let mut trip = RoundTrip::new();
        for (late, took_us) in events {
            if late {
                trip.late();
            } else {
                trip.answered(Duration::from_micros(took_us));
            }
            prop_assert!(trip.soft() >= ms(50) && trip.soft() <= ms(2000));
            prop_assert!(trip.hedge() >= ms(10) && trip.hedge() <= trip.soft());
            prop_assert!(trip.soft() <= trip.hard());
        }
    }

    #[test]
    fn a_peer_that_keeps_a_pace_is_never_late_at_it(pace_ms in 1_u64..1500) {
        let mut trip = RoundTrip::new();
        for turn in 0..100 {
            // A tenth more or less.
            let took = ms(pace_ms * (90 + turn * 7 % 21) / 100);
            prop_assert!(turn == 0 || took <= trip.soft());
            trip.answered(took);
        }
    }
}
