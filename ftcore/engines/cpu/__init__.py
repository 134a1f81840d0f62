"""The quick engine on processors: native kernels over the tables' own memory. `engine` is its front."""
