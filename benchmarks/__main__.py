"""Run the benchmarks that are named, or all, each in a process of its own, so that none warms another.

`--quick` takes fewer and shorter rounds: for a look, not for figures to quote.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHARED = set(
    "deployment flight_raw load postgraphile postgres processes questions roapi servers tables tpch".split()
    + "wire_client wire_pull".split()
)
ALL = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_") and path.stem not in SHARED)


def main(wanted: list[str]) -> int:
    """Exit 1 if a benchmark could not run; its figures are no verdict."""
    if "--quick" in wanted:
        os.environ["OUTPORT_BENCH_QUICK"] = "1"
        wanted = [name for name in wanted if name != "--quick"]
    unknown = set(wanted) - set(ALL)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
        return 2
    failed = []
    for name in wanted or ALL:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
