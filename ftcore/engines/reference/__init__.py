"""The engine that defines the semantics, in plain torch, on any device. `engine` is its front."""
