"""`make bench`, or `python -m benchmarks [subject…]`: each benchmark in a process of its own, one after another.

Ends with 1 if a benchmark failed, which it does only when an output was wrong; a missed target is printed, not failed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

SUBJECTS = tuple(sorted(path.stem.removesuffix("_bench") for path in Path(__file__).parent.glob("*_bench.py")))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"one of {', '.join(SUBJECTS)}; default: all")
    wanted = parser.parse_args().subjects or SUBJECTS
    unknown = sorted(set(wanted) - set(SUBJECTS))
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    failed = [subject for subject in wanted if not _run(subject)]
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(subject: str) -> bool:
    print(f"\n== {subject} ==", flush=True)
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{subject}_bench"])
    print(f"-- {subject}: {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
