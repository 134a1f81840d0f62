"""Raw documents to prepared ones: parts, Parquet shards, their manifest, duplicates."""
