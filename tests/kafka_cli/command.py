"""The command: plays scenarios and prints what the tools print on both sides, and the differences."""

import argparse
import shutil
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from broker import binary_path
from harness.java_tools import JavaTools
from harness.process import Failed, end_children_on_signals
from kafka_cli import differences, nodes
from kafka_cli.compare import Verdict, play
from kafka_cli.scenarios import all_scenarios, chosen, family_names
from kafka_cli.side import Side


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
    parser.add_argument("--two-kafkas", action="store_true",
                        help="a second Kafka instead of Tidelog: what differs then, no scenario may compare")
    parser.add_argument("--only-tidelog", action="store_true", help="no Kafka")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a Kafka node that runs already")
    parser.add_argument("--tidelog", metavar="HOST:PORT", help="a Tidelog node that runs already")
    parser.add_argument("--patience", type=float, default=30, metavar="SECONDS",
                        help="how long to wait for what a scenario waits for; default: 30")
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
        with_tidelog = not options.only_kafka and not options.two_kafkas
        if with_tidelog and not options.tidelog:
            binary_path()
    except (LookupError, Failed) as wrong:
        sys.exit(str(wrong))
    end_children_on_signals()
    directory, failed, begun = Path(tempfile.mkdtemp(prefix="kafka-cli-")), [], time.monotonic()
    with ExitStack() as stack:
        addresses = {}
        if not options.only_tidelog:
            addresses["kafka"] = stack.enter_context(nodes.kafka(directory / "kafka", options.kafka))
        if options.two_kafkas:
            addresses["kafka again"] = stack.enter_context(nodes.kafka(directory / "again"))
        if with_tidelog:
            addresses["tidelog"] = stack.enter_context(nodes.tidelog(directory / "tidelog", options.tidelog))
        tools = JavaTools()
        stack.callback(tools.close)
        run = uuid.uuid4().hex[:4]
        for index, scenario in enumerate(wanted):
            verdict = play(scenario, [Side(name, address, tools, f"{run}-{index}", options.patience)
                                      for name, address in addresses.items()])
            problems = report(verdict, options.quiet)
            failed += [str(scenario)] if problems else []
            took = max(each.seconds for each in verdict.played)
            print(f"{scenario}: {'FAILED' if problems else 'ok'} in {took:.1f} s", flush=True)
    if failed:
        print(f"the nodes' logs: {directory}")
    else:
        shutil.rmtree(directory)
    print("failed: " + (" ".join(failed) or "none"))
    print(f"{len(wanted) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0
