import re
import tomllib
from hashlib import sha256

import pytest

from gateway.console.assets import FOLDER, Assets
from tests.gateway.console_fixtures import Console

VENDOR = FOLDER / "vendor"
LISTED = tomllib.loads((VENDOR / "vendor.toml").read_text("utf-8"))

# Bytes of all that a page loads, compressed: 150 kB, less what the page itself may have.
LARGEST = 110_000


@pytest.mark.parametrize("name", LISTED)
def test_a_vendored_file_is_what_its_project_published(name: str) -> None:
    told = LISTED[name]
    assert told.keys() == {"package", "version", "sha256", "licence", "source"}
    assert sha256((VENDOR / name).read_bytes()).hexdigest() == told["sha256"]


def test_no_vendored_file_is_unlisted() -> None:
    assert {path.name for path in VENDOR.iterdir()} - {"vendor.toml"} == LISTED.keys()


def test_everything_together_is_small() -> None:
    assert sum(len(asset.compressed) for asset in Assets().files.values()) < LARGEST


def test_nothing_comes_from_elsewhere() -> None:
    for path in [*FOLDER.glob("*.css"), *FOLDER.glob("js/*.js"), *FOLDER.parent.glob("templates/*.html")]:
        text = re.sub(r'xmlns="[^"]+"', "", path.read_text("utf-8"))
        assert not re.findall(r"https?://", text), path.name
        assert not re.findall(r'(?i)\son[a-z]+="|<style|<script>|style=', text), path.name


async def test_files_are_kept_for_ever_under_the_address_of_their_contents(console: Console) -> None:
    assets = Assets()
    answer = await console.client.get(assets.url("console.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = await console.client.get(assets.url("console.css"), headers={"accept-encoding": "identity"})
    assert plain.content == (FOLDER / "console.css").read_bytes()


async def test_a_file_that_is_not_there_is_not_found(console: Console) -> None:
    assert (await console.client.get(f"{Assets().base}/../console.py")).status_code == 404
