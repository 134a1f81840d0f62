"""The engine for GPUs, in Triton: imported only where it is chosen. `engine` is its front, `twins` defines it."""
