"""The rulebook agrees with a plain model, whatever is done to it in whatever order, and whenever the power fails."""

from tests.flows.rulebook_machine import run_machine


def test_publishing_and_overriding_agree_with_the_model_through_every_failure() -> None:
    """Done-when 4 of the issue on editing; hours of it by `python -m tests.flows.rulebook_machine`."""
    tally = run_machine(examples=8, steps=12, derandomize=True)
    for happened in ("publish done", "edit done", "disk failed: done", "power failed: done", "failed: not"):
        assert any(happened in what for what in tally), tally
