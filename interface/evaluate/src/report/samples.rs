//! Made-up runs for tests: an exact LRU over a made-up load, with made-up times, all from a seed.

use std::{collections::HashMap, time::Duration};

use kadenza_services::cache::Policy;

use crate::record::{Answer, Configuration, NodeKind, RequestResult, Run, Setup};

/// Which questions are asked, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) name: String,
    asked: Vec<u32>,
    questions: usize,
    dice: Dice,
}

/// A central cache of a size on embedded nodes, with the default policy.
pub(super) fn central(size: &str, entries: usize) -> Setup {
    Setup {
        configuration: Configuration::Central,
        kind: NodeKind::Embedded,
        nodes: 1,
        policy: Policy::default(),
        entries,
        size: size.to_owned(),
        load: "zipf 0.80".to_owned(),
        questions: 1000,
        kill_at: None,
        revive_at: None,
    }
}

/// The same in another configuration, over three nodes, or without a cache.
pub(super) fn stood(configuration: Configuration, setup: Setup) -> Setup {
    let is_off = configuration == Configuration::Off;
    Setup {
        configuration,
        nodes: match configuration {
            Configuration::Off => 0,
            Configuration::Central => 1,
            _ => 3,
        },
        entries: if is_off { 0 } else { setup.entries },
        size: if is_off { String::new() } else { setup.size },
        ..setup
    }
}

/// The same with a node that dies.
pub(super) fn killed(setup: Setup, kill_at: usize, revive_at: usize) -> Setup {
    Setup {
        kill_at: Some(kill_at),
        revive_at: Some(revive_at),
        ..setup
    }
}

impl Load {
    /// A thousand questions, asked by Zipf's law with an exponent of 0.8.
    pub(super) fn zipf(requests: usize) -> Load {
        let questions = 1000;
        let mut dice = Dice(7);
        let mut sum = 0.0;
        let ranks: Vec<f64> = (1..=questions)
            .map(|rank| {
                sum += f64::from(rank).powf(-0.8);
                sum
            })
            .collect();
        let asked = (0..requests)
            .map(|_| {
                let thrown = dice.throw() * sum;
                ranks.partition_point(|upto| *upto < thrown) as u32
            })
            .collect();
        Load {
            name: "zipf 0.80".to_owned(),
            asked,
            questions: questions as usize,
            dice,
        }
    }

    /// The same under another name.
    pub(super) fn named(mut self, name: &str) -> Load {
        name.clone_into(&mut self.name);
        self
    }

    /// A made-up run of this load. A replicated cache has room for a third as many different
    /// answers; while a node is dead, the questions of every third number are not cached.
    pub(super) fn run(&self, setup: &Setup) -> Run {
        let mut dice = self.dice.clone();
        let room = match setup.configuration {
            Configuration::Off => 0,
            Configuration::Replicated => setup.entries / 3,
            _ => setup.entries,
        };
        let mut used: HashMap<u32, usize> = HashMap::new();
        let mut sent_us = 0;
        let answers: Vec<Answer> = (0..self.asked.len())
            .map(|number| {
                let question = self.asked[number];
                let is_dead = setup.kill_at.is_some_and(|at| number >= at)
                    && setup.revive_at.is_none_or(|at| number < at);
                if setup.kill_at == Some(number) {
                    used.retain(|question, _| !question.is_multiple_of(3));
                }
                let is_cut = is_dead && question.is_multiple_of(3);
                let result = if room == 0 || is_cut {
                    RequestResult::Bypass
                } else if used.insert(question, number).is_some() {
                    RequestResult::Hit
                } else {
                    if used.len() > room {
                        let oldest = used.iter().min_by_key(|(_, when)| **when);
                        let oldest = *oldest.expect("there are more than none").0;
                        used.remove(&oldest);
                    }
                    RequestResult::Miss
                };
                let below_us = match result {
                    RequestResult::Hit => 0,
                    _ => 1_500 + (dice.skewed() * 900.0) as u32,
                };
                let hop = if setup.nodes > 1 { 40 } else { 0 };
                let took_us = 300 + hop + below_us + (dice.skewed() * 120.0) as u32;
                sent_us += u64::from(took_us);
                Answer {
                    question,
                    sent_us,
                    took_us,
                    below_us,
                    result,
                    node: None,
                }
            })
            .collect();
        Run {
            setup: Setup {
                load: self.name.clone(),
                questions: self.questions,
                ..setup.clone()
            },
            optimum: self.optimum(setup.entries),
            answers,
            took: Duration::from_micros(sent_us),
        }
    }

    /// Belady, slowly: of what is there and what comes, whatever is asked for last of all goes.
    fn optimum(&self, room: usize) -> Vec<bool> {
        let mut next = vec![usize::MAX; self.asked.len()];
        let mut seen: HashMap<u32, usize> = HashMap::new();
        for (number, question) in self.asked.iter().enumerate().rev() {
            if let Some(later) = seen.insert(*question, number) {
                next[number] = later;
            }
        }
        let mut there: HashMap<u32, usize> = HashMap::new();
        let asked = self.asked.iter().zip(next);
        asked
            .map(|(question, next)| {
                let is_hit = there.insert(*question, next).is_some();
                if there.len() > room {
                    let last = there.iter().max_by_key(|(_, next)| **next);
                    let last = *last.expect("there are more than none").0;
                    there.remove(&last);
                }
                is_hit
            })
            .collect()
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): chance enough for samples.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mostly below 1, now and then far above, as response times are.
    fn skewed(&mut self) -> f64 {
        let usual = -self.throw().max(1e-9).ln();
        if self.throw() < 0.02 {
            usual * 8.0
        } else {
            usual
        }
    }
}
