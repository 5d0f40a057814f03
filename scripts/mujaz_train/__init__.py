"""Shared parts of the mujaz training scripts: text rules, corpora, the model, and its data."""
