"""The beds that cases run on: kernels as processes, and emulated machines."""
