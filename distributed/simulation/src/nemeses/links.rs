//! Cuts, in one direction or both, and bad weather.

use std::{net::SocketAddr, time::Duration};

use super::strike::Strike;

impl Strike<'_> {
    /// The addresses of all machines, in an order of chance.
    fn addresses(&self) -> Vec<SocketAddr> {
        let machines = self.world.present();
        let mut addresses: Vec<_> = machines.iter().map(|machine| machine.address).collect();
        self.dice.shuffle(&mut addresses);
        addresses
    }

    /// Cuts from some to others, for as long as the strike lasts.
    fn cut_between(&self, from: Vec<SocketAddr>, to: Vec<SocketAddr>, both: bool) -> bool {
        let network = self.world.network.clone();
        let set = move |is_cut: bool| {
            for (from, to) in from
                .iter()
                .flat_map(|from| to.iter().map(move |to| (from, to)))
            {
                network.cut(*from, *to, is_cut);
                if both {
                    network.cut(*to, *from, is_cut);
                }
            }
        };
        set(true);
        self.world.later(self.lasting, move |_| set(false));
        true
    }

    pub(super) fn cut(&self) -> bool {
        let mut others = self.addresses();
        let Some(one) = others.pop() else {
            return false;
        };
        self.cut_between(vec![one], others, true)
    }

    pub(super) fn split(&self) -> bool {
        let mut some = self.addresses();
        let others = some.split_off(some.len() / 2);
        self.cut_between(some, others, true)
    }

    pub(super) fn one_way(&self) -> bool {
        let mut some = self.addresses();
        let others = match self.dice.happens(0.5) {
            true => some.split_off(1.min(some.len())),
            false => some.split_off(some.len() / 2),
        };
        match self.dice.happens(0.5) {
            true => self.cut_between(some, others, false),
            false => self.cut_between(others, some, false),
        }
    }

    /// Swizzle-clog, as FoundationDB calls it.
    pub(super) fn clog(&self) -> bool {
        let mut some = self.addresses();
        some.truncate(1 + self.dice.below(some.len()));
        let all = self.addresses();
        for (turn, one) in some.iter().copied().enumerate() {
            let others: Vec<_> = all.iter().copied().filter(|other| *other != one).collect();
            let (network, step) = (self.world.network.clone(), self.lasting / 4);
            let set = move |is_cut: bool| {
                for other in &others {
                    network.cut(one, *other, is_cut);
                    network.cut(*other, one, is_cut);
                }
            };
            let again = set.clone();
            self.world.later(step * turn as u32, move |_| set(true));
            let after = self.lasting + step * turn as u32 + self.about();
            self.world.later(after, move |_| again(false));
        }
        !some.is_empty()
    }

    pub(super) fn storm(&self) -> bool {
        let addresses = self.addresses();
        let pairs = addresses
            .iter()
            .flat_map(|from| addresses.iter().map(move |to| (*from, *to)));
        let slow: Vec<_> = pairs.filter(|_| self.dice.happens(0.3)).collect();
        let network = self.world.network.clone();
        for (from, to) in &slow {
            network.slow(*from, *to, self.dice.between(20, 1_500));
        }
        network.lose([0.02, 0.1, 0.3][self.dice.below(3)]);
        let before = self.world.plan.weather.loss;
        let lasting = self.lasting.max(Duration::from_secs(1));
        self.world.later(lasting, move |_| {
            network.lose(before);
            for (from, to) in slow {
                network.slow(from, to, 0);
            }
        });
        true
    }
}
