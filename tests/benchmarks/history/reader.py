"""A client that reads exports of everything, one after the other: `python -m tests.benchmarks.history.reader PORT`.

A process of its own that gives way to everything else, as a client on another machine would. It says how many bytes it
has read so far, a line for each 64 KiB.
"""

import os
import sys
from http.client import HTTPConnection

from tests.benchmarks.webhooks.servers import ADMIN_KEY


def main() -> None:
    os.nice(19)
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    total = told = 0
    while True:
        connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
        connection.request("GET", "/api/v1/calls/export?format=csv", headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"the export was answered with {response.status}")
        while chunk := response.read1(65_536):
            total += len(chunk)
            if total - told >= 65_536:
                print(total, flush=True)
                told = total


if __name__ == "__main__":
    main()
