"""The reader itself: of what nothing is known, it must not say that it is empty."""

from concurrent.futures import Future

from confluent_kafka.admin import ListOffsetsResultInfo

from durability.reader import Reader

PAIRS = [("tides", 0), ("tides", 1)]


class Admin:
    """Answers as librdkafka does when a broker does not: without an error, and without an offset."""

    def __init__(self, *answers: dict[int, int]):
        self.answers = list(answers)

    def list_offsets(self, wanted, request_timeout):
        answer, found = self.answers.pop(0), {}
        for where in wanted:
            found[where] = Future()
            found[where].set_result(ListOffsetsResultInfo(answer[where.partition], -1, -1))
        return found


def test_a_partition_whose_end_is_not_known_is_asked_for_again():
    reader = Reader.__new__(Reader)
    reader.admin = Admin({0: 7, 1: -1001}, {1: 0})
    assert reader.end_offsets(PAIRS) == {("tides", 0): 7, ("tides", 1): 0}
