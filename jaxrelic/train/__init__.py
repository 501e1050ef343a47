"""Training: state, step, devices, checkpoints, the loop."""
