from gateway.console.upload import Comparison, added, compare


def test_a_file_is_compared_with_what_is_there() -> None:
    assert compare(("+1", "+2", "+3"), ("+3", "+4")) == Comparison(new=2, known=1, gone=1)
    assert compare((), ("+4",)) == Comparison(new=0, known=0, gone=1)


def test_what_is_added_comes_last_and_once() -> None:
    assert added(("+3", "+4"), ("+1", "+4", "+2")) == ["+3", "+4", "+1", "+2"]
