#!/usr/bin/env python3
"""Runs Kafka's own command-line tools on Kafka and on Tidelog, and compares what they print.

`--only topics` chooses a family of scenarios, `--only-kafka` leaves Tidelog out.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.toolbox import Unavailable  # noqa: E402
from harness.tools import TOOLS  # noqa: E402
from kafka_cli.command import main  # noqa: E402

if __name__ == "__main__":
    try:
        TOOLS["kafka"].ensure()
    except Unavailable as reason:
        sys.exit(f"Kafka's tools are left out: {reason}")
    sys.exit(main())
