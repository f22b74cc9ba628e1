# make test    all that is checked; installs what it needs through apt when run as root
# make soak    what takes long: many kills, many sequences of what befalls machines, twenty machines under use, half a
#              million mutated inputs for each parser, many simulated worlds, planted faults
# make simulate   whole nodes on simulated machines, a minute of seeds; flags in ARGS
# make bench   all measurements, for docs/BENCHMARKS.md
# make demo    three nodes and the web player on this machine
# make build   target/release/kadenza

.PHONY: build demo test checks soak simulate bench

build:
	cargo build --release --locked --bin kadenza

demo:
	cargo run --release --locked --bin kadenza -- demo

test: checks
	.ci/install chromium:chromium chromedriver:chromium-driver postgres:postgresql redis-server:redis-server python3:python3
	.ci/install-schemathesis
	# Most tests wait for servers and clocks, so twice as many as there are cores run at a time.
	KADENZA_REQUIRE=1 RUST_TEST_THREADS=$$((2 * $$(nproc))) cargo test --workspace --locked

checks:
	.ci/install cc:gcc
	.ci/checks

soak:
	.ci/install cc:gcc redis-server:redis-server
	KADENZA_REQUIRE=1 KADENZA_KILL_ROUNDS=400 KADENZA_SEQUENCES=200 \
		cargo test --workspace --locked --test all -- --nocapture kills sequences
	KADENZA_REQUIRE=1 KADENZA_CROWD=20 KADENZA_CROWD_SECONDS=600 \
		cargo test --workspace --locked --test all -- --nocapture --test-threads 1 crowd
	cargo run --release --locked --package kadenza-fuzz --bin fuzz -- --inputs 500000 --keep target
	cargo run --release --locked --package kadenza-simulation --bin simulate -- --seconds 1200
	distributed/simulation/faults/try

simulate:
	cargo run --release --locked --package kadenza-simulation --bin simulate -- $(ARGS)

bench:
	.ci/install cc:gcc nginx:nginx-light wrk:wrk postgres:postgresql redis-server:redis-server
	cargo bench --workspace --locked --bench '*'
