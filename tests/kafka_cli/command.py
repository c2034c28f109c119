"""The command: plays scenarios and prints what the tools print on both sides, and the differences."""

import argparse
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from harness.java_tools import JavaTools
from harness.process import end_children_on_signals
from kafka_cli import differences, nodes
from kafka_cli.compare import Verdict, play
from kafka_cli.scenarios import Scenario, all_scenarios, chosen, family_names
from kafka_cli.side import Side


def sides_of(scenario: Scenario, run: str, index: int, addresses: dict[str, str], tools: JavaTools) -> list[Side]:
    """Sides whose names tell the run and the scenario, so that no two scenarios meet."""
    return [Side(name, address, tools, f"{run}-{index}") for name, address in addresses.items()]


def report(verdict: Verdict, quiet: bool) -> str:
    problems = verdict.problems()
    if not quiet:
        first = verdict.played[0]
        print(f"--- {verdict.scenario} on {first.side.name}\n" + "\n".join(first.transcript()))
        for other in verdict.played[1:]:
            same = other.transcript() == first.transcript()
            print(f"--- {verdict.scenario} on {other.side.name}: "
                  + ("the same" if same else "\n" + "\n".join(other.transcript())))
    if problems:
        print(f"--- {verdict.scenario}: problems\n{problems}")
    return problems


def parse(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/kafka_cli.py", description=__doc__,
        epilog="families: " + " ".join(family_names()) + "; TIDELOG_BIN names Tidelog's binary",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="families, or family/scenario")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="leave these out")
    parser.add_argument("--only-kafka", action="store_true", help="no Tidelog: does Kafka do what is expected?")
    parser.add_argument("--only-tidelog", action="store_true", help="no Kafka")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a Kafka node that runs already")
    parser.add_argument("--tidelog", metavar="HOST:PORT", help="a Tidelog node that runs already")
    parser.add_argument("--quiet", action="store_true", help="print differences only")
    parser.add_argument("--list", action="store_true", help="print the scenarios")
    parser.add_argument("--differences", action="store_true", help="print the table of allowed differences")
    return parser.parse_args(arguments)


def main(arguments=None) -> int:
    options = parse(arguments)
    if options.list:
        print("\n".join(map(str, all_scenarios())))
        return 0
    if options.differences:
        print(differences.markdown())
        return 0
    try:
        wanted = chosen(options.only, options.without)
    except LookupError as unknown:
        sys.exit(str(unknown))
    end_children_on_signals()
    directory, failed, begun = Path(tempfile.mkdtemp(prefix="kafka-cli-")), [], time.monotonic()
    with ExitStack() as stack:
        addresses = {}
        if not options.only_tidelog:
            addresses["kafka"] = stack.enter_context(nodes.kafka(directory / "kafka", options.kafka))
        if not options.only_kafka:
            addresses["tidelog"] = stack.enter_context(nodes.tidelog(directory / "tidelog", options.tidelog))
        tools = JavaTools()
        stack.callback(tools.close)
        run = uuid.uuid4().hex[:4]
        for index, scenario in enumerate(wanted):
            verdict = play(scenario, sides_of(scenario, run, index, addresses, tools))
            problems = report(verdict, options.quiet)
            failed += [str(scenario)] if problems else []
            took = max(each.seconds for each in verdict.played)
            print(f"{scenario}: {'FAILED' if problems else 'ok'} in {took:.1f} s", flush=True)
    print("failed: " + (" ".join(failed) or "none"))
    print(f"{len(wanted) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0
