"""Speed, as ratios side by side in one run. `make bench` runs all; `python -m benchmarks NAME` runs one."""
