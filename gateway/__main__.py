"""`python -m gateway`, and the command `gateway`.

Only the standard library, and syntax that Python 3.8 can read, until everything else has been found: whoever runs this
in a bare clone is told what to do instead of being shown a traceback.
"""

import sys
from pathlib import Path

INSTALL = """gateway: {why}

To install it beside the source, in {folder}:

  python3 -m venv .venv
  .venv/bin/pip install -e .
  .venv/bin/gateway demo

(Debian and Ubuntu need `apt install python3-venv` first.)
"""


def main() -> None:
    """Run the command line, or explain how to install what it needs (exit code 2)."""
    if sys.version_info < (3, 11):  # noqa: UP036  pip checks it too, but a bare clone knows no pip
        _explain(f"this is Python {sys.version_info[0]}.{sys.version_info[1]}, and 3.11 or newer is needed.")
    try:
        from gateway.cli.main import cli
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module in ("", "gateway", "routing_rules"):  # a mistake of ours, which a reinstallation would not cure
            raise
        _explain(f"{module} is not installed for {sys.executable}.")
    cli(prog_name="gateway")


def _explain(why: str) -> None:
    folder = Path(__file__).resolve().parent.parent
    installed = folder / ".venv" / "bin" / "gateway"
    if installed.exists() and Path(sys.prefix) != folder / ".venv":
        sys.stderr.write(f"gateway: {why}\n\nIt is installed in a virtual environment; run {installed}\n")
    else:
        sys.stderr.write(INSTALL.format(why=why, folder=folder))
    raise SystemExit(2)


if __name__ == "__main__":
    main()
