//! One world from its beginning to its end: first anything befalls it, then it is healed and must become whole.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};

use crate::{
    base::{
        dice::Dice,
        log::{Log, note},
    },
    checks::{agreement, copies, drops::Drops, listed, meant, statuses, traffic},
    clients::client,
    nemeses::{ghosts::forget_ghosts, strike_for_ever},
    scenarios::Scenario,
    world::{machine::Running, plan::Plan, state::World},
};

/// Within so long everything must be where it must be, once nothing befalls the world any more.
const HEALED_WITHIN: Duration = Duration::from_secs(300);
/// How often that is looked at.
const LOOKS: Duration = Duration::from_secs(3);

/// What is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How many machines each world begins with; drawn if it is not said.
    pub nodes: Option<usize>,
    /// What is played; none if the story is drawn as well.
    pub scenario: Option<Scenario>,
    /// Whether the log is printed as it is written.
    pub is_printed: bool,
}

/// What became of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash of the log: the same for the same seed.
    pub digest: String,
    /// What went wrong first; none if nothing did.
    pub wrong: Option<String>,
    /// The last lines of the log.
    pub tail: Vec<String>,
    /// How often what happened.
    pub counts: BTreeMap<String, u64>,
    /// How many seconds passed in the world.
    pub seconds: u64,
}

/// Runs the world of a seed.
///
/// # Panics
///
/// If no runtime can be made.
#[must_use]
pub fn run(seed: u64, options: Options) -> Report {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads and sockets");
    runtime.block_on(live(seed, options))
}

async fn live(seed: u64, options: Options) -> Report {
    let dice = Dice::new(seed);
    let plan = match &options.scenario {
        Some(scenario) => scenario.plan(),
        None => Plan::draw(&dice, options.nodes),
    };
    let log = Arc::new(Log::new(options.is_printed));
    note!(log, "seed {seed}: {plan:?}");
    let world = World::new(plan, dice, log, |world| Arc::new(Drops(world)));
    let lived = async {
        match &options.scenario {
            Some(scenario) => scenario.play(&world).await,
            None => endure(&world).await,
        }
        heal(&world).await;
    };
    tokio::select! {
        biased;
        () = world.goes_wrong() => {}
        () = lived => {}
    }
    for machine in world.machines() {
        if let Some(life) = &machine.life {
            world.look_for_panics(machine.number, life);
        }
    }
    Report {
        seed,
        digest: world.log.digest(),
        wrong: world.what_went_wrong(),
        tail: world.log.tail(),
        counts: world.counts(),
        seconds: world.log.now_ms() / 1000,
    }
}

/// Anything befalls the world, and nothing acknowledged may be denied.
async fn endure(world: &Arc<World>) {
    for _ in 0..world.plan.nodes {
        world.add_machine();
    }
    for machine in world.present() {
        world.start(machine.number);
        if world.dice.happens(0.5) {
            sleep(Duration::from_millis(world.dice.between(0, 3_000))).await;
        }
    }
    for number in 0..world.plan.clients {
        tokio::spawn(client(Arc::clone(world), number, world.dice.fork()));
    }
    tokio::spawn(strike_for_ever(Arc::clone(world), world.dice.fork()));
    sleep(world.plan.safety).await;
}

/// Nothing befalls the world any more, and it becomes whole.
async fn heal(world: &Arc<World>) {
    world.begin_healing();
    note!(world.log, "nothing befalls the world any more");
    world.network.heal();
    let began = Instant::now();
    let mut told = String::new();
    loop {
        bring_back(world).await;
        sleep(LOOKS).await;
        let Some(lacking) = lacking(world).await else {
            break;
        };
        if lacking != told {
            note!(world.log, "not whole: {lacking}");
            told.clone_from(&lacking);
        }
        if began.elapsed() > HEALED_WITHIN {
            world.wrong(format!(
                "not whole after {} s: {lacking}",
                HEALED_WITHIN.as_secs()
            ));
            return;
        }
    }
    note!(world.log, "whole after {} s", began.elapsed().as_secs());
    let all = world.network.take_traffic();
    if world.plan.nemeses.is_empty() {
        traffic::of_calm(world, all);
    }
    // It takes as long as all the rest. Who means harm makes others ask again and again.
    let is_hostile = |of: &Running| world.change(of.machine, |machine| machine.is_hostile());
    if world.dice.happens(0.2) && !world.running().iter().any(is_hostile) {
        sleep(Duration::from_secs(60)).await;
        traffic::at_rest(world, world.network.take_traffic());
    }
}

/// Everything comes back that can.
async fn bring_back(world: &Arc<World>) {
    for machine in world.present() {
        machine.disk.fill(false);
        machine.disk.slow(false);
        machine.disk.scrub();
        match &machine.life {
            Some(life) => life.thaw(),
            None => world.start(machine.number),
        }
    }
    forget_ghosts(world, &world.dice).await;
}

/// What is not as it must be; none if everything is.
async fn lacking(world: &World) -> Option<String> {
    let present = world.present();
    let running = world.running();
    if running.len() < present.len() || present.iter().any(|machine| machine.leaves) {
        return Some(format!("{} of {} nodes run", running.len(), present.len()));
    }
    if let Some(ghost) = present.iter().find(|machine| !machine.ghosts.is_empty()) {
        return Some(format!("machine {} has another id still", ghost.number));
    }
    let seen = agreement::differing(world).or_else(|| copies::missing(world));
    if let Some(seen) = seen.or_else(|| meant::surplus(world)) {
        return Some(seen);
    }
    let is_hostile = |of: &Running| world.change(of.machine, |machine| machine.is_hostile());
    // What it says of itself goes into every status.
    let all_tell_the_truth = !running.iter().any(is_hostile);
    for running in running.iter().filter(|of| !is_hostile(of)) {
        if let Some(lacking) = listed::lacking(world, running).await {
            return Some(lacking);
        }
        if all_tell_the_truth && let Some(untrue) = statuses::untrue(world, running).await {
            return Some(untrue);
        }
    }
    None
}
