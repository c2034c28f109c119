"""The comparison itself: it must hide what may differ, and nothing else."""

import pytest

from harness.java_tools import Outcome
from harness.stages import REPO
from kafka_cli import differences
from kafka_cli.compare import Played, Verdict, play, shown
from kafka_cli.scenarios import Scenario, all_scenarios, chosen
from kafka_cli.served import SERVED
from kafka_cli.side import Side
from kafka_cli.step import Broken, Step


def step(stdout: str, stderr: str = "", status: int = 0, command: str = "kafka-topics --list", **options) -> Step:
    return Step(command, Outcome(status, stdout.encode(), stderr), **options)


def lines(*arguments, **options) -> list[str]:
    return shown(step(*arguments, **options))[2:-1]


def verdict(*steps: Step) -> Verdict:
    sides = [Side(name, "127.0.0.1:1", None, "tag") for name in ("kafka", "tidelog")]
    for side, each in zip(sides, steps):
        side.steps.append(each)
    return Verdict(Scenario("family", "name", lambda side: None), [Played(side) for side in sides])


def test_the_same_is_no_problem():
    assert verdict(step("one\n"), step("one\n")).problems() == ""


def test_output_errors_status_and_order_are_compared():
    said = step("one\ntwo\n", "err\n")
    for other in (step("one\n", "err\n"), step("two\none\n", "err\n"), step("one\ntwo\n", "other\n"),
                  step("one\ntwo\n", "err\n", status=1)):
        assert verdict(said, other).problems()


def test_a_step_too_few_is_a_problem():
    one = verdict(step("one\n"), step("one\n"))
    one.played[0].side.steps.append(step("two\n"))
    assert "two" in one.problems()


def test_unmet_expectations_and_breaking_off_are_problems():
    assert "status 0" in verdict(step("x", status=1).ok(), step("x", status=1).ok()).problems()
    assert "'y'" in verdict(step("x").prints("y"), step("x").prints("y")).problems()
    assert verdict(step("x").prints("x").lacks("y").ok(), step("x").ok()).problems() == ""

    def breaks(side):
        raise Broken("nobody came")

    assert "nobody came" in play(Scenario("family", "name", breaks), [Side("kafka", "a:1", None, "t")]).problems()


def test_a_rate_may_be_negative():
    columns = [step(f"1000, {took}, {rate}\n", command="kafka-consumer-perf-test --topic t")
               for took, rate in ((210, "4761.9048"), (-12, "-83333.3333"))]
    assert verdict(*columns).problems() == ""


def test_an_assignment_may_be_empty_before_it_is_not():
    said = '{"timestamp":%d,"name":"partitions_%s","partitions":[%s]}\n'
    some = said % (1795286059794, "assigned", '{"topic":"t","partition":0}')
    early = said % (1795286059700, "assigned", "") + some
    command = "kafka-verifiable-consumer --topic t"
    assert verdict(step(some, command=command), step(early, command=command)).problems() == ""
    for other in ("", some + said % (1795286059799, "revoked", "")):
        assert verdict(step(some, command=command), step(other, command=command)).problems()


def test_what_no_two_clusters_share_is_hidden():
    for ours, theirs in (
        ("HhYkGDukRMeWKfBq4PhNVg", "o-T73klOQdiRQ3SroND-mQ"), ("at 127.0.0.1:9092", "at 127.0.0.1:40123"),
        ("consumer-a-b-3-6f9f6d44-9f83-4d5a-8f25-0123456789ab", "consumer-a-b-12-00000000-9f83-4d5a-8f25-0123456789ab"),
        ("CreateTime:1795286059794", "CreateTime:1795286059999"), ("A    B", "A  B"),
    ):
        assert lines(ours) == lines(theirs)


def test_what_tells_something_is_not_hidden():
    for ours, theirs in (
        ("GroupNotEmptyException", "UnknownServerException"), ("topic 0 4 4 0", "topic 0 4 5 1"), ("a\tb", "a b"),
        ("Partition: 0", "Partition: 1"), ("retention.ms=1000000000000", "retention.ms=1000000000001"),
        ("consumer-a-b-3", "consumer-a-c-3"),
    ):
        assert lines(ours) != lines(theirs)


def test_stack_frames_warnings_and_usage_are_hidden_and_errors_are_not():
    trace = "java.lang.Error: why\n\tat org.apache.Thing.call(Thing.java:1)\n\t... 3 more\nlog|WARN Thing slow\n"
    assert lines("", trace) == ["err|java.lang.Error: why"]
    assert lines("", "log|ERROR Thing why at org.apache.Thing.call(Thing.java:1) ... 3 more \n") == ["log|ERROR Thing why"]
    assert lines("", "wrong\nOption     Description\n--x    y\n") == ["err|wrong", "USAGE"]


def test_rules_on_request_and_of_other_tools_do_not_apply():
    said = "group topic 0 3 0"
    assert lines(said, command="kafka-share-groups --describe") == [said]
    assert lines(said, command="kafka-share-groups --describe", differs="start of a share group") == [
        "group topic 0 START 0"]
    feature = "Feature: kraft.version SupportedMinVersion: 0"
    assert lines(feature, command="kafka-features describe") == []
    assert lines(feature, command="kafka-topics --list") == [feature]


def test_every_request_for_a_rule_names_one():
    asked = {text.split('"')[1] for path in (REPO / "tests/kafka_cli/families").glob("*.py")
             for text in path.read_text().split("differs=")[1:]}
    assert asked == {rule.name for rule in differences.ALLOWED if rule.on_request}


def test_what_is_served_is_known():
    assert chosen(list(SERVED)) and len(set(map(str, all_scenarios()))) == len(all_scenarios())


def test_scenarios_are_chosen_by_family_name_and_pattern():
    def names(*only: str, without=()) -> list[str]:
        return [str(each) for each in chosen(only, without)]

    assert names("topics/delete") == ["topics/delete"]
    assert names("topics") == names("topics/*") and "topics/delete" in names("topics")
    assert names("topics", without=["topics/[!d]*", "topics/describe*"]) == ["topics/delete"]
    with pytest.raises(LookupError, match="nonsense"):
        names("topics", "nonsense")


def test_the_documentation_has_the_table_of_differences():
    assert differences.markdown() in (REPO / "docs/kafka-support.md").read_text()


def test_an_assignment_that_another_error_cut_off_may_be_logged():
    command = "kafka-console-consumer --topic bad/name"
    failed = "log|ERROR ConsumerMembershipManager Reconciliation failed. java.util.concurrent.CompletionException: "
    cut = failed + "TimeoutException: PartitionsAssignedEvent could not be completed before the consumer closed\n"
    other = failed + "TimeoutException: the coordinator did not answer\n"
    assert lines("", cut, command=command) == []
    assert lines("", other, command=command) == [other.strip()]
