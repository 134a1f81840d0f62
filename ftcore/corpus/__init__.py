"""Tokens to Parquet shards to ids."""
