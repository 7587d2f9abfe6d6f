"""What every decoder keeps, whatever its protocol: a test class inherits it, with its decoder and vectors."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.errors import PeerError
from colocroute.wire.stream import Decoder
from tests.lab.feeding import bytewise, outcome, pieces


class DecoderContract:
    """`vectors`: bytes and the one value they are; `mistakes`: bytes, index after the first bad one, text."""

    vectors: Sequence[tuple[bytes, object]]
    mistakes: Sequence[tuple[bytes, int, str]]

    def decoder(self) -> Decoder[object]:
        raise NotImplementedError

    def test_whole(self) -> None:
        for data, value in self.vectors:
            assert outcome(self.decoder(), [data]) == ([value], "", 0)

    def test_byte_by_byte(self) -> None:
        for data, value in self.vectors:
            assert outcome(self.decoder(), bytewise(data)) == ([value], "", 0)

    def test_with_a_tail(self) -> None:
        first, _ = self.vectors[0]
        for data, value in self.vectors:
            decoder = self.decoder()
            decoder.feed(data + first[:3])
            assert decoder.next() == value
            assert decoder.next() is None
            assert decoder.unread == 3

    def test_pipelined_in_order(self) -> None:
        stream = b"".join(data for data, _ in self.vectors)
        values = [value for _, value in self.vectors]
        assert outcome(self.decoder(), [stream]) == (values, "", 0)
        assert outcome(self.decoder(), pieces(stream, [7, 0, 1, 100, 4096])) == (values, "", 0)

    def test_nothing_from_a_part(self) -> None:
        for data, _ in self.vectors:
            assert outcome(self.decoder(), [data[:-1]]) == ([], "", len(data) - 1)

    def test_a_mistake_is_found_at_its_first_byte(self) -> None:
        for data, index, text in self.mistakes:
            assert outcome(self.decoder(), [data[: index - 1]])[:2] == ([], "")
            values, error, _ = outcome(self.decoder(), [data[:index]])
            assert values == []
            assert text in error
            assert outcome(self.decoder(), [data])[1] == error
            assert outcome(self.decoder(), bytewise(data))[1] == error

    def test_what_came_before_a_mistake_counts(self) -> None:
        good, value = self.vectors[0]
        for data, _, text in self.mistakes:
            values, error, _ = outcome(self.decoder(), [good + data])
            assert values == [value]
            assert text in error

    def test_refuses_more_after_a_mistake(self) -> None:
        good, _ = self.vectors[0]
        for data, _, text in self.mistakes:
            decoder = self.decoder()
            outcome(decoder, [data])
            with pytest.raises(PeerError, match=r".") as fed:
                decoder.feed(good)
            with pytest.raises(PeerError) as asked:
                decoder.next()
            assert text in str(fed.value) == str(asked.value)

    def test_linear_in_the_number_of_bytes(self) -> None:
        """200 KB in pieces of one byte; quadratic work would take minutes and hit the test's timeout."""
        shortest = min((data for data, _ in self.vectors), key=len)
        longest = max((data for data, _ in self.vectors), key=len)
        count = 100_000 // len(shortest)
        stream = shortest * count + longest * (100_000 // len(longest))
        values, error, unread = outcome(self.decoder(), bytewise(stream))
        assert (len(values), error, unread) == (count + 100_000 // len(longest), "", 0)
        assert len(outcome(self.decoder(), [stream])[0]) == len(values)

    def test_any_bytes_in_any_pieces(self) -> None:
        """The values and the error are those of the whole, and nothing but `PeerError` is raised."""
        samples = [data for data, _ in self.vectors] + [data for data, _, _ in self.mistakes]
        parts = st.one_of(st.sampled_from([one for one in samples if len(one) < 1000]), st.binary(max_size=9))

        @given(st.lists(parts, max_size=6), st.lists(st.integers(0, 40), max_size=20))
        def check(streams: list[bytes], sizes: list[int]) -> None:
            stream = b"".join(streams)
            expected = outcome(self.decoder(), [stream])
            assert outcome(self.decoder(), bytewise(stream)) == expected
            assert outcome(self.decoder(), pieces(stream, sizes)) == expected

        check()
