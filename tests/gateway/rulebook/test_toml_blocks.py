import pytest
from hypothesis import given, settings

from gateway.rulebook.file_form import write_toml
from gateway.rulebook.toml_blocks import cut, joined
from routing_rules import Rulebook, write_document
from tests.gateway.rulebook.rulebooks import rulebooks

ARRAYS = {"rules"}

FILE = '''\
# The rules of Example Ltd.

default = { reject = 603 }  # tell carriers not to come back

[profiles.sales]
model = "m"
instructions = """
[rules]
# no comment"""
[profiles.sales.audio]
voice = "marin"

# ---- rules ----

# Bob calls too often.
# He was told.
[[rules]]
id = "bob"
when = { caller = [
  "+15550009999", # [[rules]]
] }
# within the rule
then = { reject = 486 }
[[ "rules" ]] # quoted
id = "last"
[rules."when"]
called = "+1"

# the end
'''


def test_a_file_is_cut_at_its_headers() -> None:
    blocks = cut(FILE, ARRAYS)
    assert joined(blocks) == FILE
    assert [block.path for block in blocks] == [(), ("profiles", "sales"), ("rules",), ("rules",), ()]
    assert blocks[-1].text == "\n# the end\n"
    assert blocks[0].body == FILE[: FILE.index("\n[profiles")]
    assert blocks[1].body.endswith('voice = "marin"\n')


def test_the_comment_right_above_a_header_is_the_blocks_own() -> None:
    blocks = cut(FILE, ARRAYS)
    assert (blocks[2].gap, blocks[2].comment) == (
        "\n# ---- rules ----\n\n",
        "# Bob calls too often.\n# He was told.\n",
    )
    assert (blocks[3].gap, blocks[3].comment) == ("", "")


@pytest.mark.parametrize("text", ["", "\n\n# nothing\n", "a = 1", "[a.b]", "a = 1\r\n\r\n# x\r\n[[rules]]\r\nid = 'a'"])
def test_any_file_is_its_blocks(text: str) -> None:
    blocks = cut(text, ARRAYS)
    assert joined(blocks) == text


@settings(max_examples=30, deadline=None)
@given(rulebooks())
def test_a_written_rulebook_has_one_block_for_each_rule(rulebook: Rulebook) -> None:
    text = write_toml(write_document(rulebook), 1)
    blocks = cut(text, ARRAYS)
    assert joined(blocks) == text
    assert [block.path for block in blocks].count(("rules",)) == len(rulebook.rules)
