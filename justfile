# The commands of this project. `just` lists them.

default:
    @just --list

# Format, lints, licences and documentation
check:
    tests/check

# Everything: build, Rust tests, real clients, crashes, hostile requests
test *stages:
    tests/run {{stages}}

# The Rust tests alone
unit *args:
    cargo test --workspace {{args}}

fmt:
    cargo fmt --all

build:
    cargo build --release --bin tidelog

# A broker in memory, for trying things out
serve *args="--store memory://":
    cargo run --bin tidelog -- serve {{args}}

# Installs what the tests need beyond Rust
setup *tools:
    tests/setup {{tools}}

# Kills a broker again and again and looks for lost records
crash *args:
    tests/crash.py {{args}}

# Malformed requests and stalled connections
hostile *args:
    tests/hostile.py {{args}}

# The figures next to Apache Kafka's
bench *args:
    tests/bench_compare.py {{args}}
