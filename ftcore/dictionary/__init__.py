"""Words to numbers: the dictionary, what reads lines for it, and corpora of ids."""
