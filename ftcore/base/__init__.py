"""The ground floor: files, processes, threads, cores, interruption; nothing of text or models."""
