"""Each scenario prints the same on Kafka and on Tidelog, but for the differences that are explained."""

import pytest

from kafka_cli.compare import play


def test_scenario(scenario, sides_for):
    problems = play(scenario, sides_for(scenario)).problems()
    if problems:
        pytest.fail(f"{scenario}\n{problems}", pytrace=False)
