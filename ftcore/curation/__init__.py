"""What is worth learning from: filters tried on a sample, a quality model, its scores."""
