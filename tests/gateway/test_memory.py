import platform
import subprocess
import sys

import pytest

# Eight threads that are at work at once take as many heaps: the library tells of each that it has.
HEAPS = """
import ctypes, threading
from gateway.memory import share_one_heap

if {shared}:
    assert share_one_heap()
together = threading.Barrier(8)

def work():
    together.wait()
    kept = [bytearray(1_000) for _ in range(1_000)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library has many heaps")
def test_threads_share_one_heap_when_told_to() -> None:
    def heaps(shared: bool) -> int:
        program = [sys.executable, "-c", HEAPS.format(shared=shared)]
        return subprocess.run(program, capture_output=True, text=True, check=True).stderr.count("Arena ")

    assert heaps(shared=False) > 1
    assert heaps(shared=True) == 1
