from typing import Any

import pytest

from gateway.console.profile_form import edited, form_of, mistakes_by_field, profile_of, root, texts_of
from gateway.console.schema_controls import Control
from gateway.console.schema_fields import Either, Table
from gateway.profiles.problems import find_problems_of
from tests.gateway.profiles.wrong import FUNCTION, model


def controls_in(control: Control) -> list[Control]:
    return [control, *(inner for part in control.parts for inner in controls_in(part))]


def controls_of(sent: Any, notes: Any = None, **profiles: Any) -> list[Control]:
    """Every control of a form."""
    form = form_of(sent, notes or {}, profiles, "sales")
    return [inner for control in form.controls for inner in controls_in(control)]


def told(profile: dict[str, Any]) -> dict[str, str]:
    """What the form says beside its fields."""
    sent = texts_of(profile)
    notes = mistakes_by_field(sent, find_problems_of({"sales": profile}, "sales", {}, None))
    return {one.path: note.text for one in controls_of(sent, notes) for note in one.notes}


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_every_field_of_the_schema_is_shown_once(kind: str) -> None:
    table = root().kinds[kind]
    assert isinstance(table, Table)
    shown = [one.path for one in controls_of({"p?": [kind]})]
    assert sorted(f"p.{name}" for name in table.members if name != "audio") == sorted(
        path for path in shown if path.count(".") == 1 and path != "p.audio"
    )
    assert {path for path in shown if path.startswith("p.audio.input.")} >= {
        "p.audio.input.turn_detection",
        "p.audio.input.format",
    }
    assert shown.count("p!") == 1


@pytest.mark.parametrize(
    ("profile", "field", "words"),
    [
        (model(audio={"output": {"speed": 9}}), "p.audio.output.speed", "at most 1.5"),
        (model(audio={"output": {"voise": "x"}}), "p.audio.output!", "did you mean 'voice'"),
        (model(tools=[FUNCTION, {"type": "mcp"}]), "p.tools.1.server_label", "is missing"),
        (model(silence={"say": "Hello?"}), "p.silence.seconds", "is missing"),
        (model(instructons="x"), "p!", "did you mean 'instructions'"),
        (model(model="gpt-9"), "p.model", "sent all the same"),
        (model(keys={"0": {"transfer": "desk"}}), "p.keys.0.transfer", "desk"),
        (model(audio={"input": {"turn_detection": {"type": "vad"}}}), "p.audio.input!", "semantic_vad"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(profile: dict[str, Any], field: str, words: str) -> None:
    assert words in told(profile)[field]


def test_rows_are_added_and_removed() -> None:
    sent = texts_of(model(tools=[FUNCTION], transfers={"desk": "tel:+494066969301"}))
    more = edited({**sent, "p.transfers.1#": [""], "p.transfers.1": [""]}, "add:p.tools:mcp")
    assert more["p.tools.1?"] == ["mcp"]
    assert "p.transfers.1#" not in more
    less, _ = profile_of(edited(more, "remove:p.tools.0"))
    assert less["tools"] == [{"type": "mcp"}]
    assert less["transfers"] == {"desk": "tel:+494066969301"}


def test_what_a_parent_says_is_shown_where_its_heir_says_nothing() -> None:
    base = model(audio={"output": {"voice": "cedar"}})
    shown = {one.path: one.inherited for one in controls_of(texts_of({"extends": "base"}), base=base)}
    assert shown["p.audio.output.voice"] == "cedar"
    assert shown["p.model"] == base["model"]


def test_an_unknown_model_is_kept_and_known_ones_are_offered() -> None:
    (control,) = (one for one in controls_of(texts_of(model(model="my-deployment"))) if one.path == "p.model")
    assert control.value == "my-deployment"
    assert "gpt-realtime-2.1" in {option.value for option in control.options}
    assert any("shut down" in option.label for option in control.options)


def test_the_root_is_one_of_two_kinds() -> None:
    assert isinstance(root(), Either)
    assert list(root().kinds) == ["transcription", "realtime"]
