"""The quick engine on processors: Numba kernels over the torch parameters' own memory. `engine` is its front."""
